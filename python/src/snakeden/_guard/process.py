"""A process, as a table of processes shows it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Process"]


class Process(NamedTuple):
    """A process at one moment."""

    pid: int
    parent: int
    group: int
    session: int
    start: int
    """Identifies the process, together with the pid. On Linux, in ticks since the machine started.
    """
    is_dead: bool
    """True for a zombie, which has no threads and waits for its parent."""
    is_stopped: bool
    cpu_ms: float
    """CPU time of the process, on Linux also of those of its children that it has waited for."""
    rss_bytes: int
