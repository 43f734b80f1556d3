"""An event loop that says when it waits."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

__all__ = ["make_loop"]


def make_loop(before: Callable[[], None], after: Callable[[], None]) -> asyncio.AbstractEventLoop:
    """Make an event loop that calls `before` at the end of each turn, when all that was ready has
    run, and `after` when it has waited for more. Both raise nothing.
    """
    return asyncio.SelectorEventLoop(_Selector(before, after))


class _Selector(selectors.DefaultSelector):
    def __init__(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        super().__init__()
        self._before = before
        self._after = after

    def select(self, timeout: float | None = None) -> Any:
        """Wait, at the end of a turn."""
        self._before()
        try:
            return super().select(timeout)
        finally:
            self._after()
