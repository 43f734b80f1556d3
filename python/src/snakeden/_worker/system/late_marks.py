"""A thread that looks at the call that runs, while there are calls to look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

__all__ = ["LateMarks"]

_PAUSE_SECONDS: Final = 0.001
_IDLE_LOOKS: Final = 50
"""The looks that find no call, after which the thread sleeps until it is woken."""


class LateMarks:
    """Calls `look` every millisecond from `watch` on, until it has returned false for a while. A
    call costs one comparison while the thread is awake.
    """

    def __init__(self, look: Callable[[], bool]) -> None:
        self._look = look
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._is_awake = False
        self._has_thread = False

    def watch(self) -> None:
        """Begin to look. Only for the main thread."""
        if self._is_awake:
            return
        self._is_awake = True
        if not self._has_thread:
            self._has_thread = True
            threading.Thread(target=self._run, name="snakeden-late-marks", daemon=True).start()
        self._wake.put(None)

    def forget(self) -> None:
        """Look no more: this is a forked copy of the process, without the thread."""
        self._is_awake = True

    def _run(self) -> None:
        while True:
            self._wake.get()
            idle = 0
            while idle < _IDLE_LOOKS:
                time.sleep(_PAUSE_SECONDS)
                idle = 0 if self._look() else idle + 1
            self._is_awake = False
            # A call that has begun meanwhile has not woken the thread.
            if self._look():
                self._is_awake = True
                self._wake.put(None)
