"""The mark that makes a function or a method callable from the host."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar, overload

__all__ = ["ToolMark", "mark_of", "tool"]

MARK = "__snakeden_tool__"

MAX_TIMEOUT_MS = 86_400_000
"""The longest deadline of a call: a day. Twin of src/calls/call_fields.ts."""

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.I)

F = TypeVar("F", bound=Callable[..., Any])


class ToolMark(NamedTuple):
    """The options of `@tool`; None where the function itself decides."""

    name: str | None = None
    description: str | None = None
    idempotent: bool = False
    timeout_ms: float | None = None
    arrays: str | None = None
    media_type: str | None = None
    stall_timeout_ms: float | None = None
    main_thread: bool = False


@overload
def tool(function: F, /) -> F: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    idempotent: bool = False,
    timeout_ms: float | None = None,
    stall_timeout_ms: float | None = None,
    arrays: Literal["list", "base64"] | None = None,
    media_type: str | None = None,
    main_thread: bool = False,
) -> Callable[[F], F]: ...


def tool(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    idempotent: bool = False,
    timeout_ms: float | None = None,
    stall_timeout_ms: float | None = None,
    arrays: Literal["list", "base64"] | None = None,
    media_type: str | None = None,
    main_thread: bool = False,
) -> F | Callable[[F], F]:
    """Mark a function or a method as a tool; it stays callable as before.

    The function may be sync or async, or a generator of either kind. Generators stream.
    Arguments are checked and converted from the type hints.

    Args:
        function: The function, if used without parentheses.
        name: The name of the tool: letters, digits, `_`, `.` and `-`, at most 64. Default: the name
            of the function.
        description: One paragraph. Default: the first paragraph of the docstring.
        idempotent: True if running the tool twice has the same effect as running it once. If its
            worker dies, the call then runs again in another one.
        timeout_ms: The default deadline of a call, in milliseconds: more than 0 and at most
            86,400,000 (a day). Default: the `timeoutMs` of the pool.
        stall_timeout_ms: The default time that a call may show nothing, in milliseconds: no chunk,
            no progress, and nothing asked of the host. The call then fails with `stalled`. More
            than 0 and at most 86,400,000. Default: the `stallTimeoutMs` of the pool.
        arrays: The default form of arrays in results: "list" for lists of numbers, "base64" (the
            default) for their bytes.
        media_type: The media type of the bytes that the tool returns, such as "image/png". An HTTP
            client that accepts this type gets the bytes alone.
        main_thread: True if the tool must run on the main thread of its worker, as code that
            handles signals must. With the profile `thread`, such tools run one at a time. In the
            other profiles all tools run there.

    Raises:
        TypeError: If used on anything but a function, such as a class, or if an option has the
            wrong type.
        ValueError: An option is out of range.
    """
    for option, given in (("idempotent", idempotent), ("main_thread", main_thread)):
        if not isinstance(given, bool):
            raise TypeError(f"@tool({option}=...) takes True or False, not {given!r}")
    _check_timeout("timeout_ms", timeout_ms)
    _check_timeout("stall_timeout_ms", stall_timeout_ms)
    if arrays not in (None, "list", "base64"):
        raise ValueError(f"@tool(arrays=...) takes 'list' or 'base64', not {arrays!r}")
    _check_media_type(media_type)

    def mark(target: F) -> F:
        inner = target.__func__ if isinstance(target, (staticmethod, classmethod)) else target
        if not inspect.isroutine(inner):
            kind = "a class" if inspect.isclass(inner) else f"an object of {type(inner).__name__}"
            raise TypeError(f"@tool marks functions and methods; it was used on {kind}")
        # HTTP compares media types without regard to case.
        media = media_type and media_type.lower()
        options = ToolMark(
            name, description, idempotent, timeout_ms, arrays, media, stall_timeout_ms, main_thread
        )
        setattr(inner, MARK, options)
        return target

    return mark if function is None else mark(function)


def _check_timeout(name: str, timeout_ms: object) -> None:
    if timeout_ms is None:
        return
    allowed = f"a number of milliseconds greater than 0 and at most {MAX_TIMEOUT_MS}"
    if isinstance(timeout_ms, bool) or not isinstance(timeout_ms, (int, float)):
        raise TypeError(f"@tool({name}=...) takes {allowed}, not {timeout_ms!r}")
    if not 0 < timeout_ms <= MAX_TIMEOUT_MS:
        raise ValueError(f"@tool({name}=...) takes {allowed}, not {timeout_ms!r}")


def _check_media_type(media_type: object) -> None:
    if media_type is None:
        return
    if not isinstance(media_type, str):
        raise TypeError(f"@tool(media_type=...) takes text such as 'image/png', not {media_type!r}")
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise ValueError(
            f"@tool(media_type=...) takes a type and a subtype such as 'image/png', "
            f"not {media_type!r}"
        )


def mark_of(target: object) -> ToolMark | None:
    """Return the mark of a function or bound method, or None."""
    mark = getattr(target, MARK, None)
    return mark if isinstance(mark, ToolMark) else None
