"""Values inside of other values, each with its own JSON text. The host passes on the text as it is,
so that a float such as 1.0 stays one. The twin of src/sessions/session_methods.ts.
"""

from __future__ import annotations

from typing import Any

from snakeden._values.values import Encoded, decode, encode

__all__ = ["pack", "unpack"]


def pack(value: object) -> dict[str, Any]:
    """Return a copy of a value, packed.

    Raises:
        InvalidValueError: The value cannot travel.
    """
    json, tagged, buffers = encode(value, where="value")
    packed: dict[str, Any] = {"json": json.decode()}
    if tagged:
        packed["buffers"] = list(map(bytes, buffers))
    return packed


def unpack(packed: Any) -> Any:
    """Return the value of a packed one. Each call returns another copy, except for the memory of
    arrays, which is read-only.
    """
    buffers = packed.get("buffers")
    encoded = Encoded(packed["json"].encode(), buffers is not None, buffers or ())
    return decode(encoded, "value")
