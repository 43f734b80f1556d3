"""The interfaces of lowering: the function for one Python type, and the tree that it works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

__all__ = ["Lowerer", "Tree"]


class Tree(Protocol):
    """A tree that is being lowered, as the functions for single types see it. lowering.py
    implements it.
    """

    def lower(self, value: Any, depth: int) -> Any:
        """Lower a part of the tree that may nest `depth` more levels of containers."""

    def enter(self, depth: int) -> int:
        """Enter a container. Returns the number of levels that may still be nested in it."""

    def tag(self, kind: str, **fields: object) -> dict[str, object]:
        """Return a tagged leaf."""

    def array(
        self, dtype: str, shape: Sequence[int], *, data: bytes | memoryview, depth: int
    ) -> Any:
        """Return an array whose bytes were reserved: a tagged leaf, or lists of numbers."""

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
        """Add a buffer whose size was reserved. A memoryview must be one of bytes. Returns its
        index.
        """


Lowerer = Callable[[Tree, Any, int], Any]
"""Lowers a value for a tree: `lowerer(tree, value, depth)`."""
