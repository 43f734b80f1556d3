"""Classes that travel as their text in both directions, of modules that are not worth an import."""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import Any, Final

__all__ = ["is_text_class"]

_CLASSES: Final = (
    ("fractions", "Fraction"),
    ("ipaddress", "IPv4Address"),
    ("ipaddress", "IPv6Address"),
    ("ipaddress", "IPv4Network"),
    ("ipaddress", "IPv6Network"),
)


def is_text_class(kind: Any) -> bool:
    """Whether `str()` of an instance says all of it, and the class takes that text again."""
    if not isinstance(kind, type):
        return False
    bases = [PurePath, *(getattr(sys.modules.get(it), name, None) for it, name in _CLASSES)]
    return any(base is not None and issubclass(kind, base) for base in bases)
