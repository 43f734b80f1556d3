"""The contract of a profile: how the calls that a worker was sent are run. The twin of
src/pool/profiles/profile.ts.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from snakeden._link.outbox import Outbox
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.execution import ExecutionContext
    from snakeden._worker.calls.in_flight import InFlight
    from snakeden._worker.system.output import Output

__all__ = ["Profile", "ProfileParts"]


@dataclass(frozen=True, kw_only=True)
class ProfileParts:
    """What a profile is made from."""

    in_flight: InFlight
    context: ExecutionContext
    outbox: Outbox
    look_at: Callable[[float], None]
    """Has `Profile.repeat_stops` called at a time on the clock of `time.monotonic()`."""
    note: Callable[[int], None] | None = None
    """Notes the id of a call for the host, which reads it when the worker has died."""
    output: Output | None = None
    """Hears of the beginning of each call, and of the end of those that have written something."""


class Profile(Protocol):
    """Runs the calls of a worker; made and used on the main thread, but for `stop` and
    `repeat_stops`, which belong to any thread.

    What all profiles keep to (python/tests/profiles/conformance.py):

    - A call has begun when `InFlight.take` has given it out. Calls begin in the order in which they
      were added, and no more than `capacity` have begun and are not answered.
    - What has not begun belongs to the runner, which may withdraw it at any moment: to give it back
      when the host recalls it, or to answer that it was stopped. It never runs. A call that has
      begun is never given back: it is answered.
    - A call is noted before its tool has control, and after the answer of the call whose note it
      replaces was written. So a death of the worker is the doing of the noted calls.
    - A call is answered once, ended and settled before its answer is put.
    """

    @property
    def capacity(self) -> int:
        """How many calls may run at once."""

    def serve(self, wait: Callable[[], None]) -> None:
        """Run calls until `InFlight.draining`, then return when those that have begun are answered.

        `wait` returns when something may have changed. It may read the link, so it is for the main
        thread, again and again while that has nothing else to do; another thread reads while it
        does not come. What waits in another way hears of changes by `InFlight.on_news`.
        """

    def stop(self, attempt: Attempt) -> None:
        """Interrupt this call, which has begun and whose `stop_code` was set just now: once, inside
        of its tool, and no other call. Does nothing when the call is over.
        """

    def repeat_stops(self, now: float) -> float:
        """Interrupt those once more that were stopped and do not know it yet; returns when to look
        again, or infinity.
        """

    def complete(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine of the adapter itself where asynchronous tools run."""

    def close(self) -> None:
        """Let go of what asynchronous tools have left running."""

    def after_fork_in_child(self) -> None:
        """Run in a copy of the process, which must not go on as the worker when the code of the
        tool returns.
        """
