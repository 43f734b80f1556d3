"""The functions that lower one type of Python, and what such a function may ask of its tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

__all__ = ["Lowerer", "Tree"]


class Tree(Protocol):
    """A tree being lowered, as the functions for single types see it; lowering.py is the tree."""

    def lower(self, value: Any, depth: int) -> Any:
        """Lower a part in which `depth` more levels of containers may open."""

    def enter(self, depth: int) -> int:
        """Open one level; returns how many more may open in it."""

    def tag(self, kind: str, **fields: object) -> dict[str, object]:
        """Return a tagged leaf."""

    def reserve(self, nbytes: int) -> None:
        """Refuse a buffer that would go over the limit, before it is copied."""

    def expect(self, nbytes: int) -> None:
        """Refuse a value that needs at least this many bytes of JSON, before the JSON is made."""

    def refuse(self, text: str) -> Exception:
        """Return the error for a value that cannot be sent; callers add its path."""

    def key(self, key: Any) -> str:
        """Return the text of a key."""

    def pairs(self, items: Iterable[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        """Lower a mapping with keys and values of any type."""

    def attach(self, data: bytes | memoryview) -> int:
        """Add a buffer that was reserved, a view being one of bytes; returns its index."""


Lowerer = Callable[[Tree, Any, int], Any]
"""Lowers a value, given second, in which the third many levels of containers may open."""
