"""The interruption of calls that are tasks: there is none but their cancellation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from snakeden.errors import CallCancelled

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt

__all__ = ["TaskInterruption"]

T = TypeVar("T")


class TaskInterruption:
    """See `Interruption`. The profile cancels the task of a call, and so nothing is raised but
    where a task awaits.

    A call has no thread of its own that would be interrupted where it waits. So whoever waits on
    behalf of a call that must stop is woken.
    """

    armed: Attempt | None = None
    cut_off = False
    ends_waits = False
    shares_loop = True
    is_here = False

    def __init__(self, before_wait: Callable[[], None] = lambda: None) -> None:
        self.before_wait = before_wait
        """See `Interruption.before_wait`."""

    def check(self, attempt: Attempt) -> None:
        """See `Interruption.check`."""
        if attempt.stop_code is not None:
            raise CallCancelled(attempt.stop_code)

    def shield(self, step: Callable[[], None]) -> None:
        """See `Interruption.shield`."""
        step()

    def describe(self, _attempt: Attempt, step: Callable[[], T]) -> T | None:
        """See `Interruption.describe`. Code that takes long blocks the loop, which is noticed."""
        try:
            return step()
        except BaseException:  # A trick of the exception's class.
            return None
