"""The rule for the names of tools. Twin of src/tools/tool_name.ts."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["tool_name_problem"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MAX_BYTES: Final = 64
_RULE: Final = (
    "allowed: a letter or digit, and then at most 63 letters, digits, '_', '.' and '-', all of "
    "ASCII"
)


def tool_name_problem(name: object) -> str:
    """Return the problem of the name of a tool; empty if it is allowed."""
    if not isinstance(name, str):
        return f"it is of type {type(name).__name__}, not a string; {_RULE}"
    if not name:
        return f"it is empty; {_RULE}"
    size = len(name.encode("utf-8", "surrogatepass"))
    if size > _MAX_BYTES:
        return f"it has {size} bytes; allowed: at most {_MAX_BYTES} bytes"
    if name.startswith("."):
        return f"it begins with a dot; {_RULE}"
    if not _NAME.fullmatch(name):
        return f"it has another form; {_RULE}"
    return ""
