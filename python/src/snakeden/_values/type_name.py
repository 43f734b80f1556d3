"""Names of types, as error texts and markers show them."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["type_name"]

# The descriptors of `type` itself, since a metaclass may override these attributes with anything.
_QUALNAME: Final[Any] = type.__dict__["__qualname__"]
_MODULE: Final[Any] = type.__dict__["__module__"]


def type_name(kind: type) -> str:
    """Return `pkg.mod.Class`, or the bare name for built-ins."""
    name = str.__str__(_QUALNAME.__get__(kind))
    try:
        module = _MODULE.__get__(kind)
    except AttributeError:
        module = None
    if not issubclass(type(module), str) or module == "builtins":
        return name
    return f"{str.__str__(module)}.{name}"
