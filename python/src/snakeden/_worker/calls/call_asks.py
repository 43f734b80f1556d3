"""The asks of one call, and the steps that follow from them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

__all__ = ["CallAsks", "OpenReply"]


class OpenReply(Protocol):
    """The answer to an ask, as its call sees it: reply.py."""

    def abandon(self) -> None:
        """Settle it, since the call has ended."""

    def stopped(self) -> None:
        """Wake those who wait on other threads, since the call was told to stop."""

    def after_fork_in_child(self) -> None:
        """Settle it in a forked copy of the worker, which no answer reaches."""


class Step(NamedTuple):
    """A step before the answer, in two forms that do the same."""

    run: Callable[[], None]
    run_async: Callable[[], Awaitable[None]]


class CallAsks:
    """The asks of one call, from the first one to the end of the call."""

    __slots__ = ("at_end", "before_answer", "replies")

    def __init__(self) -> None:
        self.replies: set[OpenReply] = set()
        """Those that are not settled."""
        self.before_answer: list[Step] = []
        """Steps to run on the thread or in the task of the call when its tool has returned or
        raised, unless the call was stopped.
        """
        self.at_end: list[Callable[[], None]] = []
        """Steps to run on the thread of the call when it has ended in any way, before its answer is
        sent. They raise nothing.
        """

    def conclude(self) -> None:
        """Run the steps before the answer. What one of them raises becomes the failure of the call
        if the tool has returned.
        """
        for step in self.before_answer:
            step.run()

    async def conclude_async(self) -> None:
        """Do what `conclude` does, while other tasks of the event loop go on."""
        for step in self.before_answer:
            await step.run_async()

    def end(self) -> None:
        """Settle what is left, since the call has ended."""
        while self.replies:
            self.replies.pop().abandon()
        for step in self.at_end:
            step()
        # The steps refer to the call.
        self.before_answer.clear()
        self.at_end.clear()

    def after_fork_in_child(self) -> None:
        """Leave everything to the worker. A copy of it that waited would wait for ever."""
        for reply in list(self.replies):
            reply.after_fork_in_child()
        self.before_answer.clear()
        self.at_end.clear()
