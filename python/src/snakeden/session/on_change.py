"""Callbacks for changes of the variables of a session, and the part of `Variables` for changes."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import copy_context
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from snakeden.errors import CallCancelled
from snakeden.running_loop import running_loop
from snakeden.session.changes import VariableChange, VariableChanges
from snakeden.session.pending_writes import PendingWrites
from snakeden.session.source import SessionSource

if TYPE_CHECKING:
    import asyncio

__all__ = ["OnChange", "WithChanges"]

Self = TypeVar("Self", bound="OnChange")
Callback = Callable[[VariableChange], "Awaitable[object] | object"]
_WAIT_SECONDS: Final = 0.5


class OnChange:
    """Calls a callback for each change, until `close()` or the end of the call. Made by
    `variables.on_change()`.
    """

    __slots__ = (
        "_aflush",
        "_callback",
        "_changes",
        "_error",
        "_flush",
        "_is_over",
        "_loop",
        "_source",
        "_task",
        "_thread",
    )

    def __init__(
        self,
        changes: VariableChanges,
        callback: Callback,
        *,
        source: SessionSource,
        flush: Callable[[], None],
        aflush: Callable[[], Awaitable[None]],
    ) -> None:
        """Begin. `flush` and `aflush` wait for the writes of the callback, before the call is
        answered.
        """
        self._changes = changes
        self._callback = callback
        self._source = source
        self._flush = flush
        self._aflush = aflush
        self._error: BaseException | None = None
        """The exception that the callback has raised."""
        self._is_over = threading.Event()
        """Set when the thread has called the callback for the last time."""
        self._thread: threading.Thread | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop = running_loop()
        if self._loop is None:
            context = copy_context()
            self._thread = threading.Thread(
                target=lambda: context.run(self._run), name="snakeden-on-change", daemon=True
            )
        else:
            import asyncio

            # Never eager, since nothing here is ready for the callback yet.
            self._task = asyncio.Task(self._run_async(), loop=self._loop)
        source.before_answer(self._conclude, self._conclude_async)
        source.at_end(self._end)
        if self._thread is not None:
            self._thread.start()

    def close(self) -> None:
        """Call the callback no more. One that runs goes on."""
        self._changes.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            for change in self._changes:
                self._callback(change)
        except CallCancelled:
            return  # The thread of the call is interrupted by itself.
        except BaseException as error:
            self._failed(error)
        finally:
            self._is_over.set()

    async def _run_async(self) -> None:
        import asyncio

        try:
            async for change in self._changes:
                result = self._callback(change)
                if inspect.isawaitable(result):
                    await result
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        """Keep an error for the end of the call."""
        try:
            self._source.check()
        except RuntimeError:
            return  # It comes from the end of the call.
        self._error = error
        if not isinstance(error, CallCancelled):
            text = "on_change() ended, since this was raised"
            logging.getLogger(__name__).error(text, exc_info=error)

    def _conclude(self) -> None:
        """End before the call is answered, and raise what the callback has raised."""
        self.close()
        self._join()
        self._flush()
        if self._error is not None:
            raise self._error
        self._changes.check()

    async def _conclude_async(self) -> None:
        """Do what `_conclude` does, while other tasks of the event loop go on."""
        import asyncio

        self.close()
        if self._task is not None:
            await asyncio.wait([self._task])
        elif self._thread is not None:
            await asyncio.to_thread(self._join)
        await self._aflush()
        if self._error is not None:
            raise self._error
        await self._changes.acheck()

    def _end(self) -> None:
        """End, also if the call was stopped."""
        self.close()
        if self._task is not None and self._loop is not None and not self._loop.is_closed():
            self._task.cancel()
        if self._loop is None and running_loop() is not None:
            return  # A thread of an asynchronous tool: waiting for it would block all other tasks.
        self._join()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()

    def _join(self) -> None:
        """Wait for the callback that runs."""
        thread, task, loop = self._thread, self._task, self._loop
        # Not join(): a thread whose join() was interrupted counts as dead. Bounded, since a signal
        # that stops the call need not end the wait.
        if thread is not None and thread.ident is not None:
            while not self._is_over.wait(_WAIT_SECONDS):
                pass
        if task is not None and loop is not None and not (task.done() or loop.is_closed()):
            if loop.is_running():
                loop.call_soon_threadsafe(task.cancel)
            else:
                import asyncio

                loop.run_until_complete(asyncio.wait([task]))


class WithChanges:
    """The part of `Variables` that follows changes."""

    __slots__ = ("_changes", "_entries", "_lock", "_newest", "_source", "_writes")

    _source: SessionSource
    _lock: threading.RLock
    _entries: dict[str, Any]
    _writes: PendingWrites
    _changes: int

    def __init__(self) -> None:
        self._newest = 0
        """The number of the last change that was seen. Older writes may be overwritten by now."""

    def changes(
        self, after: str | None = None, *, names: Iterable[str] | None = None
    ) -> VariableChanges:
        """Return the changes of the variables, as they are made by anybody, also by this call.

        For `for` in tools and in threads that they start, and for `async for` in asynchronous
        tools. It waits for the next change, and ends when the session ends. A change that was seen
        makes the next read of the variable ask the host again.

        Args:
            after: The `position` of the last change that was seen. Default: only changes from this
                call on.
            names: The variables of which changes are wanted, besides `reset`. Default: all.

        Raises:
            HostError: `unknown_session`, or `invalid_input` if `after` is not a position; when the
                first change is awaited.
        """
        earlier = []
        if after is None:
            self._writes.send()
            earlier = [it.reply for it in list(self._writes.sent.values())]
        return VariableChanges(
            self._source, after=after, names=names, see=self._see, earlier=earlier
        )

    def on_change(self, callback: Callback, names: Iterable[str] | None = None) -> OnChange:
        """Call `callback(change)` for each change of the variables from now on, one at a time.

        Runs until the call ends or the returned object is closed; it is also a context manager. The
        callback runs on a thread of its own; in an asynchronous tool it runs on the event loop, and
        may be a coroutine function. The call is answered after a callback that runs has ended. If
        it raises, it is not called any more, and the call fails when its tool returns.

        Args:
            callback: Called with a `VariableChange`.
            names: The variables of which changes are wanted, besides `reset`. Default: all.

        Raises:
            TypeError: The callback is a coroutine function, and no event loop runs here.
        """
        if inspect.iscoroutinefunction(callback) and running_loop() is None:
            raise TypeError(
                "on_change() awaits a coroutine function only in asynchronous tools; "
                "given one where no event loop runs"
            )
        changes = self.changes(names=names)
        flush: Callable[[], None] = self.flush
        aflush: Callable[[], Awaitable[None]] = self.aflush
        return OnChange(changes, callback, source=self._source, flush=flush, aflush=aflush)

    def flush(self) -> None:
        """Wait until all writes are durable."""
        raise NotImplementedError

    async def aflush(self) -> None:
        """Wait as `flush` does."""
        raise NotImplementedError

    def _see(self, changes: Sequence[VariableChange]) -> None:
        """Forget what these changes have changed."""
        with self._lock:
            # A read that is under way may be older than they are.
            self._changes += 1
            for change in changes:
                self._newest = max(self._newest, int(change.position.rpartition(".")[2]))
                if change.name is None:
                    self._entries.clear()
                    continue
                known = self._entries.get(change.name)
                if known is None or known.version < change.version:
                    self._entries.pop(change.name, None)
