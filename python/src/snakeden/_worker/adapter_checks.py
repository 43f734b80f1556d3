"""The rules that a profile sets for the adapters that it serves."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, get_origin, get_type_hints

from snakeden._tools.adapter_loader import is_asynchronous
from snakeden._tools.gathering import place_of
from snakeden.errors import AdapterError

if TYPE_CHECKING:
    from snakeden._tools.adapter_loader import LoadedAdapter

__all__ = ["plain_tool_problem", "refuse_plain_tools"]

_MOST_NAMED: Final = 10


def refuse_plain_tools(adapter: LoadedAdapter, names: str) -> None:
    """Raise if an adapter has tools that would hold up an event loop.

    Raises:
        AdapterError: It names the tools.
    """
    found = [plain_tool_problem(it.name, it.function) for it in adapter.tools.values()]
    problems = [it for it in found if it]
    if not problems:
        return
    more = len(problems) - _MOST_NAMED
    shown = "; ".join(problems[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
    raise AdapterError(
        f"adapter '{names}' cannot be served by the profile async, whose calls share one event "
        f"loop: {shown}. Make it `async def`, and run what blocks by `await "
        "asyncio.to_thread(...)`; or leave it out of `expose`; or choose the profile process"
    )


def plain_tool_problem(name: str, function: Callable[..., Any]) -> str:
    """Return why a tool cannot run on the event loop of a worker, as a text for people; empty if it
    can.

    A plain function that declares what it returns to be awaitable, or to be iterated
    asynchronously, only makes that, so it is no plain tool.
    """
    if is_asynchronous(function) or _declares_asynchronous(inspect.unwrap(function)):
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
    import asyncio

    kind = get_origin(hint) or hint
    return inspect.isclass(kind) and issubclass(kind, (Awaitable, AsyncIterable, asyncio.Future))
