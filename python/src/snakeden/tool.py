"""The mark that makes a function or a method callable from the host."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, overload

__all__ = ["ToolMark", "mark_of", "tool"]

MARK = "__snakeden_tool__"

F = TypeVar("F", bound=Callable[..., Any])


class ToolMark(NamedTuple):
    """The options of `@tool`; None where the function itself decides."""

    name: str | None
    description: str | None
    idempotent: bool = False


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
    *, name: str | None = None, description: str | None = None, idempotent: bool = False
) -> Callable[[F], F]: ...


def tool(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    idempotent: bool = False,
) -> F | Callable[[F], F]:
    """Mark a function or a method as a tool; it stays callable as before.

    Sync functions, generators, `async def` and async generators all do. Generators stream.
    Arguments are checked and converted from the type hints.

    Args:
        function: What is marked, when used without parentheses.
        name: What the host calls it; the function's own name otherwise. Letters, digits, `_`, `.`
            and `-`, at most 64.
        description: One paragraph; the first paragraph of the docstring otherwise.
        idempotent: True when running it twice does what running it once does. A call whose worker
            died under it then runs again in another one.

    Raises:
        TypeError: Used on something that is no function, such as a class; `idempotent` is no bool.
    """
    if not isinstance(idempotent, bool):
        raise TypeError(f"@tool(idempotent=...) takes True or False, not {idempotent!r}")

    def mark(target: F) -> F:
        inner = target.__func__ if isinstance(target, (staticmethod, classmethod)) else target
        if not inspect.isroutine(inner):
            kind = "a class" if inspect.isclass(inner) else f"an object of {type(inner).__name__}"
            raise TypeError(f"@tool marks functions and methods; it was used on {kind}")
        setattr(inner, MARK, ToolMark(name, description, idempotent))
        return target

    return mark if function is None else mark(function)


def mark_of(target: object) -> ToolMark | None:
    """Return the mark of a function or bound method, or None."""
    mark = getattr(target, MARK, None)
    return mark if isinstance(mark, ToolMark) else None
