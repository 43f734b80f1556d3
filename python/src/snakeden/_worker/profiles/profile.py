"""The contract of a profile, which runs the calls of a worker.

The twin of src/pool/profiles/profile.ts.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import msgspec

if TYPE_CHECKING:
    from snakeden._link.link import LoopLink
    from snakeden._link.outbox import Outbox
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.execution import ExecutionContext
    from snakeden._worker.calls.in_flight import InFlight
    from snakeden._worker.calls.interruption import Interruption
    from snakeden._worker.calls.local_sessions import LocalSessions
    from snakeden._worker.system.output import Output
    from snakeden._worker.system.progress_cell import BulkRecord

__all__ = ["Profile", "ProfileParts"]


class ProfileParts(msgspec.Struct, frozen=True, kw_only=True):
    """The dependencies of a profile."""

    in_flight: InFlight
    context: ExecutionContext
    outbox: Outbox
    look_at: Callable[[float], None]
    """Schedules a call of `Profile.repeat_stops`, at a time on the clock of `time.monotonic()`."""
    local_sessions: LocalSessions
    """The objects that tools keep with sessions. Its hooks run between calls."""
    capacity: int = 1
    """The number of calls that the host lets run at once."""
    attend: Callable[[], None] = lambda: None
    """Has another thread read the link until the main thread calls the `wait` of `serve` again."""
    note_of: Callable[[int], Callable[[int], None] | None]
    """Returns the function that records the id of a call, which the host reads after the worker has
    died. There is one for each place, from 0 to `capacity - 1`; a place has one call at a time.
    """
    note_item_of: Callable[[int], Callable[[int], None]]
    """Returns the function that records the index of an item of a bulk call in the record of a
    place, before the item begins.
    """
    record_of: Callable[[int], BulkRecord]
    """Returns the record of the bulk calls of a place, which the host reads after the worker has
    died. There are `records` of them.
    """
    records: int = 1
    """The number of bulk calls that may run at once."""
    blocked_loop_ms: int = 0
    """The time for which a tool may hold up an event loop before it is reported; 0 for any."""
    on_loop: Callable[[], LoopLink | None] = lambda: None
    """Returns the link for an event loop; see `Link.on_loop`."""
    fail: Callable[[], NoReturn]
    """Ends the process, since a part of the profile is broken. Safe on any thread."""
    output: Output | None = None
    """The streams of the worker. They are notified when a call begins, and when a call that has
    written output ends.
    """


class Profile(Protocol):
    """Runs the calls of a worker. Created and used on the main thread, except for `stop` and
    `repeat_stops`, which may be called on any thread.

    All profiles must keep these rules (python/tests/profiles/conformance.py):

    - A call begins when `InFlight.take` returns it. Calls begin in the order in which they were
      added, and at most `capacity` calls have begun and are not answered.
    - A call that has not begun belongs to the runner. The runner may withdraw it at any moment: to
      give it back when the host recalls it, or to answer that it was stopped. A withdrawn call
      never runs. A call that has begun is never given back: it is answered.
    - A call is noted in a place before its tool runs, and after the answer of the call that had the
      place before was written. So only the noted calls can have caused the death of the worker.
    - A bulk call (`Attempt.bulk`) is one call. Its items are noted as calls are, each before its
      tool runs, in the record of a place that no other bulk call has meanwhile.
    - A call is answered once, and is ended and settled before its answer is put.
    """

    @property
    def capacity(self) -> int:
        """The number of calls that may run at once."""

    def serve(self, wait: Callable[[], None]) -> None:
        """Run calls until `InFlight.draining`, then return once all begun calls are answered.

        `wait` returns when something may have changed. It may read the link, so the main thread
        must call it whenever it has nothing else to do; another thread reads the link in the
        meantime. Code that waits in another way is notified of changes by `InFlight.on_news`.
        """

    def interruption_of(self, attempt: Attempt) -> Interruption:
        """Return the interruption of the thread on which a call runs."""

    def stop(self, attempt: Attempt) -> None:
        """Interrupt a call that has begun and whose `stop_code` was just set: once, inside its
        tool, and no other call. Does nothing if the call is over.
        """

    def repeat_stops(self, now: float) -> float:
        """Interrupt again the calls that were asked to stop and still run. Return the time of the
        next check, or infinity.
        """

    def complete(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine of the adapter itself where asynchronous tools run."""

    def close(self) -> None:
        """Cancel the tasks that asynchronous tools have left running."""

    def after_fork_in_child(self) -> None:
        """Prepare a forked copy of the process, which must not continue as the worker when the code
        of the tool returns.
        """
