"""The adapter of scripts/gpu_check.ts: says where each worker runs, and holds memory there."""

from __future__ import annotations

import ctypes
import json
import os
import uuid
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from snakeden import Adapter, device, tool

HELD_BYTES = 128 * 2**20
VARIABLES = ("CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")


class GpuProbe(Adapter):
    """A worker that looks around when it starts."""

    def setup(self) -> None:
        """Write what this process sees to a file that is named for its pid."""
        folder = Path(os.environ["GPU_CHECK_FOLDER"])
        worker = os.environ["SNAKEDEN_WORKER_ID"]
        alive = _alive_in_slot(folder, worker)
        self.held: list[Any] = []
        place = device()
        self._report = {
            "worker": worker,
            "pid": os.getpid(),
            "created": psutil.Process().create_time(),
            "device": {"id": place.physical, "uuid": place.uuid, "share": place.share},
            "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
            "alive": alive,
            "driver": _attempt(self._ask_driver) if place.kind == "cuda" else None,
            "torch": _attempt(self._ask_torch) if find_spec("torch") is not None else None,
        }
        # A host never reads half a report.
        path = folder / f"{os.getpid()}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(self._report))
        part.rename(path)

    @tool
    def report(self) -> dict[str, Any]:
        """Return what this worker saw at its start."""
        return self._report

    def _ask_driver(self) -> dict[str, Any] | None:
        """Ask the driver of NVIDIA itself, which needs no package, and hold memory."""
        try:
            cuda = ctypes.CDLL("libcuda.so.1")
        except OSError:
            return None
        count, ordinal, context = ctypes.c_int(), ctypes.c_int(), ctypes.c_void_p()
        pointer, total = ctypes.c_uint64(), ctypes.c_size_t()
        free, raw = ctypes.c_size_t(), (ctypes.c_ubyte * 16)()
        # The first form names the GPU of a MIG instance, the second the instance.
        form = "cuDeviceGetUuid_v2" if hasattr(cuda, "cuDeviceGetUuid_v2") else "cuDeviceGetUuid"
        _call(cuda, "cuInit", 0)
        _call(cuda, "cuDeviceGetCount", ctypes.byref(count))
        _call(cuda, "cuDeviceGet", ctypes.byref(ordinal), 0)
        _call(cuda, form, ctypes.byref(raw), ordinal)
        _call(cuda, "cuDevicePrimaryCtxRetain", ctypes.byref(context), ordinal)
        _call(cuda, "cuCtxSetCurrent", context)
        _call(cuda, "cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(HELD_BYTES))
        _call(cuda, "cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return {
            "devices": count.value,
            "uuid": str(uuid.UUID(bytes=bytes(raw))),
            "freeBytes": free.value,
            "totalBytes": total.value,
        }

    def _ask_torch(self) -> dict[str, Any]:
        import torch

        name = str(device())
        tensor = torch.ones(HELD_BYTES // 4, dtype=torch.float32, device=name)
        self.held.append(tensor)
        accelerators = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return {
            "version": torch.__version__,
            "device": str(tensor.device),
            "sum": float(tensor[:1024].sum().item()),
            "devices": accelerators,
            "allocatedBytes": torch.cuda.memory_allocated() if accelerators else HELD_BYTES,
        }


def _alive_in_slot(folder: Path, worker: str) -> list[int]:
    """Return the pids of earlier workers of this slot that have not ended."""
    alive = []
    for path in folder.glob("*.json"):
        earlier = json.loads(path.read_text())
        if earlier["worker"] != worker or earlier["pid"] == os.getpid():
            continue
        try:
            process = psutil.Process(earlier["pid"])
            # The kernel uses pids again, and keeps those of processes that have ended for a while.
            is_same = abs(process.create_time() - earlier["created"]) < 1
            if is_same and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(earlier["pid"])
        except psutil.NoSuchProcess:
            continue
    return alive


def _attempt(ask: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    try:
        return ask()
    except Exception as error:  # Any failure is a finding.
        return {"error": f"{type(error).__name__}: {error}"}


def _call(cuda: ctypes.CDLL, function: str, *args: object) -> None:
    status = getattr(cuda, function)(*args)
    if status != 0:
        text = ctypes.c_char_p()
        cuda.cuGetErrorName(status, ctypes.byref(text))
        raise RuntimeError(f"{function} failed: {(text.value or b'unknown error').decode()}")
