"""Drive what a tool returned instead of a value: iterators, asynchronous iterators and awaitables
of any type.

A tool streams when its schema says so. Its items are then sent as chunks, one by one within the
window that the host credits, or collected into one list when the caller wants no stream. The items
of an iterator that no schema announced are always collected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from snakeden._link import wire
from snakeden._values.protocols import ASYNCHRONOUS, has, is_lazy
from snakeden._values.values import Encoded, encode
from snakeden._worker.profiles.interrupt import Interrupter
from snakeden.call import Call
from snakeden.errors import ResultTooLargeError

if TYPE_CHECKING:
    from snakeden._link.slab import Slab

__all__ = ["Collector", "Sender", "close_loop", "drive", "event_loop"]

CHUNK_OVERHEAD: Final = 64
"""What a chunk weighs beyond its JSON and buffers, in bytes."""


class Sender:
    """Sends chunks while what the host has not credited weighs less than the window."""

    def __init__(
        self,
        call: Call,
        window: int,
        max_bytes: int,
        max_depth: int,
        put: Callable[[bytes], None],
        interrupter: Interrupter,
        slab: Slab | None = None,
        min_shared_bytes: int = 1,
    ) -> None:
        self._call_id = call.id
        self._interrupter = interrupter
        self._slab = slab
        self._min_shared_bytes = min_shared_bytes
        self._window = max(1, window)
        self._max_bytes = max_bytes
        self._max_depth = max_depth
        self._put = put
        self._owed = 0
        self._credits: SimpleQueue[int] = SimpleQueue()
        self._wake: Callable[[], object] | None = None
        call.on_credit = self._on_credit

    def _on_credit(self, nbytes: int) -> None:
        """Called on the reader's thread."""
        self._credits.put(nbytes)
        if self._wake is not None:
            self._wake()

    def send(self, item: object) -> None:
        """Send one chunk."""
        value = encode(item, max_depth=self._max_depth, max_bytes=self._max_bytes, where="chunk")
        if self._slab is not None and value.tagged and self._is_shared(value):
            self._send_shared(value)
        else:
            self._put(wire.chunk(self._call_id, value))
        self._owed += value.size + CHUNK_OVERHEAD

    def _is_shared(self, value: Encoded) -> bool:
        return any(len(buffer) >= self._min_shared_bytes for buffer in value.buffers)

    def _send_shared(self, value: Encoded) -> None:
        """A place that was taken must be told to the host, so nothing may come up in between."""
        interrupter = self._interrupter
        # None when the call was interrupted before, which happens once.
        armed = interrupter.armed
        interrupter.armed = None
        try:
            self._put(wire.chunk(self._call_id, value, self._slab, self._min_shared_bytes))
        finally:
            interrupter.armed = armed
        if armed is not None:
            interrupter.check(armed)

    def wait(self) -> None:
        """Wait until the window is open; a cancelled call is interrupted here like anywhere in its
        tool.
        """
        while self._owed >= self._window:
            self._owed -= self._credits.get()

    async def wait_async(self) -> None:
        """As `wait`, while other tasks of the loop go on."""
        if self._owed < self._window:
            return
        loop = asyncio.get_running_loop()
        signalled = asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(signalled.set)
        try:
            while True:
                while not self._credits.empty():
                    self._owed -= self._credits.get()
                if self._owed < self._window:
                    return
                await signalled.wait()
                signalled.clear()
        finally:
            self._wake = None

    def finish(self, returned: object) -> Encoded:
        """The result of the stream: what the generator returned."""
        return encode(returned, max_depth=self._max_depth, max_bytes=self._max_bytes)


class Collector:
    """Gathers chunks into one list, each encoded as it comes, so that an endless generator meets
    the limit.
    """

    def __init__(self, max_bytes: int, max_depth: int) -> None:
        self._max_bytes = max_bytes
        self._max_depth = max_depth - 1
        self._texts: list[bytes] = []
        self._buffers: list[bytes | memoryview] = []
        self._tagged = False
        self._size = 2
        self._attached = 0

    def send(self, item: object) -> None:
        """Take one chunk."""
        where = f"result[{len(self._texts)}]"
        value = encode(
            item,
            max_depth=self._max_depth,
            max_bytes=self._max_bytes,
            where=where,
            buffers=self._buffers,
        )
        self._texts.append(value.json)
        self._tagged = self._tagged or value.tagged
        self._size += len(value.json) + 1
        buffers = self._buffers
        while self._attached < len(buffers):
            # The generator goes on, and may write to the array that it has yielded.
            buffers[self._attached] = bytes(buffers[self._attached])
            self._size += len(buffers[self._attached])
            self._attached += 1
        if 0 < self._max_bytes < self._size:
            raise ResultTooLargeError(self._size, self._max_bytes, "list of chunks")

    def wait(self) -> None:
        """Nothing to wait for."""

    async def wait_async(self) -> None:
        """Let other tasks run."""
        await asyncio.sleep(0)

    def finish(self, _returned: object) -> Encoded:
        """The list of all chunks; what the generator returned has no place in it."""
        return Encoded(b"[" + b",".join(self._texts) + b"]", self._tagged, self._buffers)


def drive(
    lazy: Any,
    call: Call,
    streams: bool,
    interrupter: Interrupter,
    make_sink: Callable[[], Sender | Collector],
    encode_value: Callable[[Any], Encoded],
) -> Encoded:
    """Run a result that `is_lazy` recognizes until its value is there."""
    if not has(type(lazy), "__next__") and has(type(lazy), *ASYNCHRONOUS):
        lazy, answer = _run_async(_settle(lazy, streams, make_sink, encode_value), interrupter)
        if answer is not None:
            return answer
    iterator = lazy if has(type(lazy), "__next__") else iter(lazy)
    return _drive_iterator(iterator, make_sink(), lambda: interrupter.check(call))


def _drive_iterator(iterator: Any, sink: Sender | Collector, check: Callable[[], None]) -> Encoded:
    """Run an iterator to its end. It is closed, and its `finally` has run, whatever happens."""
    try:
        # A call that was stopped at the last moment of its coroutine has not noticed yet.
        check()
        advance = iterator.__next__
        while True:
            try:
                item = advance()
            except StopIteration as end:
                return sink.finish(end.value)
            sink.send(item)
            del item
            sink.wait()
    finally:
        close = getattr(iterator, "close", None)
        if callable(close):
            close()


Settled = tuple[Any, "Encoded | None"]
"""An iterator that must still be driven, or the answer."""


async def _settle(
    lazy: Any,
    streams: bool,
    make_sink: Callable[[], Sender | Collector],
    encode_value: Callable[[Any], Encoded],
) -> Settled:
    """Await and iterate until nothing is left that needs the event loop."""
    while True:
        kind = type(lazy)
        if has(kind, "__anext__"):
            return None, await _drive_async(lazy, make_sink())
        if has(kind, "__await__"):
            lazy = await lazy
        elif has(kind, "__aiter__"):
            lazy = aiter(lazy)
        elif is_lazy(lazy, streams=streams):
            return lazy, None
        else:
            return None, encode_value(lazy)


async def _drive_async(iterator: Any, sink: Sender | Collector) -> Encoded:
    try:
        advance = iterator.__anext__
        while True:
            try:
                item = await advance()
            except StopAsyncIteration:
                return sink.finish(None)
            sink.send(item)
            del item
            await sink.wait_async()
    finally:
        close = getattr(iterator, "aclose", None) or getattr(iterator, "close", None)
        if callable(close):
            closing = close()
            if has(type(closing), "__await__"):
                await closing


def _run_async(work: Coroutine[Any, Any, Settled], interrupter: Interrupter) -> Settled:
    """Run a coroutine on the worker's one event loop."""
    loop: asyncio.AbstractEventLoop | None = None
    task: asyncio.Task[Settled] | None = None
    try:
        loop = event_loop(interrupter)
        task = interrupter.task = loop.create_task(work)
        return loop.run_until_complete(task)
    finally:
        interrupter.task = None
        if task is None:
            work.close()
        elif loop is not None and not task.done():
            # The loop itself was interrupted; the task still has to unwind.
            task.cancel()
            _unwind(loop, task)
        elif not task.cancelled():
            task.exception()  # Looked at, so that the loop does not complain of it.


def _unwind(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    try:
        loop.run_until_complete(task)
    except BaseException:
        # The exception on its way out is the cause; what unwinding adds does not matter.
        return


def event_loop(interrupter: Interrupter) -> asyncio.AbstractEventLoop:
    """Return the worker's one event loop, which is made when first needed."""
    loop = interrupter.loop
    if loop is None or loop.is_closed():
        loop = interrupter.loop = asyncio.new_event_loop()
    return loop


def close_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    """Cancel what tools left running on the loop, and close it."""
    if loop is None or loop.is_closed():
        return
    try:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
