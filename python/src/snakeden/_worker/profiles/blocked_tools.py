"""Report the tools that hold up the event loop of their worker, to the log and to the host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from snakeden._link import wire
from snakeden.call import CURRENT

if TYPE_CHECKING:
    from snakeden._link.outbox import Outbox
    from snakeden._worker.calls.attempt import Attempt

__all__ = ["BlockedTools"]

_MOST_NAMED: Final = 1_000
"""The most tools and places that are remembered, so that the log names each once."""


class BlockedTools:
    """The reports of one loop. Its methods run on the thread of `LoopWatch`."""

    def __init__(
        self,
        outbox: Outbox,
        *,
        loop: asyncio.AbstractEventLoop,
        running: Callable[[], int],
        find: Callable[[asyncio.Task[Any]], Attempt | None],
    ) -> None:
        """Report by `outbox`. `running` returns the number of calls that run, `find` the call of
        a task.
        """
        self._outbox = outbox
        self._loop = loop
        self._running = running
        self._find = find
        self._named: set[str] = set()
        self._tool = ""

    def on_blocked(self, stack: str, seconds: float) -> None:
        """Report that a turn of the loop takes long."""
        call = self._current()
        tool = self._tool = "" if call is None else call.tool
        self._report(seconds, is_over=False, stack=stack)
        # Code without a call is known by its place alone.
        name = tool or stack
        if name in self._named or len(self._named) >= _MOST_NAMED:
            return
        self._named.add(name)
        who = f"tool '{tool}'" if tool else "code that runs for no call"
        others = max(0, self._running() - (call is not None))
        token = None if call is None else CURRENT.set(call)
        try:
            logging.getLogger("snakeden").warning(
                "%s has held up the event loop of its worker for %.0f ms, and with it %d other "
                "%s: await what takes long, or run it by `await asyncio.to_thread(...)`. "
                "It is here:\n%s",
                who,
                seconds * 1000,
                others,
                "call" if others == 1 else "calls",
                stack.rstrip(),
            )
        finally:
            if token is not None:
                CURRENT.reset(token)

    def on_over(self, seconds: float) -> None:
        """Report that the loop runs again."""
        self._report(seconds, is_over=True, stack="")

    def _report(self, seconds: float, *, is_over: bool, stack: str) -> None:
        # Also has the writer send the answers of this turn, which nobody else would before its end.
        self._outbox.put_urgent(
            wire.loop_blocked(self._tool, blocked_ms=seconds * 1000, is_over=is_over, stack=stack)
        )

    def _current(self) -> Attempt | None:
        """Return the call whose task has control."""
        task = asyncio.current_task(self._loop)
        if task is None:
            return None
        call = self._find(task)
        if call is None and hasattr(task, "get_context"):  # From Python 3.12 on.
            call = task.get_context().get(CURRENT)
        return call
