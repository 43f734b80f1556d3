"""Names of types as error texts and markers show them."""

from __future__ import annotations

__all__ = ["type_name"]


def type_name(kind: type) -> str:
    """`pkg.mod.Class`, or the bare name for built-ins."""
    module = getattr(kind, "__module__", None)
    name = getattr(kind, "__qualname__", kind.__name__)
    return name if module in (None, "builtins") else f"{module}.{name}"
