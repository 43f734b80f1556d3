"""The calls of one thread, which runs them one after the other."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from snakeden._link import wire
from snakeden._link.wire import printed
from snakeden._worker.bulk.execution import BulkExecution
from snakeden._worker.calls import error_report
from snakeden._worker.calls.execution import Execution
from snakeden._worker.system.forked_child import leave_forked_child
from snakeden.call import CURRENT
from snakeden.errors import CallCancelled

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption
    from snakeden._worker.profiles.event_loop import EventLoop
    from snakeden._worker.profiles.profile import ProfileParts
    from snakeden._worker.system.output import CallOutput

__all__ = ["Lane"]


class Lane:
    """Runs calls, each from its note to its answer, on the thread that `interruption` interrupts.
    Their notes and records are those of one place.
    """

    __slots__ = (
        "_bulk",
        "_failure",
        "_forked",
        "_note",
        "_outbox",
        "_output",
        "_run",
        "_settle",
        "interruption",
    )

    def __init__(
        self,
        parts: ProfileParts,
        place: int,
        *,
        interruption: Interruption,
        loop: EventLoop,
        output: CallOutput | None,
    ) -> None:
        """Run calls with asynchronous tools on `loop`."""
        self.interruption = interruption
        """The interruption of the thread."""
        self._outbox = parts.outbox
        self._note: Callable[[int], None] = parts.note_of(place) or (lambda _call_id: None)
        self._output = output
        self._forked = False
        execution = Execution(parts.context, interruption, run_async=loop.run)
        self._bulk = BulkExecution(
            execution,
            interruption,
            outbox=parts.outbox,
            look_at=parts.look_at,
            record=parts.record_of(place),
            note_item=parts.note_item_of(place),
            output=output,
        )
        # Bound once, not for each call.
        self._run = execution.run
        self._failure = execution.failure
        self._settle = parts.in_flight.settle

    def execute(self, attempt: Attempt) -> None:
        """Run a call that has begun, and answer it."""
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
            data = self._failed(attempt, error, started=started)
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
                if pipes and attempt.message.keeps_output:
                    # Before the answer, in the same frame.
                    data = printed(attempt.id, pipes) + data
            if attempt.message.keeps_output:
                output.took(attempt.tool, time.perf_counter() - started)
        # Before the next call is started, so that a death of the worker takes one call at most.
        self._outbox.put_answer(data)

    def after_fork_in_child(self) -> None:
        """See `Profile.after_fork_in_child`."""
        self._forked = self._bulk.is_forked = True

    def _failed(self, attempt: Attempt, error: BaseException, *, started: float) -> bytes:
        run_ms = (time.perf_counter() - started) * 1000
        try:
            return self._failure(attempt, error, run_ms=run_ms)
        except CallCancelled:
            # It came up at the very end of the description.
            return wire.failure(attempt.id, error_report.stopped(attempt, run_ms), run_ms=run_ms)
