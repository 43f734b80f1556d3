"""The part of a running bulk call that other threads see."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt

__all__ = ["Bulk"]


class Bulk:
    """The running item of a bulk call. Its profile sets it; the reader of the link and the watch
    over deadlines read it.
    """

    __slots__ = ("flush_due", "item")

    def __init__(self, attempt: Attempt) -> None:
        self.item: Attempt = attempt
        """The item that runs; the bulk call itself before the first one."""
        self.flush_due: Callable[[float], float] = lambda _now: inf
        """Sends outcomes that have waited long enough; returns when to call it again."""
