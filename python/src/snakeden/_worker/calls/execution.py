"""The steps of one call that are the same in all profiles: from its arguments to its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from snakeden._link import wire
from snakeden._link.plain_frames import plain_result
from snakeden._values import arrays
from snakeden._values.protocols import VALUE_TYPES, is_lazy
from snakeden._values.values import Encoded, ValueLimits, encode
from snakeden._worker.calls import error_report
from snakeden._worker.calls.drive import Driver, Settled
from snakeden._worker.calls.streams import Collector, Sender
from snakeden._worker.inputs.stream import InputStream

if TYPE_CHECKING:
    from snakeden._link.gen.errors_pb2 import Error
    from snakeden._link.gen.link_pb2 import Call as WireCall
    from snakeden._link.slab import SharedMemory
    from snakeden._tools.adapter_loader import LoadedTool
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption

__all__ = ["Execution", "ExecutionContext"]

_AS_LISTS: Final = 1
"""A value of `Call.arrays` in link.proto."""


class ExecutionContext(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that all calls of a worker share."""

    tools: Mapping[str, LoadedTool]
    put: Callable[[bytes], None]
    """Sends a message, in order."""
    limits: ValueLimits
    shared: SharedMemory | None = None
    registered: Callable[[str, str], LoadedTool | None] = lambda _name, _session_id: None
    """Returns the registered tool of a name that a call of a session runs."""
    hint: Callable[[BaseException], str] = lambda _error: ""
    """Adds to the text of an exception that a tool raised."""


class Execution:
    """Executes calls on one thread, which `interruption` interrupts."""

    def __init__(
        self,
        context: ExecutionContext,
        interruption: Interruption,
        *,
        run_async: Callable[[Coroutine[Any, Any, Settled]], Settled],
    ) -> None:
        """Execute calls; `run_async` runs a coroutine to its end."""
        self.tools = context.tools
        """The tools by name, without those that are registered."""
        self._registered = context.registered
        self._put = context.put
        self.limits = context.limits
        """The limits of results."""
        self._max_bytes = context.limits.max_bytes
        self._max_depth = context.limits.max_depth
        self._max_list_items = context.limits.max_list_items
        self.shared = context.shared
        """The memory that is shared with the host."""
        self._hint = context.hint
        self._interruption = interruption
        self._run_async = run_async

    def run(self, attempt: Attempt, started: float) -> bytes:
        """Return the message with the result; raises what the tool raises, and CallCancelled.

        `started` is on the clock of `time.perf_counter()`. Nothing refers to arguments and result
        once this has returned: the places that they had in shared memory are released with the
        answer.
        """
        args = attempt.message.args
        if args.tagged:
            buffers, attempt.buffers = attempt.buffers, ()
            if buffers:
                arrays.prepare(args.json)
            answer = self.answer(attempt, args.json, tagged=True, buffers=buffers)
        else:
            answer = self.answer(attempt, args.json)
        run_ms = (time.perf_counter() - started) * 1000
        if answer.tagged:
            return wire.result(attempt.id, answer, run_ms=run_ms, shared=self.shared)
        return plain_result(attempt.id, answer.json, run_ms=run_ms)

    def answer(
        self,
        attempt: Attempt,
        json: bytes,
        *,
        tagged: bool = False,
        buffers: Sequence[bytes | memoryview] = (),
    ) -> Encoded:
        """Run the tool of a call with the arguments in `json`, and return its result; raises what
        `run` raises.
        """
        interruption = self._interruption
        message = attempt.message
        try:
            # From here to the `finally` CallCancelled may come up at any point.
            interruption.armed = attempt
            if attempt.stop_code is not None:
                interruption.check(attempt)
            tool = self.tools.get(message.tool) or self.registered_tool(message)
            if tagged:
                positional, named = tool.parse(
                    json,
                    True,
                    buffers=buffers,
                    open_input=partial(InputStream, attempt),
                    opened=attempt.keep_open,
                )
            else:
                positional, named = tool.parse(json, False)
            returned = tool.function(*positional, **named)
            streams = tool.schema.streams
            if (streams or type(returned) not in VALUE_TYPES) and is_lazy(
                returned, streams=streams
            ):
                answer = self.driver(attempt, tool).drive(returned, self._run_async)
            else:
                answer = encode(
                    returned,
                    max_depth=self._max_depth,
                    max_bytes=self._max_bytes,
                    max_list_items=self.list_items(message.arrays or tool.arrays),
                )
            if attempt.asks is not None:
                attempt.asks.conclude()
        finally:
            interruption.armed = None
        return answer

    def failure(self, attempt: Attempt, error: BaseException, *, run_ms: float) -> bytes:
        """Return the message with the failure of a call whose tool raised `error`."""
        return wire.failure(attempt.id, self.why(attempt, error, run_ms=run_ms), run_ms=run_ms)

    def list_items(self, arrays: int) -> int | None:
        """Return the most numbers that may be sent as lists; None where none are."""
        return self._max_list_items if arrays == _AS_LISTS else None

    def registered_tool(self, message: WireCall) -> LoadedTool:
        """Return the tool of a call that the adapters do not have, or raise UnknownToolError."""
        tool = self._registered(message.tool, message.session_id)
        if tool is None:
            raise error_report.UnknownToolError(message.tool)
        return tool

    def driver(self, attempt: Attempt, tool: LoadedTool) -> Driver:
        """Return the driver of a result that takes time."""
        interruption = self._interruption
        message = attempt.message
        streams = tool.schema.streams
        list_items = self.list_items(message.arrays or tool.arrays)

        def make_sink() -> Sender | Collector:
            if not (streams and message.stream):
                return Collector(
                    self.limits,
                    max_list_items=list_items,
                    sign=lambda nothing: self._put(wire.progress(attempt.id, nothing)),
                )
            return Sender(
                attempt,
                self._put,
                window=message.window_bytes,
                limits=self.limits,
                max_list_items=list_items,
                interruption=interruption,
                shared=self.shared,
            )

        return Driver(
            streams=streams,
            make_sink=make_sink,
            encode=lambda value: encode(
                value,
                max_depth=self._max_depth,
                max_bytes=self._max_bytes,
                max_list_items=list_items,
            ),
            check=lambda: interruption.check(attempt),
        )

    def check_tool(self, message: WireCall) -> None:
        """Raise UnknownToolError if there is no tool for a call."""
        if message.tool not in self.tools:
            self.registered_tool(message)

    def why(self, attempt: Attempt, error: BaseException, *, run_ms: float) -> Error:
        """Describe the failure of a call whose tool raised `error`."""
        interruption = self._interruption
        if attempt.asks is not None and not _is_stop_of(attempt, error):
            interruption.describe(attempt, attempt.asks.conclude)
            if interruption.cut_off and attempt.stop_code is not None:
                return error_report.stopped(attempt, run_ms)
        return self.described(attempt, error, run_ms=run_ms)

    def described(self, attempt: Attempt, error: BaseException, *, run_ms: float) -> Error:
        """Describe the failure of a call that does nothing else any more."""
        if _is_stop_of(attempt, error):
            return error_report.stopped(attempt, run_ms)
        interruption = self._interruption
        why = interruption.describe(
            attempt,
            lambda: error_report.described(attempt, error, tools=self.tools, hint=self._hint),
        )
        if interruption.cut_off and attempt.stop_code is not None:
            return error_report.stopped(attempt, run_ms)
        return why or wire.error(
            "python_exception",
            f"tool '{attempt.tool}' raised an exception that cannot be described",
        )


def _is_stop_of(attempt: Attempt, error: BaseException) -> bool:
    return attempt.stop_code is not None and error_report.is_stop(error)
