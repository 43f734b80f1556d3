"""What a profile asks of the adapters that it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakeden._tools.plain_tools import plain_tool_problem
from snakeden.errors import AdapterError

if TYPE_CHECKING:
    from snakeden._tools.adapter_loader import LoadedAdapter

__all__ = ["refuse_plain_tools"]

_MOST_NAMED = 10


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
