"""One thread that notices deadlines as they pass, and is asleep otherwise.

A call costs one comparison: the thread is woken only for a deadline earlier than the one it sleeps
until. What is due is found by looking at all calls of the worker, which are few.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf
from queue import Empty, SimpleQueue
from typing import Final

__all__ = ["DeadlineWatch"]

_LONGEST_WAIT: Final = 3600.0


class DeadlineWatch:
    """Calls `on_due` when a watched deadline passes; `on_due` returns the next deadline, or
    infinity.
    """

    def __init__(self, on_due: Callable[[float], float]) -> None:
        self._on_due = on_due
        self._wake_at = inf
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = False

    def watch(self, deadline: float) -> None:
        """Wake at `deadline` (clock of `time.monotonic()`), which `on_due` can already find."""
        if deadline >= self._wake_at:
            return
        with self._lock:
            self._wake_at = min(self._wake_at, deadline)
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name="snakeden-deadlines", daemon=True).start()
        self._wake.put(None)

    def _run(self) -> None:
        while True:
            wait = self._wake_at - time.monotonic()
            if wait > 0:
                try:
                    self._wake.get(timeout=min(wait, _LONGEST_WAIT))
                except Empty:
                    pass
                continue
            # Before looking, so that a call which arrives meanwhile is either seen or wakes the
            # thread again.
            with self._lock:
                self._wake_at = inf
            following = self._on_due(time.monotonic())
            with self._lock:
                self._wake_at = min(self._wake_at, following)
