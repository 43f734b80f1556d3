"""Measure the memory of this worker and its children, on a thread of its own.

The reader of the link answers a ping with the last measurement, and requests a new one for the next
ping: so neither calls nor heartbeats wait for it. A search for children reads every process of
the machine, so it is made more rarely. With a limit the thread also measures between pings, since a
tool can take gigabytes in that time.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import psutil

__all__ = ["MemoryGauge"]

_WATCH_SECONDS: Final = 0.1
"""Time between two measurements when there is a limit."""
_CHILDREN_SECONDS: Final = 10.0
"""Time between two searches for children while none are known."""
_KNOWN_CHILDREN_SECONDS: Final = 1.0
"""The same time while there are some."""


class MemoryGauge:
    """Measures memory; `rss` is the last measurement in bytes, 0 before the first one."""

    def __init__(self, limit: int, report: Callable[[int], None]) -> None:
        """Call `report` when more than `limit` bytes are held; 0 is no limit."""
        self.rss = 0
        self._limit = limit
        self._report = report
        self._requests: SimpleQueue[None] = SimpleQueue()
        self._own = _own_rss()
        self._process: psutil.Process | None = None
        self._children_rss = 0
        self._children_due = time.monotonic() + _KNOWN_CHILDREN_SECONDS

    def start(self) -> None:
        """Measure from now on."""
        self.rss = self._own()
        threading.Thread(target=self._run, name="snakeden-memory", daemon=True).start()

    def refresh(self) -> None:
        """Request a measurement; returns at once."""
        self._requests.put(None)

    def measure(self) -> int:
        """Return the bytes that are held now, with the children of the last search."""
        now = time.monotonic()
        if now >= self._children_due:
            self._children_rss = self._measure_children()
            pause = _KNOWN_CHILDREN_SECONDS if self._children_rss else _CHILDREN_SECONDS
            self._children_due = time.monotonic() + pause
        self.rss = self._own() + self._children_rss
        return self.rss

    def _run(self) -> None:
        timeout = _WATCH_SECONDS if self._limit else None
        while True:
            try:
                self._requests.get(timeout=timeout)
                # Several pings may have come while something kept this thread from running.
                while not self._requests.empty():
                    self._requests.get()
            except Empty:
                pass
            try:
                rss = self.measure()
            except (MemoryError, OSError):
                continue  # Out of memory or descriptors; the next measurement may succeed.
            if 0 < self._limit < rss:
                self._report(rss)

    def _measure_children(self) -> int:
        import psutil

        process = self._process = self._process or psutil.Process()
        total = 0
        try:
            for child in process.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.Error:
                    continue  # The process has just ended.
        except psutil.Error:
            return self._children_rss
        return total


def _own_rss() -> Callable[[], int]:
    """Return a function that measures this process alone. On Linux it takes some microseconds."""
    if sys.platform == "linux":
        try:
            statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            pass  # A sandbox without /proc.
        else:
            page = os.sysconf("SC_PAGE_SIZE")
            return lambda: int(os.pread(statm, 256, 0).split()[1]) * page
    return _rss_by_psutil


def _rss_by_psutil() -> int:
    import psutil

    try:
        return int(psutil.Process().memory_info().rss)
    except (psutil.Error, OSError):
        return 0
