"""Streams of host tools, as tools read them.

The reader asks the host for the next batch of items as soon as it has taken one, so one batch is on
its way while another is read, and the host produces no more than that. The host answers with all
items that are ready, once there is at least one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeVar

from snakeden.errors import HostError, HostToolError
from snakeden.host_tools.source import NUMBERS, ToolSource, cancel, failure
from snakeden.session.source import Reply

__all__ = ["AsyncHostStream", "HostStream"]

Sync = TypeVar("Sync", bound="HostStream")
Async = TypeVar("Async", bound="AsyncHostStream")


class _Batches:
    """The items of a stream that the host has sent, and the request for more."""

    __slots__ = (
        "__weakref__",
        "_is_over",
        "_items",
        "_lock",
        "_number",
        "_reply",
        "_result",
        "_source",
        "_tool",
    )

    def __init__(self, source: ToolSource, tool: str, *, args: dict[str, Any]) -> None:
        """Open the stream; returns at once."""
        self._source = source
        self._tool = tool
        self._number = next(NUMBERS)
        self._items: deque[Any] = deque()
        self._result: Any = None
        # Reentrant, since the garbage collector may run a finalizer here.
        self._lock = threading.RLock()
        self._is_over = True
        self._reply: Reply | None = source.ask(
            "tools.open", {"id": self._number, "name": tool, "args": args}
        )
        """The answer with the next batch."""
        self._is_over = False
        """True once the host has sent everything, has failed, or was told to stop."""

    @property
    def result(self) -> Any:
        """The value that the tool has returned after its last item; None until that was read."""
        return self._result

    def close(self) -> None:
        """Have the host stop the tool, and drop what was not read. May be called at any time, on
        any thread: who waits for the next item then gets to the end of the stream.
        """
        with self._lock:
            self._items.clear()
            if self._is_over:
                return
            self._is_over = True
            reply, self._reply = self._reply, None
        # First, so that a request that waits for its place is not sent after the other.
        if reply is not None:
            reply.leave()
        cancel(self._source, self._number)

    def __del__(self) -> None:
        try:
            # Also if it was never opened, since the arguments could not travel.
            if not getattr(self, "_is_over", True):
                self.close()
        except Exception:  # At the end of the process, anything may be gone.
            return

    def _next_reply(self) -> Reply | None:
        """Return the answer to wait for; None at the end."""
        with self._lock:
            if self._is_over:
                return None
            if self._reply is None:
                # The request before could not be sent.
                self._ask()
            return self._reply

    def _take(self, reply: Reply, batch: Mapping[str, Any]) -> None:
        """Take a batch, unless another thread has, and ask for the one after it."""
        with self._lock:
            if self._reply is not reply:
                return
            self._reply = None
            self._items.extend(batch["items"])
            if batch["done"]:
                self._result = batch.get("result")
                self._is_over = True
            else:
                self._ask()

    def _ask(self) -> None:
        self._reply = self._source.ask("tools.next", {"id": self._number})

    def _failed(self, error: HostError) -> HostToolError:
        """End the stream, and return what its reader is told."""
        self._is_over = True
        self._reply = None
        return failure(self._tool, error)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of host tool {self._tool!r}>"


class HostStream(_Batches):
    """The items of a host tool, for `for`. Made by `current_call().tools.stream(name, ...)`.

    Leaving the loop before its end stops the tool as soon as nothing refers to the stream, as for a
    generator. `close()` or a `with` block stops it at once, and the end of the call in any case.
    """

    __slots__ = ()

    def __iter__(self: Sync) -> Sync:
        return self

    def __next__(self) -> Any:
        while True:
            try:
                return self._items.popleft()
            except IndexError:
                reply = self._next_reply()
            if reply is None:
                raise StopIteration
            try:
                batch = reply.wait()
            except HostError as error:
                raise self._failed(error) from error.__cause__
            except RuntimeError:
                if not self._is_over:
                    raise
                raise StopIteration from None  # It was closed by another thread.
            self._take(reply, batch)

    def __enter__(self: Sync) -> Sync:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncHostStream(_Batches):
    """The items of a host tool, for `async for`. Made by `current_call().tools.astream(name, ...)`.

    Leaving the loop before its end stops the tool as soon as nothing refers to the stream.
    `await aclose()` or an `async with` block stops it at once, and so does the cancellation of a
    task that waits for an item. The end of the call stops it in any case.
    """

    __slots__ = ()

    def __aiter__(self: Async) -> Async:
        return self

    async def __anext__(self) -> Any:
        while True:
            try:
                return self._items.popleft()
            except IndexError:
                reply = self._next_reply()
            if reply is None:
                raise StopAsyncIteration
            import asyncio

            try:
                if reply.done:
                    # A tool that is always ahead of the reader must not hold up other tasks.
                    await asyncio.sleep(0)
                batch = await reply.wait_async()
            except HostError as error:
                raise self._failed(error) from error.__cause__
            except RuntimeError:
                if not self._is_over:
                    raise
                raise StopAsyncIteration from None  # It was closed by another task.
            except asyncio.CancelledError:
                self.close()
                raise
            self._take(reply, batch)

    async def aclose(self) -> None:
        """Stop the tool as `close` does; does not wait."""
        self.close()

    async def __aenter__(self: Async) -> Async:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
