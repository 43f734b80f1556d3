"""Tools whose jobs are measured."""

from __future__ import annotations

import time

from snakeden import tool

__all__ = ["noop", "print_lines", "started"]


@tool
def noop() -> None:
    """Do nothing."""


@tool
def print_lines(count: int) -> None:
    """Print many lines."""
    for index in range(count):
        print("line", index)


@tool
def started() -> float:
    """Return the time, in milliseconds since 1970."""
    return time.time() * 1000
