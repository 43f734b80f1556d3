"""The part of a hint that takes an input stream: an iterator over the items that a caller sends."""

from __future__ import annotations

import collections.abc
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Final

from snakeden._tools.hints.parts import Convert, Part, Schema
from snakeden._values.input_handle import InputHandle

__all__ = ["INPUT_KEY", "STREAMED", "InputPart"]

INPUT_KEY: Final = "x-snakeden-input"
"""The key in the schema of a parameter that takes an input stream. Twin of parameter_kinds.ts."""


def _generated(items: list[Any]) -> Generator[Any, None, None]:
    yield from items


async def _asynchronous(items: list[Any]) -> AsyncGenerator[Any, None]:
    for item in items:
        yield item


STREAMED: Final[dict[Any, Callable[[list[Any]], Any]]] = {
    collections.abc.AsyncGenerator: _asynchronous,
    collections.abc.AsyncIterable: _asynchronous,
    collections.abc.AsyncIterator: _asynchronous,
    collections.abc.Generator: _generated,
    collections.abc.Iterable: list,
    collections.abc.Iterator: iter,
}
"""The types of parameters that take an input stream: the constructor of each from a list."""


class InputPart(Part):
    """An iterator over an input stream of the call, or over a list."""

    def __init__(self, kind: Any, item: Any, *, items: Any) -> None:
        """Convert streams item by item to the hint `item`, and lists to the hint `items`."""
        self.name = kind.__name__
        self.inner = (items,)
        self._item = item
        self._make = STREAMED[kind]

    def convert(self, value: Any, to: Convert) -> Any:
        """Return the stream, with items of the hint; or an iterator over the list."""
        if isinstance(value, InputHandle):
            return value.of(self._item)
        return self._make(to(self.inner[0], value))

    def schema(self, inner: list[Schema]) -> Schema:
        """Return the schema of the list, marked as one that may be a stream."""
        return {**inner[0], INPUT_KEY: True}
