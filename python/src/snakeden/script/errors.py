"""The error of a request to the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakeden.errors import HostError

__all__ = ["RequestError"]


class RequestError(HostError):
    """An error with which the host has answered a request, or the reason why there is no answer.

    `code` says why: that of the host, such as `unknown_tool` or `python_exception`, or
    `host_unreachable`, `connection_lost` or `unexpected_answer`. `retryable` is true if the same
    request may succeed later.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retryable: bool = False,
        request_id: str | None = None,
        python: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, message, details=details, retryable=retryable)
        self.request_id = request_id
        """The id by which the log of the host has more; None if the host was not reached."""
        self.python = None if python is None else dict(python)
        """The exception that the tool has raised: its type, message and traceback, if any."""

    @classmethod
    def of(cls, problem: Mapping[str, Any]) -> RequestError:
        """Return the error that a problem document (RFC 9457) describes."""
        details = problem.get("details")
        facts = dict(details) if isinstance(details, Mapping) else {}
        if "errors" in problem:
            facts["issues"] = problem["errors"]
        request_id, python = problem.get("requestId"), problem.get("python")
        return cls(
            str(problem["code"]),
            str(problem["detail"]),
            details=facts,
            retryable=problem.get("retryable") is True,
            request_id=request_id if isinstance(request_id, str) else None,
            python=python if isinstance(python, Mapping) else None,
        )
