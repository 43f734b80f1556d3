"""The exceptions of the package: those that tools meet, and those that the worker reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = [
    "AdapterError",
    "ArgumentsError",
    "CallCancelled",
    "HostError",
    "HostToolError",
    "InvalidValueError",
    "Issue",
    "ListTooLongError",
    "OverlapError",
    "ResultTooLargeError",
]


class CallCancelled(BaseException):
    """Raised inside a running tool when its caller left, cancelled it, or its deadline passed.

    A `BaseException`, so that `except Exception` does not swallow it. Clean up in `finally`.
    Asynchronous tools see `asyncio.CancelledError` at their next `await` instead.
    """


class HostError(Exception):
    """An error that the host answered with, when a tool asked it for something."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        """The code of the error, such as `version_conflict`, which never changes its meaning."""
        self.message = message
        """The text for people, without the code."""
        self.details: dict[str, Any] = dict(details or {})
        """Facts for programs, such as the numbers in the text."""
        self.retryable = retryable
        """True if the same request may succeed later, unchanged."""
        self.argument: str | None = None
        """The argument whose input stream has failed, such as `args.rows`; None for any other
        error.
        """

    @property
    def issues(self) -> list[Issue]:
        """The things that are wrong with the fields of the request, if the host names any."""
        given = self.details.get("issues")
        entries = given if isinstance(given, list) else []
        return [
            Issue(str(it.get("path", "")), str(it.get("message", "")))
            for it in entries
            if isinstance(it, Mapping)
        ]


class HostToolError(HostError):
    """An error of a host tool that a tool has called.

    `str()` of it names the tool and the code, as in `The host tool "lookup" failed: There is no
    customer 3 (host_tool_failed)`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retryable: bool = False,
        tool: str,
    ) -> None:
        super().__init__(code, message, details=details, retryable=retryable)
        if f'"{tool}"' not in message.partition(":")[0]:
            # Such as the text of an error that the tool has passed on.
            self.args = (f'host tool "{tool}": {self.args[0]}',)
        self.tool = tool
        """The name of the host tool."""


class InvalidValueError(ValueError):
    """A value that cannot travel: nested too deep, or with keys that JSON has no form for.

    `str()` of it opens with the path of the value, such as `result.rows[2]`.
    """

    def __init__(self, problem: str, where: str = "") -> None:
        super().__init__(f"{where}: {problem}" if where else problem)
        self.problem = problem
        self.where = where


class ResultTooLargeError(ValueError):
    """A result, or the chunks collected into one, over the limit. Sizes are in bytes."""

    def __init__(self, size: int, limit: int, *, what: str = "result") -> None:
        super().__init__(
            f"the {what} has at least {size} bytes, the limit is {limit} (limits.maxResultBytes)"
        )
        self.size = size
        self.limit = limit


class ListTooLongError(ResultTooLargeError):
    """Arrays that hold more numbers than may be sent as lists."""

    def __init__(self, size: int, limit: int, *, what: str = "result") -> None:
        ValueError.__init__(
            self,
            f"the arrays of the {what} hold at least {size} numbers, and at most {limit} can be "
            'sent as lists (limits.maxListItems); call it with arrays: "base64"',
        )
        self.size = size
        self.limit = limit


class Issue(NamedTuple):
    """One thing wrong with one argument."""

    path: str
    message: str


class ArgumentsError(ValueError):
    """Arguments that a tool's type hints refuse; `issues` names every field."""

    def __init__(self, tool: str, issues: list[Issue]) -> None:
        lines = "; ".join(f"{path}: {message}" for path, message in issues)
        super().__init__(f"tool '{tool}' refuses its arguments: {lines}")
        self.tool = tool
        self.issues = issues


class AdapterError(Exception):
    """An adapter that cannot be served; the text says what was tried and what stood in the way.

    `__cause__` is what the adapter's own code raised, when it did.
    """


class OverlapError(RuntimeError):
    """Two calls overlap that are marked `@not_thread_safe`, while `threadChecks` is `error`. The
    text has both calls and their stacks.
    """
