"""The one event loop of a worker's asynchronous tools, on the main thread."""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import Context, copy_context
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

__all__ = ["EventLoop"]

T = TypeVar("T")


class EventLoop:
    """Runs coroutines to their end, one at a time; the loop is made when first needed."""

    __slots__ = ("_loop", "_task")

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine of a call. Whatever interrupts it, it has unwound when this ends."""
        import asyncio

        loop: asyncio.AbstractEventLoop | None = None
        task: asyncio.Task[T] | None = None
        try:
            loop = self._open()
            # Not by the factory of the loop, which tools may have replaced.
            task = self._task = asyncio.Task(work, loop=loop)
            return loop.run_until_complete(task)
        finally:
            self._task = None
            if task is None:
                work.close()
            elif loop is not None and not task.done():
                # The loop itself was interrupted; the task still has to unwind.
                task.cancel()
                _unwind(loop, task)
            elif not task.cancelled():
                task.exception()  # Read, so that the loop does not report it as never retrieved.

    def complete(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine of the adapter itself. Context variables that the coroutine sets stay
        set, as those of a function do.
        """
        context = self._open().run_until_complete(_with_context(coroutine))
        for variable, value in context.items():
            variable.set(value)

    def cancel_waiting(self) -> bool:
        """Cancel the task of `run` unless its own code has control; returns whether that was done.
        An exception from a signal handler would hit the loop itself there: also while the loop
        schedules the next step of a task that has just yielded, which then never came.
        """
        task, loop = self._task, self._loop
        if task is None or loop is None or _is_running(task):
            return False
        loop.call_soon_threadsafe(task.cancel)
        return True

    def close(self) -> None:
        """Cancel the tasks that tools have left on the loop, and close it."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        import asyncio

        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def _open(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        if loop is None or loop.is_closed():
            import asyncio

            loop = self._loop = asyncio.new_event_loop()
        return loop


def _is_running(task: asyncio.Task[Any]) -> bool:
    # The task is still the current one of its loop for a moment after its coroutine has yielded.
    coroutine = task.get_coro()
    return isinstance(coroutine, CoroutineType) and coroutine.cr_running


def _unwind(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    try:
        loop.run_until_complete(task)
    except BaseException:
        # The cause is the exception that is already on its way out.
        return


async def _with_context(coroutine: Coroutine[Any, Any, object]) -> Context:
    await coroutine
    return copy_context()
