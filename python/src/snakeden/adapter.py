"""Base class of adapters: a class whose `@tool` methods a worker serves."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AbstractContextManager
from typing import Any

from snakeden.thread_safety.locks import Held, lock_of

__all__ = ["Adapter"]


class Adapter:
    """Tools with state that lives as long as the worker.

    The worker makes one instance without arguments, calls `setup()`, serves the methods marked with
    `@tool`, and calls `teardown()` when it is stopped in an orderly way. Both run on the main
    thread, as the tools do, and both may be `async def`: they are awaited on the event loop of the
    asynchronous tools.
    """

    thread_safe: bool = False
    """True if several threads may run the tools of one instance at the same time. A pool with the
    profile `thread` serves no adapter without it. A module whose functions are tools declares it by
    a line `thread_safe = True` of its own.
    """

    max_local_sessions: int = 100
    """The most sessions for which a worker keeps `current_call().session.local`. Beyond it, the one
    that was used longest ago is dropped.
    """

    def setup(self) -> Awaitable[None] | None:
        """Load what the tools need, such as a model.

        If it raises, the worker does not start.
        """

    def locked(self, name: str = "") -> AbstractContextManager[None]:
        """Return a block that one thread runs at a time: `with self.locked("counts"):`.

        Each name stands for a lock of its own, which belongs to this instance. A thread that has it
        may enter it again. A call that is cancelled while it waits for the lock stops waiting.
        """
        return Held(lock_of(self, name))

    def on_session_end(self, session_id: str, local: dict[str, Any]) -> Awaitable[None] | None:
        """Release what tools have kept in `current_call().session.local`.

        Called between two calls, when the session has ended or was dropped for others. When the
        worker is stopped in an orderly way, it is called for all that is left, before `teardown()`.
        What it raises is logged. A worker in which it takes longer than 10 s ends.
        """

    def teardown(self) -> Awaitable[None] | None:
        """Release what `setup` took. Not called when the worker is killed."""
