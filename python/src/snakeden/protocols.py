"""Tell by its methods, whatever its type, what has to be driven before there is a value."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final

__all__ = ["ASYNCHRONOUS", "ITERATORS", "VALUE_TYPES", "has", "is_lazy"]

VALUE_TYPES: Final = frozenset({type(None), bool, int, float, str, bytes, list, tuple, dict})
"""The types of most results, none of which is lazy."""
ITERATORS: Final = ("__next__", "__anext__", "__aiter__")
ASYNCHRONOUS: Final = ("__await__", "__anext__", "__aiter__")
_NEVER_ITERATED: Final = (str, bytes, bytearray, memoryview, Mapping)
"""Values of one piece, although one can iterate over them."""


def has(kind: type, *names: str) -> bool:
    """Whether a type has one of these methods; None stands for a method that it does without."""
    return any(getattr(kind, name, None) is not None for name in names)


def is_lazy(value: object, *, streams: bool) -> bool:
    """Whether a result has to be driven: by its protocol, whatever its type.

    An open file is no result that was meant as its lines, unless the tool says that it streams; and
    a tool that says so may return anything to iterate over.
    """
    kind = type(value)
    if has(kind, "__next__"):
        return streams or not issubclass(kind, io.IOBase)
    if has(kind, *ASYNCHRONOUS):
        return True
    return streams and has(kind, "__iter__") and not issubclass(kind, _NEVER_ITERATED)
