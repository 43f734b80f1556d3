"""The contract for interrupting a running call, from the side of the code that runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt

__all__ = ["Interruption"]

T = TypeVar("T")


class Interruption(Protocol):
    """Interrupts calls on one thread that runs them one at a time; a profile has one per thread.

    CallCancelled may be raised in that thread at any point while a call is *armed*, not otherwise.
    """

    armed: Attempt | None
    """The call whose tool has control."""
    cut_off: bool
    """True if the last description was interrupted."""

    @property
    def ends_waits(self) -> bool:
        """True if an interruption also ends a wait of the thread in C code; false if waits for
        answers and for credit must be woken.
        """

    @property
    def shares_loop(self) -> bool:
        """True if asynchronous tools of other calls run on the same event loop."""

    @property
    def is_here(self) -> bool:
        """True on the thread that it interrupts."""

    def before_wait(self) -> None:
        """Prepare for a wait for the host in which this thread does nothing else."""

    def check(self, attempt: Attempt) -> None:
        """Raise if `attempt`, which was just armed, had been stopped before."""

    def shield(self, step: Callable[[], None]) -> None:
        """Run a step that must not be interrupted; raise afterwards if the call was stopped."""

    def describe(self, attempt: Attempt, step: Callable[[], T]) -> T | None:
        """Run user code that describes an exception, under the deadline of the call. Returns None
        if it raised, or if the call was stopped meanwhile; `cut_off` is true in the latter case.
        """
