"""The limits of a whole job: memory, CPU time and processes of the program and its descendants."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any, Final

from snakeden._guard import tree
from snakeden._guard.process import Process

__all__ = ["Limits"]

_LONGEST_S: Final = 0.2
_SHORTEST_S: Final = 0.02
_MAX_SHARE: Final = 10
"""The pause after a look is at least this many times as long as the look."""


class Limits:
    """Looks at the processes of this warden from time to time."""

    def __init__(self, limits: dict[str, Any], *, find: Callable[[], list[Process]]) -> None:
        self._find = find
        self._memory: int | None = limits.get("memoryBytes")
        self._cpu: float | None = limits.get("cpuMs")
        self._processes: int | None = limits.get("processes")
        self.peak = 0
        """The most resident memory that was seen."""
        self._looked = time.monotonic()
        self._shares: dict[str, float] = {}
        self.next = self._looked + _SHORTEST_S

    def exceeded(self) -> str | None:
        """Look at all processes. Returns the name of a limit that they exceed."""
        began = time.monotonic()
        processes = [it for it in self._find() if not it.is_dead]
        memory, running_ms = tree.usage(processes)
        if self._memory is not None and memory > self._memory:
            # Forks share pages, which count once now. This takes longer to find out.
            memory = tree.proportional_memory(processes)
        cpu = running_ms + reaped_cpu_ms()
        self.peak = max(self.peak, memory)
        shares = {
            "memory": _share(memory, self._memory),
            "cpu": _share(cpu, self._cpu),
            "processes": _share(len(processes), self._processes),
        }
        pause = self._pause_s(shares, began=began)
        self.next = time.monotonic() + max(pause, (time.monotonic() - began) * _MAX_SHARE)
        return next((name for name, share in shares.items() if share > 1), None)

    def _pause_s(self, shares: dict[str, float], *, began: float) -> float:
        """Return half the time in which a limit would be reached, at the pace since the last look.

        So a program that takes memory fast is noticed soon after it is over the limit.
        """
        passed = max(began - self._looked, 0.001)
        pause = _LONGEST_S
        for name, share in shares.items():
            pace = (share - self._shares.get(name, 0)) / passed
            if pace > 0:
                pause = min(pause, max(0, 1 - share) / pace / 2)
        self._looked = began
        self._shares = shares
        return max(pause, _SHORTEST_S)

    def is_cpu_spent(self) -> bool:
        """Return True if the processes that have ended used all CPU time."""
        return self._cpu is not None and reaped_cpu_ms() >= self._cpu


def reaped_cpu_ms() -> float:
    """Return the CPU time of all children that this process has reaped, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


def _share(value: float, limit: float | None) -> float:
    return 0 if limit is None else value / max(limit, 1)
