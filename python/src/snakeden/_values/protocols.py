"""Recognize lazy results, such as generators and coroutines, by their methods."""

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
"""Types that count as one value, although they are iterable."""


def has(kind: type, *names: str) -> bool:
    """Return whether a type has one of these methods; None stands for a method that is disabled."""
    # A loop, since any() with a generator takes four times as long, and this runs for each array.
    for name in names:  # noqa: SIM110
        if getattr(kind, name, None) is not None:
            return True
    return False


def is_lazy(value: object, *, streams: bool) -> bool:
    """Return whether a result must be iterated or awaited to get a value, judged by its methods
    alone.

    An open file counts as one value, unless the tool declares that it streams. Such a tool may
    return any iterable.
    """
    kind = type(value)
    if has(kind, "__next__"):
        return streams or not issubclass(kind, io.IOBase)
    if has(kind, *ASYNCHRONOUS):
        return True
    return streams and has(kind, "__iter__") and not issubclass(kind, _NEVER_ITERATED)
