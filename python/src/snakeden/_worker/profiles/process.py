"""Run one call at a time, on the main thread of the process."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from snakeden._link.wire import printed
from snakeden._worker.bulk.execution import BulkExecution
from snakeden._worker.calls.execution import Execution
from snakeden._worker.profiles.event_loop import EventLoop
from snakeden._worker.profiles.interrupt import Interrupter
from snakeden._worker.system.forked_child import leave_forked_child
from snakeden.call import CURRENT

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
        self._outbox = parts.outbox
        self._note = parts.note_of(0) or (lambda _call_id: None)
        self._output = parts.output
        self._local_sessions = parts.local_sessions
        self._forked = False
        loop = self._loop = EventLoop()
        interrupter = self._interrupter = Interrupter(loop, parts.look_at)
        execution = Execution(parts.context, interrupter, run_async=loop.run)
        self._bulk = BulkExecution(
            execution,
            interrupter,
            outbox=parts.outbox,
            look_at=parts.look_at,
            record=parts.record_of(0),
            note_item=parts.note_item_of(0),
            output=parts.output,
        )
        # Bound once, not for each call.
        self._run = execution.run
        self._failure = execution.failure
        self._settle = parts.in_flight.settle
        self.repeat_stops = interrupter.repeat
        self.complete: Callable[[Coroutine[Any, Any, object]], None] = loop.complete
        self.close = loop.close

    def serve(self, wait: Callable[[], None]) -> None:
        """See `Profile.serve`."""
        in_flight = self._in_flight
        take = in_flight.take
        execute = self._execute
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
        self._forked = self._bulk.is_forked = True
        self._interrupter.armed = None

    def _execute(self, attempt: Attempt) -> None:
        token = CURRENT.set(attempt)
        self._note(attempt.id)
        started = time.perf_counter()
        output = self._output
        if output is not None:
            output.begin(attempt, started)
        try:
            if attempt.bulk is None:
                data = self._run(attempt, started)
            else:
                data = self._bulk.run(attempt, started)
        except BaseException as error:
            if self._forked:
                leave_forked_child(error)
            run_ms = (time.perf_counter() - started) * 1000
            data = self._failure(attempt, error, run_ms=run_ms)
            # An exception out of asyncio refers to itself by way of a frame, and so the arguments
            # would live until the collector runs.
            traceback.clear_frames(sys.exc_info()[2])
        if self._forked:
            leave_forked_child(None)
        CURRENT.reset(token)
        self._settle(attempt)
        if output is not None:
            if output.is_marked or output.is_late:
                pipes = output.end()
                if attempt.message.keeps_output:
                    # Before the answer, in the same frame.
                    data = printed(attempt.id, pipes) + data
            if attempt.message.keeps_output:
                output.took(attempt.tool, time.perf_counter() - started)
        # Before the next call is started, so that a death of the worker takes one call at most.
        self._outbox.put_answer(data)
