"""Run one call at a time, on the main thread of the process."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from snakeden._worker.profiles.event_loop import EventLoop
from snakeden._worker.profiles.interrupt import Interrupter
from snakeden._worker.profiles.lane import Lane

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption
    from snakeden._worker.profiles.profile import ProfileParts

__all__ = ["ProcessProfile"]


class ProcessProfile:
    """See `Profile`. The main thread takes a call when it has answered the one before."""

    capacity = 1

    def __init__(self, parts: ProfileParts) -> None:
        self._in_flight = parts.in_flight
        self._local_sessions = parts.local_sessions
        loop = self._loop = EventLoop()
        interrupter = self._interrupter = Interrupter(loop, parts.look_at)
        self._lane = Lane(parts, 0, interruption=interrupter, loop=loop, output=parts.output)
        self.repeat_stops = interrupter.repeat
        self.complete: Callable[[Coroutine[Any, Any, object]], None] = loop.complete
        self.close = loop.close

    def serve(self, wait: Callable[[], None]) -> None:
        """See `Profile.serve`."""
        in_flight = self._in_flight
        take = in_flight.take
        execute = self._lane.execute
        local_sessions = self._local_sessions
        dropped = local_sessions.dropped
        while not in_flight.draining:
            if dropped:
                local_sessions.run_hooks()
            attempt = take()
            if attempt is None:
                wait()
            else:
                execute(attempt)

    def interruption_of(self, _attempt: Attempt) -> Interruption:
        """See `Profile.interruption_of`."""
        return self._interrupter

    def stop(self, _attempt: Attempt) -> None:
        """See `Profile.stop`. The handler finds out whether the armed call is one that was stopped;
        one that is not armed yet is looked at when it is.
        """
        self._interrupter.stop()
        self._interrupter.repeat_soon()

    def after_fork_in_child(self) -> None:
        """See `Profile.after_fork_in_child`."""
        self._lane.after_fork_in_child()
        self._interrupter.armed = None
