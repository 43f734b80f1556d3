"""Runs calls on the main thread, one at a time, in the order they came.

States of a call, and who moves it:

- queued: put by whoever reads. Leaves `_queued` exactly once, by whoever pops it.
- running: the main thread popped it and noted its id for the host; it is armed while its tool has
  control.
- answered: the main thread put its result or failure; or whoever stopped it while it was queued put
  the failure.
- given back: the host recalled it, or the worker is stopping, and it was not started.

Whoever stops a call first (Cancel, deadline, end of the link) sets `stop_code`, and that is the
code of its failure.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, copy_context
from math import inf
from typing import TYPE_CHECKING, Any, Final

from snakeden._link import wire
from snakeden._values import arrays
from snakeden._values.protocols import VALUE_TYPES, is_lazy
from snakeden._values.values import Encoded, encode
from snakeden._worker.calls import error_report as failures
from snakeden._worker.calls.deadlines import DeadlineWatch
from snakeden._worker.calls.streams import Collector, Sender, close_loop, drive, event_loop
from snakeden._worker.profiles.interrupt import Interrupter
from snakeden._worker.system.output import flush
from snakeden.call import CURRENT, Call

if TYPE_CHECKING:
    from snakeden._link.gen.errors_pb2 import Error
    from snakeden._link.gen.link_pb2 import Call as WireCall
    from snakeden._link.outbox import Outbox
    from snakeden._link.slab import Slab
    from snakeden._tools.adapter_loader import LoadedTool
    from snakeden._worker.system.output import Output

__all__ = ["Runner"]

_MISSING: Final = object()
_FIRST_KICK_SECONDS: Final = 0.01
_LONGEST_KICK_SECONDS: Final = 1.0


class Runner:
    """The calls of one worker.

    `serve` runs on the main thread; the `on_` methods belong to whoever reads the link.
    """

    def __init__(
        self,
        outbox: Outbox,
        max_result_bytes: int,
        max_depth: int,
        note: Callable[[int], None] | None = None,
        slab: Slab | None = None,
        min_shared_bytes: int = 1,
        hint: Callable[[BaseException], str] = lambda _error: "",
        output: Output | None = None,
    ) -> None:
        """Has to be made on the main thread. 0 bytes is no limit. `note` is told the id of each
        call before it is started. Buffers from `min_shared_bytes` on go through `slab`. `hint` adds
        to the text of an exception that a tool raised. `output` is told of the beginning of each
        call, and of the end of those that have written something.
        """
        self.tools: dict[str, LoadedTool] = {}
        self._note = note or (lambda _call_id: None)
        self._outbox = outbox
        self._max_bytes = max_result_bytes
        self._max_depth = max_depth
        self._slab = slab
        self._min_shared_bytes = min_shared_bytes
        self._hint = hint
        self._output = output
        self._inbox: deque[Call] = deque()
        self._live: dict[int, Call] = {}
        self._queued: dict[Call, None] = {}
        self._stopping = False
        self._forked = False
        self._kick_seconds = _FIRST_KICK_SECONDS
        self._interrupter = Interrupter()
        self._deadlines = DeadlineWatch(self._on_due)

    # ---- whoever reads the link ----

    def on_call(self, message: WireCall) -> None:
        """A call came.

        Raises:
            ValueError, IndexError: Its arguments lie where no host of this version puts them.
        """
        timeout_ms = message.timeout_ms
        deadline = time.monotonic() + timeout_ms / 1000 if timeout_ms > 0 else None
        call = Call(message, deadline, self._report)
        if message.args.tagged:
            call._buffers = wire.buffers(message.args, self._slab)
        if self._stopping:
            self._give_back([call])
            return
        self._live[call.id] = call
        self._queued[call] = None
        self._inbox.append(call)
        if deadline is not None:
            self._deadlines.watch(deadline)

    def on_cancel(self, call_id: int) -> None:
        """The caller wants no answer any more."""
        call = self._live.get(call_id)
        if call is not None:
            self._stop_call(call, "cancelled")

    def on_recall(self) -> None:
        """Another worker is to run what was not started here."""
        self._give_back_all()

    def on_credit(self, call_id: int, nbytes: int) -> None:
        """The host has taken chunks."""
        call = self._live.get(call_id)
        if call is not None and call.on_credit is not None:
            call.on_credit(nbytes)

    def on_link_lost(self) -> None:
        """Nobody is there to answer: stop what runs and end `serve`."""
        self.stop()
        for call in list(self._live.values()):
            self._stop_call(call, "cancelled")

    # ---- any thread, and signal handlers ----

    def stop(self) -> None:
        """Give back what was not started, and have `serve` return when the running call is done.

        Whoever calls this on another thread than the main one has to wake that.
        """
        self._stopping = True
        self._give_back_all()

    def after_fork_in_child(self) -> None:
        """This process is a copy: it must not go on as the worker when the tool's code returns."""
        self._forked = True
        self._interrupter.armed = None

    # ---- the main thread ----

    def serve(self, wait: Callable[[], None]) -> None:
        """Run calls until `stop`; `wait` returns when there may be something new."""
        inbox = self._inbox
        claim = self._queued.pop
        while not self._stopping:
            try:
                call = inbox.popleft()
            except IndexError:
                wait()
                continue
            # Whoever stopped it while it waited, or gave it back, has seen to it.
            if claim(call, _MISSING) is not _MISSING:
                self._execute(call)
        self._give_back_all()

    def complete(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine of the adapter itself, on the event loop of asynchronous tools. Context
        variables that the coroutine sets stay set, as those of a function do.
        """
        context = event_loop(self._interrupter).run_until_complete(_with_context(coroutine))
        for variable, value in context.items():
            variable.set(value)

    def close(self) -> None:
        """Close the event loop of asynchronous tools."""
        close_loop(self._interrupter.loop)

    def _execute(self, call: Call) -> None:
        token = CURRENT.set(call)
        self._note(call.id)
        started = time.perf_counter()
        output = self._output
        if output is not None:
            output.begin(call, started)
        try:
            data = self._run(call, started)
        except BaseException as error:
            if self._forked:
                _leave_child(error)
            run_ms = (time.perf_counter() - started) * 1000
            data = wire.failure(call.id, self._why(call, error, run_ms), run_ms)
            # An exception out of asyncio refers to itself by way of a frame, and so the arguments
            # would live until the collector runs.
            traceback.clear_frames(sys.exc_info()[2])
        if self._forked:
            _leave_child(None)
        CURRENT.reset(token)
        call.ended = True
        if output is not None and output.is_marked:
            output.end()
        self._live.pop(call.id, None)
        # Before the next call is started, so that a death of the worker takes one call at most.
        self._outbox.put_answer(data)

    def _run(self, call: Call, started: float) -> bytes:
        """The message with the result. A function of its own, so that nothing refers to arguments
        and result once it has returned: the places that they had in shared memory are released with
        the answer.
        """
        interrupter = self._interrupter
        buffers, call._buffers = call._buffers, ()
        message = call._wire
        value = message.args
        if buffers:
            arrays.prepare(value.json)
        try:
            # From here to the `finally` CallCancelled may come up at any point.
            interrupter.armed = call
            if call.stop_code is not None:
                interrupter.check(call)
            tool = self.tools[message.tool]
            positional, named = tool.parse(value.json, value.tagged, buffers)
            returned = tool.function(*positional, **named)
            streams = tool.schema.streams
            if (streams or type(returned) not in VALUE_TYPES) and is_lazy(
                returned, streams=streams
            ):
                answer = self._drive(call, returned, streams)
            else:
                answer = self._encode(returned)
        finally:
            interrupter.armed = None
        run_ms = (time.perf_counter() - started) * 1000
        return wire.result(call.id, answer, run_ms, self._slab, self._min_shared_bytes)

    def _encode(self, value: object) -> Encoded:
        return encode(value, max_depth=self._max_depth, max_bytes=self._max_bytes)

    def _drive(self, call: Call, lazy: Any, streams: bool) -> Encoded:
        message = call._wire

        def make_sink() -> Sender | Collector:
            if not (streams and message.stream):
                return Collector(self._max_bytes, self._max_depth)
            return Sender(
                call,
                message.window_bytes,
                self._max_bytes,
                self._max_depth,
                self._outbox.put,
                self._interrupter,
                self._slab,
                self._min_shared_bytes,
            )

        return drive(lazy, call, streams, self._interrupter, make_sink, self._encode)

    def _report(self, call: Call, report: dict[str, Any]) -> None:
        value = encode(
            report, max_depth=self._max_depth, max_bytes=self._max_bytes, where="progress"
        )
        if not call.ended:
            self._outbox.put_progress(call.id, wire.progress(call.id, value))

    # ---- stopping calls ----

    def _stop_call(self, call: Call, code: str) -> None:
        if call.stop_code is None:
            call.stop_code = code
        if self._queued.pop(call, _MISSING) is not _MISSING:
            self._drop(call)
            return
        self._interrupter.stop()
        self._kick_soon()

    def _kick_soon(self) -> None:
        self._kick_seconds = _FIRST_KICK_SECONDS
        self._deadlines.watch(time.monotonic() + _FIRST_KICK_SECONDS)

    def _drop(self, call: Call) -> None:
        """Answer a call that was never started."""
        call.ended = True
        call._buffers = ()
        self._live.pop(call.id, None)
        self._outbox.put(wire.failure(call.id, failures.stopped(call, None), 0.0))

    def _give_back_all(self) -> None:
        self._give_back(
            [it for it in list(self._queued) if self._queued.pop(it, _MISSING) is not _MISSING]
        )

    def _give_back(self, calls: Sequence[Call]) -> None:
        for call in calls:
            call.ended = True
            call._buffers = ()
            self._live.pop(call.id, None)
        if calls:
            self._outbox.put(wire.recalled(call.id for call in calls))

    def _on_due(self, now: float) -> float:
        """Stop the calls whose deadline has passed; returns when to look again."""
        following = self._kick_again(now)
        for call in list(self._live.values()):
            if call.deadline is None or call.stop_code is not None:
                continue
            if call.deadline <= now:
                self._stop_call(call, "deadline_exceeded")
            else:
                following = min(following, call.deadline)
        return following

    def _kick_again(self, now: float) -> float:
        """Signal once more when the running call was stopped and does not know it yet.

        A signal that comes between the last look for signals and the system call of a sleep or a
        wait does not end that.
        """
        running = self._interrupter.armed
        if running is None or running.stop_code is None:
            return inf
        self._interrupter.stop()
        self._kick_seconds = min(2 * self._kick_seconds, _LONGEST_KICK_SECONDS)
        return now + self._kick_seconds

    # ---- failures ----

    def _why(self, call: Call, error: BaseException, run_ms: float) -> Error:
        if call.stop_code is not None:
            if failures.is_stop(error):
                return failures.stopped(call, run_ms)
            # The call was stopped already, so nothing else would end the description.
            self._kick_soon()
        interrupter = self._interrupter
        interrupter.cut_off = False
        why: Error | None = None
        try:
            try:
                interrupter.describing = True
                interrupter.armed = call
                why = failures.described(call, error, self.tools, self._hint)
            finally:
                interrupter.armed = None
        except BaseException:  # The interruption, or a trick of the exception's class.
            interrupter.armed = None
        interrupter.describing = False
        if interrupter.cut_off and call.stop_code is not None:
            return failures.stopped(call, run_ms)
        return why or wire.error(
            "python_exception", f"tool '{call.tool}' raised an exception that cannot be described"
        )


async def _with_context(coroutine: Coroutine[Any, Any, object]) -> Context:
    await coroutine
    return copy_context()


def _leave_child(error: BaseException | None) -> None:
    """End a forked copy of the worker in which a tool returned or raised."""
    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        status = 1
        sys.excepthook(type(error), error, error.__traceback__)
    flush()
    os._exit(status)
