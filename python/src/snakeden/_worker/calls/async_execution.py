"""The steps of one call that runs as a task of an event loop, beside other calls."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING

from snakeden._link import wire
from snakeden._link.plain_frames import plain_result
from snakeden._values import arrays
from snakeden._values.protocols import VALUE_TYPES, is_lazy
from snakeden._values.values import Encoded, encode
from snakeden._worker.calls import error_report
from snakeden._worker.calls.execution import Execution
from snakeden._worker.inputs.stream import InputStream
from snakeden.errors import CallCancelled

if TYPE_CHECKING:
    from snakeden._link.gen.errors_pb2 import Error
    from snakeden._worker.calls.attempt import Attempt

__all__ = ["AsyncExecution"]


class AsyncExecution:
    """Executes calls as `Execution` does, and awaits whatever takes time. Each call is a task, and
    is stopped as one: `asyncio.CancelledError` comes up where it awaits.
    """

    def __init__(self, execution: Execution) -> None:
        """Execute calls with the parts of `execution`."""
        self._execution = execution
        self._tools = execution.tools
        self.check_tool = execution.check_tool
        self.shared = execution.shared
        limits = execution.limits
        self._max_bytes = limits.max_bytes
        self._max_depth = limits.max_depth

    async def run(self, attempt: Attempt, started: float) -> bytes:
        """See `Execution.run`."""
        args = attempt.message.args
        if args.tagged:
            buffers, attempt.buffers = attempt.buffers, ()
            if buffers:
                arrays.prepare(args.json)
            answer = await self.answer(attempt, args.json, tagged=True, buffers=buffers)
        else:
            answer = await self.answer(attempt, args.json)
        run_ms = (time.perf_counter() - started) * 1000
        if answer.tagged:
            return wire.result(attempt.id, answer, run_ms=run_ms, shared=self._execution.shared)
        return plain_result(attempt.id, answer.json, run_ms=run_ms)

    async def answer(
        self,
        attempt: Attempt,
        json: bytes,
        *,
        tagged: bool = False,
        buffers: Sequence[bytes | memoryview] = (),
    ) -> Encoded:
        """See `Execution.answer`."""
        execution = self._execution
        message = attempt.message
        if attempt.stop_code is not None:
            raise CallCancelled(attempt.stop_code)
        tool = self._tools.get(message.tool) or execution.registered_tool(message)
        if tagged:
            positional, named = tool.parse(
                json,
                True,
                buffers=buffers,
                open_input=partial(InputStream, attempt),
                opened=attempt.keep_open,
            )
            buffers = ()
        else:
            positional, named = tool.parse(json, False)
        returned = tool.function(*positional, **named)
        del positional, named
        streams = tool.schema.streams
        if type(returned) is CoroutineType:
            returned = await returned
        if (streams or type(returned) not in VALUE_TYPES) and is_lazy(returned, streams=streams):
            answer = await execution.driver(attempt, tool).drive_async(returned)
        else:
            answer = encode(
                returned,
                max_depth=self._max_depth,
                max_bytes=self._max_bytes,
                max_list_items=execution.list_items(message.arrays or tool.arrays),
            )
        if attempt.asks is not None:
            await attempt.asks.conclude_async()
        return answer

    async def failure(self, attempt: Attempt, error: BaseException, *, run_ms: float) -> bytes:
        """See `Execution.failure`."""
        why = await self.why(attempt, error, run_ms=run_ms)
        return wire.failure(attempt.id, why, run_ms=run_ms)

    async def why(self, attempt: Attempt, error: BaseException, *, run_ms: float) -> Error:
        """See `Execution.why`."""
        if attempt.asks is not None and attempt.stop_code is None:
            try:
                await attempt.asks.conclude_async()
            except BaseException:
                # Its tool has failed before, unless this is the stop of the call.
                if attempt.stop_code is not None:
                    return error_report.stopped(attempt, run_ms)
        return self._execution.described(attempt, error, run_ms=run_ms)
