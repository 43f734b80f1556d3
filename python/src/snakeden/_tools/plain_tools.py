"""Find tools that are plain functions, where only asynchronous ones can run."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any, get_origin, get_type_hints

from snakeden._tools.gathering import place_of

__all__ = ["plain_tool_problem"]

_ASYNCHRONOUS = (Awaitable, AsyncIterable, asyncio.Future)


def plain_tool_problem(name: str, function: Callable[..., Any]) -> str:
    """Return why a tool cannot run on the event loop of a worker, as a text for people; empty if it
    can.

    A plain function that declares what it returns to be awaitable, or to be iterated
    asynchronously, only makes that, so it is no plain tool.
    """
    inner: Any = inspect.unwrap(function)
    for it in (function, inner, getattr(inner, "__call__", None)):  # noqa: B004
        if inspect.iscoroutinefunction(it) or inspect.isasyncgenfunction(it):
            return ""
    if _declares_asynchronous(inner):
        return ""
    return (
        f"the tool '{name}', {place_of(function)}, is a plain function, which would hold up all "
        "other calls of its worker while it runs"
    )


def _declares_asynchronous(function: Callable[..., Any]) -> bool:
    try:
        hint = get_type_hints(function).get("return")
    except Exception:
        return False
    kind = get_origin(hint) or hint
    return inspect.isclass(kind) and issubclass(kind, _ASYNCHRONOUS)
