"""The call that uses host tools, as those tools see it, and the requests that they share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Final, Protocol

from snakeden.errors import HostError, HostToolError
from snakeden.registering import RegistrationSource
from snakeden.session.source import Reply

__all__ = ["NUMBERS", "ToolSource", "cancel", "failure", "shown"]

NUMBERS: Final[Iterator[int]] = count(1)
"""The numbers by which the host knows calls and streams of its tools."""


class ToolSource(RegistrationSource, Protocol):
    """The call that uses the tools; the worker has it in `_worker/calls/attempt.py`."""

    stop_code: str | None

    def check(self) -> None:
        """Raise RuntimeError if the call has ended."""

    def ask(self, method: str, args: Any) -> Reply:
        """Ask the host for something; returns at once."""


def cancel(source: ToolSource, number: int) -> None:
    """Have the host stop a call or a stream of a tool. A call that was told to stop has no need of
    it: the host stops everything that was asked for on its behalf.
    """
    if source.stop_code is None:
        try:
            source.ask("tools.cancel", {"id": number})
        except RuntimeError:
            pass  # The call has ended, and with it everything that it has asked for.


def failure(tool: str, error: HostError) -> HostToolError:
    """Return the exception of a host tool for an error of the host."""
    return HostToolError(
        error.code, error.message, details=error.details, retryable=error.retryable, tool=tool
    )


def shown(tool: str) -> str:
    """Return how code names a tool: `tools.lookup`, or `tools["my-tool"]`."""
    return f"tools.{tool}" if tool.isidentifier() else f'tools["{tool}"]'
