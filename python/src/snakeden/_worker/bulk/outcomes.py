"""Send the outcomes of a bulk call while its other items run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from snakeden._link import wire
from snakeden._values.values import Encoded
from snakeden._worker.bulk.texts import SEPARATOR
from snakeden._worker.calls.streams import CHUNK_OVERHEAD

if TYPE_CHECKING:
    from snakeden._link.outbox import Outbox
    from snakeden._link.slab import SharedMemory
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption

__all__ = ["FLUSH_BYTES", "FLUSH_SECONDS", "OutcomeSender"]

FLUSH_BYTES: Final = 65_536
"""The size of outcomes that are sent at once."""
FLUSH_SECONDS: Final = 0.004
"""The time that an outcome waits for others."""
LATE_SECONDS: Final = 0.01
"""The time after which another thread sends what waits, since an item runs for long."""


class OutcomeSender:
    """The outcomes of one bulk call that wait to be sent, and the window of those that were.

    The thread that runs the items adds outcomes, and sends them when there are enough. While an
    item runs for long, the watch over deadlines sends what waits.
    """

    def __init__(
        self,
        attempt: Attempt,
        outbox: Outbox,
        *,
        interruption: Interruption,
        shared: SharedMemory | None,
        look_at: Callable[[float], None],
    ) -> None:
        """Send the outcomes of `attempt`; `look_at` has `flush_due` called at a time."""
        self._attempt = attempt
        self._outbox = outbox
        self._interruption = interruption
        self._shared = shared
        self._look_at = look_at
        self._window = max(1, attempt.message.window_bytes)
        self._lock = threading.Lock()
        self._texts: list[bytes] = []
        self._size = 2
        self._due = inf
        self._owed = 0
        self._credits: SimpleQueue[int] = SimpleQueue()
        attempt.on_credit = self._credits.put

    def add(self, text: bytes, now: float) -> None:
        """Add the outcome of an item that has ended. Waits while the window is full.

        Raises:
            CallCancelled: The bulk call was stopped while it waited.
        """
        with self._lock:
            if not self._texts:
                self._due = now + FLUSH_SECONDS
                self._look_at(now + LATE_SECONDS)
            self._texts.append(text)
            self._size += len(text) + len(SEPARATOR)
            is_due = self._size >= FLUSH_BYTES or now >= self._due
        if is_due:
            self.flush()

    def add_tagged(self, value: Encoded) -> None:
        """Send an outcome with tags, whose buffers are of no use to others. Waits as `add` does."""
        self.flush()
        self._await_window()
        with self._lock:
            self._outbox.put_answer(wire.chunk(self._attempt.id, value, shared=self._shared))
            self._owed += value.size + CHUNK_OVERHEAD

    def flush(self) -> None:
        """Send the outcomes that wait. Waits as `add` does."""
        self._await_window()
        with self._lock:
            if self._texts:
                self._outbox.put_answer(self._take())

    def abandon(self) -> None:
        """Send the outcomes that wait, since no others follow. Waits for nothing: the host takes
        all that a stopped call sends.
        """
        with self._lock:
            if self._texts:
                self._outbox.put_answer(self._take())

    def flush_due(self, now: float) -> float:
        """Send what has waited for long, on any thread; returns when to call this again."""
        with self._lock:
            if not self._texts:
                return inf
            late = self._due + (LATE_SECONDS - FLUSH_SECONDS)
            if now < late:
                return late
            if not self._is_open():
                return now + LATE_SECONDS
            # Not on this thread, which others need if the host reads slowly.
            self._outbox.put(self._take())
            return inf

    def _take(self) -> bytes:
        """Return a chunk of all outcomes that wait. For those who hold the lock."""
        json = b"[" + SEPARATOR.join(self._texts) + b"]"
        self._texts.clear()
        self._size = 2
        self._due = inf
        self._owed += len(json) + CHUNK_OVERHEAD
        return wire.chunk(self._attempt.id, Encoded(json, False, ()))

    def _is_open(self) -> bool:
        """Return whether the window has room for a chunk. For those who hold the lock."""
        try:
            while True:
                self._owed -= self._credits.get_nowait()
        except Empty:
            return self._owed < self._window

    def _await_window(self) -> None:
        while True:
            with self._lock:
                if self._is_open():
                    return
            credit = self._next_credit()
            with self._lock:
                self._owed -= credit

    def _next_credit(self) -> int:
        interruption = self._interruption
        try:
            # From here to the `finally` CallCancelled may come up at any point.
            interruption.armed = self._attempt
            interruption.check(self._attempt)
            return self._credits.get()
        finally:
            interruption.armed = None
