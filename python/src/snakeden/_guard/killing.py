"""Ends every process below one, also those that fork while they are killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection
from typing import Final

from snakeden._guard import tree
from snakeden._guard.process import Process

__all__ = ["Killer"]

_MAX_SWEEPS: Final = 100
_SHORTEST_S: Final = 0.005
_LONGEST_S: Final = 0.5
_ROUNDS_A_PAUSE: Final = 20
_ROUNDS_TO_TELL: Final = 100
"""After about 3 s."""


class Killer:
    """Ends the processes that `find` returns.

    `children` returns the pids of those that are children of this process, where the kernel lists
    them. They are stopped first, without a further look at them.
    """

    def __init__(
        self,
        find: Callable[[], list[Process]],
        *,
        children: Callable[[], Collection[int]] = tuple,
    ) -> None:
        self._find = find
        self._children = children
        self._killed: set[tuple[int, int]] = set()
        self._refused: set[int] = set()
        self._rounds = 0

    @property
    def killed(self) -> int:
        """The number of processes that were killed."""
        return len(self._killed)

    def terminate(self, *, wrapper: int | None = None) -> None:
        """Ask every process to end. Those that are stopped are continued, so that they can.

        `wrapper` is spared while there is another one: its end could kill the others at once.
        """
        processes = [it for it in self._find() if not it.is_dead]
        for process in processes:
            if process.pid != wrapper or len(processes) == 1:
                self._send(process, signal.SIGTERM)
                self._send(process, signal.SIGCONT)

    @property
    def pause_s(self) -> float:
        """The seconds to wait between two rounds, in which killed processes disappear."""
        doubled = min(self._rounds // _ROUNDS_A_PAUSE, 10)
        return min(_LONGEST_S, _SHORTEST_S * (1 << doubled))

    def kill(self) -> bool:
        """Kill what exists now, and all that it forks meanwhile. Returns False if there is nothing.

        First stops every process, until none is new: a process that is stopped cannot fork. So
        processes that fork faster than they are killed do not escape. The caller repeats this,
        since a process may be adopted while the others are listed.
        """
        stopped: dict[tuple[int, int], Process] = {}
        for _ in range(_MAX_SWEEPS):
            self._stop_children()
            new = [it for it in self._find() if (it.pid, it.start) not in stopped]
            if not new:
                break
            for process in new:
                stopped[process.pid, process.start] = process
                if not process.is_dead:
                    self._send(process, signal.SIGSTOP)
        for key, process in stopped.items():
            if self._send(process, signal.SIGKILL) and not process.is_dead:
                self._killed.add(key)
        self._rounds += 1
        if self._rounds == _ROUNDS_TO_TELL:
            self._tell(stopped.values())
        return bool(stopped)

    def _stop_children(self) -> None:
        """Stop children by their pids alone.

        A process whose parent has ended becomes a child of the one that kills it. If each forks at
        once and ends, none lives long enough to be looked up before it is stopped. No other process
        can have got the pid of a child, since nobody else reaps it.
        """
        stopped: set[int] = set()
        for _ in range(_MAX_SWEEPS):
            new = [it for it in self._children() if it not in stopped]
            if not new:
                return
            stopped.update(new)
            for pid in new:
                try:
                    os.kill(pid, signal.SIGSTOP)
                except PermissionError:
                    self._refused.add(pid)

    def _tell(self, left: Collection[Process]) -> None:
        """Tell the log of the host about processes that do not end."""
        for it in left:
            why = "belongs to another user" if it.pid in self._refused else "does not end"
            print(f"process {it.pid} was killed, but {why}", file=sys.stderr, flush=True)

    def _send(self, process: Process, number: int) -> bool:
        try:
            return tree.send(process, number)
        except PermissionError:
            self._refused.add(process.pid)
            return False
