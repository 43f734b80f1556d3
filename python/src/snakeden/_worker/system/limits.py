"""Limits that a worker sets for itself, so that a tool that exceeds them harms nothing else.

The kernel enforces open files, data and CPU time, even while a C call holds the interpreter lock.
Its limits of memory count what is *mapped* (RLIMIT_AS) or could be written to (RLIMIT_DATA), but
numpy, torch and CUDA map far more than they use. `memory_gauge.py` therefore limits resident
memory. RLIMIT_DATA is a second limit, beyond which Python raises MemoryError.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from snakeden._link.gen.link_pb2 import Limits

__all__ = ["LimitError", "WorkerLimits"]

_UNLIMITED: Final = resource.RLIM_INFINITY


class LimitError(Exception):
    """A limit that the system refuses; the text says which and why."""


class WorkerLimits:
    """The limits of this process."""

    def __init__(self, limits: Limits) -> None:
        self._data_bytes = int(limits.data_bytes)
        self._open_files = limits.open_files
        self._cpu_seconds = limits.cpu_seconds
        self._nice = limits.nice
        self._cpu_until = 0

    def apply(self) -> None:
        """Set the limits of this process, which its children inherit.

        Raises:
            LimitError: The system refuses a limit.
        """
        if self._open_files:
            _bound("openFiles", resource.RLIMIT_NOFILE, value=self._open_files)
        if self._data_bytes:
            _bound("dataBytes", resource.RLIMIT_DATA, value=self._data_bytes)
        if self._nice:
            try:
                os.nice(self._nice)
            except OSError as error:
                raise LimitError(
                    f"cannot set the limit nice to {self._nice}: {error.strerror}"
                ) from None
        if self._cpu_seconds and sys.stderr is not None:
            # Writes a traceback; the default action then ends the process.
            faulthandler.register(signal.SIGXCPU, all_threads=False, chain=True)

    def noting(self, note: Callable[[int], None] | None) -> Callable[[int], None] | None:
        """Return `note`, extended by what the limits need before each call starts."""
        if not self._cpu_seconds:
            return note
        if note is None:
            return lambda _call_id: self._grant_cpu()

        def both(call_id: int) -> None:
            self._grant_cpu()
            note(call_id)

        return both

    def hint(self, error: BaseException) -> str:
        """Return the limit that caused an exception of a tool; empty when none did."""
        if self._data_bytes and isinstance(error, MemoryError):
            return f"the limit dataBytes of the pool is {self._data_bytes}"
        if self._open_files and isinstance(error, OSError) and error.errno == errno.EMFILE:
            return f"the limit openFiles of the pool is {self._open_files}"
        return ""

    def _grant_cpu(self) -> None:
        """Raise the limit by the CPU time of one call: the kernel counts whole seconds from the
        start of the process.
        """
        until = int(time.process_time()) + 1 + self._cpu_seconds
        if until == self._cpu_until:
            return
        self._cpu_until = until
        _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
        if hard == _UNLIMITED or until <= hard:
            resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def _bound(name: str, kind: int, *, value: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    if hard != _UNLIMITED and value > hard:
        raise LimitError(
            f"cannot set the limit {name} to {value}: the system allows at most {hard}"
        )
    try:
        # The hard limit too: a tool must not be able to undo it.
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError) as error:
        raise LimitError(f"cannot set the limit {name} to {value}: {error}") from None
