"""Describe for the host why a call failed. `described` runs code of the user: that of the exception
that a tool raised.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from snakeden._link import wire
from snakeden._worker.calls.exceptions import describe, safe_text
from snakeden.errors import (
    ArgumentsError,
    CallCancelled,
    HostError,
    InvalidValueError,
    Issue,
    ResultTooLargeError,
)

if TYPE_CHECKING:
    from snakeden._link.gen.errors_pb2 import Error
    from snakeden._worker.calls.attempt import Attempt

__all__ = ["UnknownToolError", "described", "is_stop", "stopped"]

# The attributes of BaseException itself: a class of the user may override them.
_CAUSE: Final[Any] = BaseException.__dict__["__cause__"]
_CONTEXT: Final[Any] = BaseException.__dict__["__context__"]


class UnknownToolError(KeyError):
    """The worker has no tool of the name in a call."""


def described(
    call: Attempt,
    error: BaseException,
    *,
    tools: Mapping[str, object],
    hint: Callable[[BaseException], str],
) -> Error:
    """Describe the exception of a tool; `hint` adds to its text."""
    kind = type(error)  # isinstance() would ask the exception for its class.
    if issubclass(kind, UnknownToolError):
        return wire.error("unknown_tool", _unknown_tool(call.tool, tools))
    if issubclass(kind, ArgumentsError):
        issues = getattr(error, "issues", ())
        return wire.error("invalid_arguments", safe_text(error), issues=issues)
    if issubclass(kind, InvalidValueError):
        return wire.error("invalid_value", f"tool '{call.tool}': {safe_text(error)}")
    if issubclass(kind, ResultTooLargeError):
        return wire.error("result_too_large", f"tool '{call.tool}': {safe_text(error)}")
    description = describe(error)
    if issubclass(kind, HostError):
        description.host.code = _text(error, "code")
        description.host.tool = _text(error, "tool")
    text = f"tool '{call.tool}' raised {description.type}"
    if description.message:
        text = f"{text}: {description.message}"
    if issubclass(kind, HostError) and isinstance(
        argument := getattr(error, "argument", None), str
    ):
        # The host knows what its caller has thrown.
        why = Issue(argument, description.message)
        return wire.error("input_failed", text, python=description, issues=[why])
    if added := hint(error):
        text = f"{text} ({added})"
    return wire.error("python_exception", text, python=description)


def stopped(call: Attempt, run_ms: float | None) -> Error:
    """Report that a call was cancelled or late; without `run_ms` it never started."""
    code = call.stop_code or "cancelled"
    limit = f"within {call.message.timeout_ms:.0f} ms"
    if run_ms is None:
        if code == "deadline_exceeded":
            text = f"was not started {limit}: the worker was busy with an earlier call"
        else:
            text = "was cancelled before it was started"
    elif code == "deadline_exceeded":
        text = f"did not finish {limit}; it ran for {run_ms:.0f} ms"
    else:
        text = f"was cancelled after it had run for {run_ms:.0f} ms"
    return wire.error(code, f"tool '{call.tool}' {text}")


def is_stop(error: BaseException) -> bool:
    """Return whether the exception is the stop itself, or was caused by it."""
    # Nothing raises it before asyncio is loaded.
    cancelled = getattr(sys.modules.get("asyncio"), "CancelledError", CallCancelled)
    stops = (CallCancelled, cancelled)
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if issubclass(type(current), stops):
            return True
        seen.add(id(current))
        # Not `or`: an exception of the user may be false.
        cause = _CAUSE.__get__(current)
        current = _CONTEXT.__get__(current) if cause is None else cause
    return False


def _text(error: BaseException, name: str) -> str:
    """Return a text that an exception has; empty if its class has made something else of it."""
    try:
        value = getattr(error, name, "")
    except Exception:
        return ""
    return wire.wire_text(value, 256) if isinstance(value, str) else ""


def _unknown_tool(name: str, tools: Mapping[str, object]) -> str:
    near: Sequence[str] = get_close_matches(name, tools, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(tools)}"
    return f"this worker has no tool '{name}'; {hint}"
