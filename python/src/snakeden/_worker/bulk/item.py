"""One item of a bulk call."""

from __future__ import annotations

from typing import Any

from snakeden._worker.calls.attempt import Attempt

__all__ = ["Item"]


class Item(Attempt):
    """One item, as its tool sees it: a call of its own, with the ids of the bulk call.

    Each item is an object of its own, so nothing that was meant for one reaches the next: a stop
    that comes late, or a thread that asks on behalf of an item that has ended.
    """

    __slots__ = ("index",)

    def __init__(self, attempt: Attempt, index: int) -> None:
        """Make the item at `index` of the bulk call `attempt`."""
        # All that the base class sets, without a call of it for each item.
        self.id = attempt.id
        self.message = attempt.message
        self.deadline = None
        self.stop_code = None
        self.ended = False
        self.on_credit = None
        self.buffers = ()
        self.shown = None
        self.asks = None
        self.bulk = None
        self._local = None
        self._prefix = attempt._prefix
        self._report = attempt._report
        self._worker = attempt._worker
        self.index = index

    def report(self, report: dict[str, Any]) -> None:
        """Send progress of the bulk call, which says by which item."""
        self._report(self, {"item": self.index, "report": report})

    def end(self) -> None:
        """End the item, so that nothing is asked or reported on behalf of it any more."""
        self.ended = True
        if self.shown is not None:
            self.shown = None
        if self.asks is not None:
            self.asks.end()
