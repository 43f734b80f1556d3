"""The description of a host tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["HostToolInfo"]


@dataclass(frozen=True)
class HostToolInfo:
    """A description of a host tool, which `current_call().tools.describe(name)` returns."""

    name: str
    """The name of the tool."""
    description: str
    """A text for people; may be empty."""
    input_schema: dict[str, Any]
    """The JSON Schema of the arguments."""
    output_schema: dict[str, Any] | None
    """The JSON Schema of the result, or of each item of a stream; None if the tool has none."""
    streams: bool
    """True if the tool is known to stream: use `stream` or `astream` for its items."""
    timeout_ms: float | None
    """The deadline of one call of the tool, in milliseconds; None if it has none of its own."""
    stall_timeout_ms: float | None
    """The time that the tool may show nothing, in milliseconds; None for no limit."""
    metadata: dict[str, Any]
    """Data that the host gives with the tool."""

    @staticmethod
    def from_host(tool: Mapping[str, Any]) -> HostToolInfo:
        """Return the description of an entry of `tools.list`."""
        return HostToolInfo(
            name=tool["name"],
            description=tool.get("description") or "",
            input_schema=tool.get("inputSchema") or {},
            output_schema=tool.get("outputSchema"),
            streams=bool(tool.get("streams")),
            timeout_ms=tool.get("timeoutMs"),
            stall_timeout_ms=tool.get("stallTimeoutMs"),
            metadata=tool.get("metadata") or {},
        )
