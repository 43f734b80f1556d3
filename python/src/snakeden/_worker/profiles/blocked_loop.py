"""Notice code that holds up an event loop, which all calls of the worker share.

The loop notes when it begins a turn, and when it waits. A thread looks whether one turn takes too
long, and where the main thread is then. It sleeps while the loop waits for long.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from math import inf
from queue import Empty, SimpleQueue
from typing import Final

from snakeden._worker.calls.exceptions import stack_of

__all__ = ["LoopWatch"]

_LONG_IDLE_LOOKS: Final = 10
"""The looks at a loop that waits after which the thread sleeps until it runs something."""
_LONGEST_PAUSE_SECONDS: Final = 1.0
"""The longest time between two looks at a loop that is held up."""


class LoopWatch:
    """Calls `on_blocked` with the stack and the seconds so far when a turn takes longer than a
    limit, and `on_over` with all seconds when it has ended. Both are called on a thread of its own.
    """

    def __init__(
        self,
        seconds: float,
        *,
        on_blocked: Callable[[str, float], None],
        on_over: Callable[[float], None],
    ) -> None:
        """Watch the loop of the present thread."""
        self._limit = seconds
        self._on_blocked = on_blocked
        self._on_over = on_over
        self._main = threading.get_ident()
        self._since = inf
        """The time at which the turn began; infinity while the loop waits."""
        self._naps: SimpleQueue[None] = SimpleQueue()
        self._napping = False
        self._is_blocked = False
        """True while a turn takes too long."""
        self._is_ended = False

    def start(self) -> None:
        """Start to watch."""
        threading.Thread(target=self._run, name="snakeden-loop-watch", daemon=True).start()

    def end(self) -> None:
        """Watch no more."""
        self._is_ended = True
        self._naps.put(None)

    # ---- the loop ----

    def rest(self) -> None:
        """Note that a turn has ended, and that the loop waits."""
        self._since = inf
        if self._is_blocked:
            self._naps.put(None)

    def resume(self) -> None:
        """Note that a turn begins."""
        self._since = time.monotonic()
        if self._napping:
            self._napping = False
            self._naps.put(None)

    # ---- the thread ----

    def _run(self) -> None:
        idle_looks = 0
        while not self._is_ended:
            since = self._since
            if since == inf:
                idle_looks += 1
                if idle_looks > _LONG_IDLE_LOOKS:
                    idle_looks = 0
                    self._nap()
                else:
                    self._pause(self._limit / 2)
                continue
            idle_looks = 0
            left = since + self._limit - time.monotonic()
            if left > 0:
                self._pause(left)
            else:
                self._look(since)

    def _nap(self) -> None:
        self._napping = True
        # Checked after `_napping` is set. The loop sets `_since` before it checks `_napping`.
        if self._since == inf and not self._is_ended:
            self._naps.get()
        self._napping = False

    def _pause(self, seconds: float) -> None:
        try:
            self._naps.get(timeout=seconds)
        except Empty:
            return

    def _look(self, since: float) -> None:
        """Report a turn that takes too long, unless it has just ended."""
        frame = sys._current_frames().get(self._main)
        stack = "" if frame is None else stack_of(frame)
        del frame
        if self._since != since:
            return
        self._is_blocked = True
        self._on_blocked(stack, time.monotonic() - since)
        # Checked after `_is_blocked` is set. The loop sets `_since` before it checks that.
        while self._since == since and not self._is_ended:
            self._pause(_LONGEST_PAUSE_SECONDS)
        self._is_blocked = False
        self._on_over(time.monotonic() - since)
