"""How a call that runs is made to raise, as the code that runs it sees that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt

__all__ = ["Interruption"]

T = TypeVar("T")


class Interruption(Protocol):
    """Belongs to one thread that runs calls, one at a time; a profile has one for each.

    CallCancelled may come up in that thread at any point while a call is *armed*, and nowhere else.
    """

    armed: Attempt | None
    """The call whose tool has control."""
    cut_off: bool
    """Whether the last description was interrupted."""

    def check(self, attempt: Attempt) -> None:
        """Raise when `attempt`, armed just now, was stopped before it was armed."""

    def shield(self, step: Callable[[], None]) -> None:
        """Run a step in which nothing may come up; raise afterwards when the call was stopped."""

    def describe(self, attempt: Attempt, step: Callable[[], T]) -> T | None:
        """Run code of the user that describes an exception, under the deadline of the call. None
        when it raised, and when the call was stopped meanwhile, which `cut_off` tells.
        """
