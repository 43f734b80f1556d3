"""Drive what a tool returned instead of a value: iterators, asynchronous iterators and awaitables
of any type.

A tool streams when its schema says so. Its items are then sent as chunks, one by one within the
window that the host credits, or collected into one list when the caller wants no stream. The items
of an iterator that no schema announced are always collected.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from snakeden._values.protocols import ASYNCHRONOUS, has, is_lazy
from snakeden._values.values import Encoded
from snakeden._worker.calls.streams import Collector, Sender

__all__ = ["Driver", "Settled"]

Settled = tuple[Any, "Encoded | None"]
"""An iterator that must still be driven, or the answer."""


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """Drives the result of one call."""

    streams: bool
    """True if the schema of the tool says that it streams."""
    make_sink: Callable[[], Sender | Collector]
    encode: Callable[[object], Encoded]
    check: Callable[[], None]
    """Raises when the call was stopped."""

    def drive(
        self, lazy: Any, run_async: Callable[[Coroutine[Any, Any, Settled]], Settled]
    ) -> Encoded:
        """Run a result that `is_lazy` recognizes until its value is there; `run_async` runs a
        coroutine to its end.
        """
        if not has(type(lazy), "__next__") and has(type(lazy), *ASYNCHRONOUS):
            lazy, answer = run_async(self.settle(lazy))
            if answer is not None:
                return answer
        return self.iterate(lazy if has(type(lazy), "__next__") else iter(lazy))

    async def drive_async(self, lazy: Any) -> Encoded:
        """Run a result that `is_lazy` recognizes until its value is there, while other tasks of the
        event loop go on.
        """
        if not has(type(lazy), "__next__") and has(type(lazy), *ASYNCHRONOUS):
            lazy, answer = await self.settle(lazy)
            if answer is not None:
                return answer
        return await self._iterate_between(lazy if has(type(lazy), "__next__") else iter(lazy))

    async def settle(self, lazy: Any) -> Settled:
        """Await and iterate until nothing is left that needs the event loop."""
        while True:
            kind = type(lazy)
            if has(kind, "__anext__"):
                return None, await self._iterate_async(lazy)
            if has(kind, "__await__"):
                lazy = await lazy
            elif has(kind, "__aiter__"):
                lazy = aiter(lazy)
            elif is_lazy(lazy, streams=self.streams):
                return lazy, None
            else:
                return None, self.encode(lazy)

    def iterate(self, iterator: Any) -> Encoded:
        """Run an iterator to its end. It is closed, and its `finally` has run, whatever happens."""
        sink = self.make_sink()
        try:
            # A call that was stopped at the last moment of its coroutine has not noticed yet.
            self.check()
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

    async def _iterate_between(self, iterator: Any) -> Encoded:
        """Run an iterator as `iterate` does. Between two items other tasks may go on."""
        sink = self.make_sink()
        try:
            advance = iterator.__next__
            while True:
                try:
                    item = advance()
                except StopIteration as end:
                    return sink.finish(end.value)
                sink.send(item)
                del item
                await sink.wait_async()
        finally:
            close = getattr(iterator, "close", None)
            if callable(close):
                close()

    async def _iterate_async(self, iterator: Any) -> Encoded:
        sink = self.make_sink()
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
