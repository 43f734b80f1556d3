"""The texts of the items and the outcomes of a bulk call, as link.proto describes `Call.bulk`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from snakeden._link.gen.errors_pb2 import Error

__all__ = ["SEPARATOR", "error_outcome", "split_items"]

SEPARATOR: Final = b",\n"
"""Stands between two texts. JSON has no newline within a text, since the writers escape it."""

_dumps = msgspec.json.Encoder().encode


def split_items(json: bytes) -> Sequence[bytes]:
    """Return the texts of all items, unparsed: a broken one does no harm to others."""
    return json[1:-1].split(SEPARATOR) if len(json) > 2 else ()


def error_outcome(why: Error, *, run_ms: float) -> bytes:
    """Return the outcome of an item that failed, with a separator behind it. It has what the
    Failure of a call has.
    """
    error: dict[str, Any] = {"code": why.code, "message": why.message, "runMs": run_ms}
    if why.HasField("python"):
        python = why.python
        error["python"] = {
            "type": python.type,
            "message": python.message,
            "traceback": python.traceback,
        }
        if python.HasField("host"):
            error["python"]["host"] = {"code": python.host.code, "tool": python.host.tool}
    if why.issues:
        error["issues"] = [{"path": it.path, "message": it.message} for it in why.issues]
    return _dumps({"error": error}) + SEPARATOR
