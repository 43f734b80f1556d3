"""The call of a session, as the session sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

__all__ = ["Reply", "SessionSource"]


class Reply(Protocol):
    """The answer to something that a call has asked the host for."""

    @property
    def done(self) -> bool:
        """True once `wait` returns or raises at once."""

    def wait(self) -> Any:
        """Wait for the answer and return it; not for code that runs on an event loop."""

    async def wait_async(self) -> Any:
        """Wait as `wait` does, while other tasks of the event loop go on."""

    def when_done(self, step: Callable[[], None]) -> None:
        """Call `step` once when it is done, on any thread; at once if it is. It must not raise."""

    def leave(self) -> None:
        """Wake those who wait, since nobody wants the answer any more: they get a RuntimeError."""


class SessionSource(Protocol):
    """The call that uses the variables; the worker has it in `_worker/calls/attempt.py`."""

    @property
    def session_id(self) -> str:
        """The session of the call."""

    def check(self) -> None:
        """Raise RuntimeError if the call has ended."""

    def ask(self, method: str, args: object) -> Reply:
        """Ask the host for something; returns at once."""

    def local(self) -> dict[str, Any]:
        """Return what tools keep with the session in this worker."""

    def before_answer(
        self, step: Callable[[], None], step_async: Callable[[], Awaitable[None]]
    ) -> None:
        """Run a step when the tool has returned or raised, before the call is answered: the second
        one, which does the same, where the call is a task among others of an event loop.
        """

    def at_end(self, step: Callable[[], None]) -> None:
        """Run a step when the call has ended in any way, before its answer is sent."""

    def pack(self, value: object) -> Any:
        """Return a copy of a value in a form in which it reaches the host exactly."""

    def unpack(self, packed: Any) -> Any:
        """Return the value of a packed one from the host."""
