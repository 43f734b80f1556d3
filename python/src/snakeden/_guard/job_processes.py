"""The processes of one job.

If the warden is the subreaper of its job, they are its descendants. Otherwise a process that is
detached leaves the tree. Then a process is also found by its group or session, by the mark in its
environment, and because it was below the warden once.
"""

from __future__ import annotations

import os

from snakeden._guard import tree
from snakeden._guard.marks import found_by
from snakeden._guard.process import Process

__all__ = ["JobProcesses"]


class JobProcesses:
    """Lists the processes of the job whose program has this pid, and this mark."""

    def __init__(self, pid: int, *, mark: bytes, is_subreaper: bool) -> None:
        self._pid = pid
        self._mark = mark
        self._is_subreaper = is_subreaper
        self._seen: dict[int, int] = {}

    def all(self) -> list[Process]:
        """Return those that exist, also those that are dead but not reaped."""
        if self._is_subreaper:
            return tree.below(os.getpid())
        found = found_by(self._mark, also=self._is_ours)
        self._seen = {it.pid: it.start for it in found}
        return found

    def _is_ours(self, process: Process) -> bool:
        return (
            process.parent == os.getpid()
            or self._seen.get(process.pid) == process.start
            or (self._pid in (process.group, process.session) and not process.is_dead)
        )

    def are_gone(self, *, has_children: bool) -> bool:
        """Return True if none is left. `has_children` is what the kernel says of the warden."""
        if has_children or self._is_subreaper:
            return not has_children
        return all(it.is_dead for it in self.all())
