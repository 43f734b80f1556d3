"""The device that the host has assigned to this worker: a GPU, a part of one, or the processor."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from snakeden import environment_names

__all__ = ["Device", "device"]

KINDS: Final = ("cuda", "rocm", "mps", "xpu", "cpu")

_NAMES: Final = {"cuda": "cuda:0", "rocm": "cuda:0", "mps": "mps", "xpu": "xpu:0", "cpu": "cpu"}
"""The names that torch has for the first device of each kind; ROCm uses those of CUDA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device, as the code of a worker sees it. Get it by `device()`, or make one for a test.

    `str()` of it is the name that torch takes: "cuda:0" for CUDA and ROCm, "xpu:0", "mps", "cpu".
    A worker sees no accelerator but its own, so the number is 0 on every device.
    """

    kind: str = "cpu"
    """One of "cuda", "rocm", "mps", "xpu" and "cpu"."""
    physical: str = ""
    """The id that the host has for it, such as "cuda:3"; empty if the pool assigns no device."""
    uuid: str | None = None
    """The id that the vendor gave it, such as "GPU-..."; None if unknown."""
    name: str = ""
    """The product name, such as "NVIDIA L4"; may be empty."""
    memory_bytes: int | None = None
    """The memory of the whole device; None if unknown."""
    share: float = 1.0
    """The part of the device that this worker may use: 0.25 if four workers share it."""
    reserved_bytes: int | None = None
    """The device memory that the pool reserves for this worker; None if it reserves none."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            allowed = ", ".join(KINDS)
            raise ValueError(f"kind: given {self.kind!r}, which is unknown; allowed: {allowed}")

    @property
    def index(self) -> int:
        """The number of the device among those that this worker sees: 0."""
        return 0

    def limit_memory(self) -> bool:
        """Limit torch to the share of the device, so that it leaves the rest to other workers.

        The limit is the reservation of the pool or, without one, nine tenths of the share: the
        CUDA context of each process takes memory that no limit counts.

        Call it in `setup()`, after `import torch` and before a model is loaded. torch then raises
        its own error for an allocation above the limit. The limit holds for torch in this process
        only: other libraries and processes that a tool starts do not know of it.

        Returns:
            True if torch was limited. False if this worker has the device to itself, if the device
            is not one of CUDA or ROCm, or if torch is not imported or sees no device.
        """
        torch: Any = sys.modules.get("torch")
        if torch is None or self.share >= 1 or self.kind not in ("cuda", "rocm"):
            return False
        if not torch.cuda.is_available():
            return False
        fraction = 0.9 * self.share if self.reserved_bytes is None else self.share
        torch.cuda.set_per_process_memory_fraction(fraction, self.index)
        return True

    def __str__(self) -> str:
        return _NAMES[self.kind]


PRETENDED: Final[dict[object, Device]] = {}
"""The devices of tests that run now by the test, the latest one last."""


def device() -> Device:
    """Return the device of this worker; it never changes.

    Works everywhere in a worker: while the adapter is imported, in `setup()`, in tools, in threads,
    and in processes that tools start. In a pool that assigns no device, and outside of a worker, it
    is the processor with an empty `physical`. A test sets it by `running_call(device=...)`.

    Raises:
        RuntimeError: The environment does not describe a device as a host does.
    """
    return list(PRETENDED.values())[-1] if PRETENDED else _assigned()


@cache
def _assigned() -> Device:
    text = os.environ.get(environment_names.DEVICE, "")
    if not text:
        return Device()
    # Imported only by workers that have a device.
    import json

    try:
        data = json.loads(text)
        memory, reserved = data["memoryBytes"], data["reservedBytes"]
        return Device(
            kind=data["kind"],
            physical=data["id"],
            uuid=data["uuid"],
            name=data["name"],
            memory_bytes=None if memory is None else int(memory),
            share=float(data["share"]),
            reserved_bytes=None if reserved is None else int(reserved),
        )
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        given = text if len(text) <= 200 else f"{text[:200]}..."
        raise RuntimeError(
            f"{environment_names.DEVICE}: given {given}, which is not a device as a Snakeden host "
            f"describes it ({type(error).__name__}: {error}); only the host may set it"
        ) from error
