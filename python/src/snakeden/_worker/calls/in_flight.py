"""The calls that the host has sent to this worker and that are not answered yet.

States of a call, and the method that enters each:

- queued: `add`, called by the reader of the link.
- begun: `take`, called by the profile that runs the call. It is never given back.
- withdrawn: `withdraw`, called to stop or give back a call that has not begun. It never runs.
- settled: `settle`, called when the call is answered or given back.

A call leaves the queue exactly once: the thread that removes it from `_queued` owns it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt

__all__ = ["InFlight"]

_MISSING: Final = object()


class InFlight:
    """Calls by id, and the queue of those that have not begun. Any thread may use it."""

    __slots__ = ("_claim", "_forget", "_live", "_next", "_order", "_queued", "draining", "on_news")

    def __init__(self) -> None:
        self.draining = False
        """True when no more calls begin."""
        self.on_news: Callable[[], None] | None = None
        """Called after a call was added and when draining begins, on any thread and in signal
        handlers: for a profile whose threads or event loop wait by themselves.
        """
        self._live: dict[int, Attempt] = {}
        self._queued: dict[Attempt, None] = {}
        self._order: deque[Attempt] = deque()
        self._next = self._order.popleft
        self._claim = self._queued.pop
        self._forget = self._live.pop

    def add(self, attempt: Attempt) -> None:
        """Queue a call."""
        self._live[attempt.id] = attempt
        self._queued[attempt] = None
        self._order.append(attempt)
        if self.on_news is not None:
            self.on_news()

    def drain(self) -> None:
        """Let no more calls begin."""
        self.draining = True
        if self.on_news is not None:
            self.on_news()

    @property
    def is_waiting(self) -> bool:
        """True if a call waits."""
        return bool(self._queued)

    def take(self) -> Attempt | None:
        """Begin the call that waits longest and return it; None if no call waits. The caller must
        start the call at once.
        """
        while True:
            try:
                attempt = self._next()
            except IndexError:
                return None
            if self._claim(attempt, _MISSING) is not _MISSING:
                return attempt

    def withdraw(self, attempt: Attempt) -> bool:
        """Take a call out of the queue, and drop its arguments; False when it has begun or was
        withdrawn before.
        """
        if self._claim(attempt, _MISSING) is _MISSING:
            return False
        attempt.buffers = ()
        return True

    def withdraw_all(self) -> list[Attempt]:
        """Take all calls out of the queue."""
        return [it for it in list(self._queued) if self.withdraw(it)]

    def settle(self, attempt: Attempt) -> None:
        """End a call that is answered or given back, and forget it."""
        attempt.ended = True
        if attempt.shown is not None:
            attempt.shown = None
        if attempt.asks is not None:
            attempt.asks.end()
        if attempt.opened is not None:
            _close(attempt.opened)
        self._forget(attempt.id, None)

    def find(self, call_id: int) -> Attempt | None:
        """Return the call of this id, if it is in flight."""
        return self._live.get(call_id)

    def all(self) -> list[Attempt]:
        """Return the calls in flight."""
        return list(self._live.values())

    def begun(self) -> list[Attempt]:
        """Return the calls that have begun and are not settled."""
        return [it for it in self.all() if it not in self._queued]


def _close(streams: list[IO[Any]]) -> None:
    while streams:
        # They were only read, so nothing is lost.
        with suppress(OSError):
            streams.pop().close()
