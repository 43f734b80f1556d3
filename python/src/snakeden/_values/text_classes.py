"""Classes whose instances are sent as text in both directions; their modules are not imported."""

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
    """Return whether an instance can be written with `str()` and rebuilt by the class from that
    text.
    """
    if not isinstance(kind, type):
        return False
    bases = [PurePath, *(getattr(sys.modules.get(it), name, None) for it, name in _CLASSES)]
    return any(base is not None and issubclass(kind, base) for base in bases)
