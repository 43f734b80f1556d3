"""Tools that use the variables of their session."""

from __future__ import annotations

from typing import Any

from snakeden import current_call, tool

__all__ = ["assign", "echo", "get_many", "read_each", "set_many"]


@tool
def echo(value: Any) -> Any:
    """Return the value."""
    return value


@tool
def assign(count: int) -> None:
    """Write variables one by one, without waiting for each."""
    variables = current_call().session.variables
    for name in _names(count):
        variables[name] = 0.5


@tool
def set_many(count: int) -> None:
    """Write variables by as few messages as possible."""
    current_call().session.variables.set_many(dict.fromkeys(_names(count), 0.5))


@tool
def read_each(count: int) -> None:
    """Read variables one by one, each after the one before."""
    variables = current_call().session.variables
    for name in _names(count):
        assert variables[name] == 0.5


@tool
def get_many(count: int) -> None:
    """Read variables by as few messages as possible."""
    values = current_call().session.variables.get_many(_names(count))
    assert len(values) == count


def _names(count: int) -> list[str]:
    return [f"v{i}" for i in range(count)]
