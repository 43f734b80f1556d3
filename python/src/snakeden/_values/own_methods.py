"""Lower objects of other libraries by the methods that make plain values of them."""

from __future__ import annotations

from typing import Any

from snakeden._values import arrays
from snakeden._values.lowerer import Lowerer, Tree

__all__ = ["by_method", "column", "pylist", "sized"]


def by_method(name: str, *attempts: dict[str, object]) -> Lowerer:
    """Lower the result of a method of the object, called with the first options that it accepts."""

    def lower(self: Tree, value: Any, depth: int) -> Any:
        for options in attempts or ({},):
            try:
                answer = getattr(value, name)(**options)
            except Exception:
                continue
            return self.lower(answer, depth)
        return arrays.marker(self, value)

    return lower


def sized(name: str) -> Lowerer:
    """Lower the result of a method that makes a list with an item for each of the object."""
    lower_items = by_method(name)

    def lower(self: Tree, value: Any, depth: int) -> Any:
        try:
            count = len(value)
        except Exception:
            count = 0
        # Each item needs at least one character and a comma.
        self.expect(2 * count)
        return lower_items(self, value, depth)

    return lower


def pylist(self: Tree, value: Any, depth: int) -> Any:
    names = getattr(value, "column_names", ())
    if len(set(names)) < len(names):
        raise self.refuse("a table with two columns of the same name")
    return sized("to_pylist")(self, value, depth)


def column(self: Tree, value: Any, depth: int) -> Any:
    """Lower to a list if values are missing, since an array of numbers has no form for that."""
    lower = sized("to_list") if value.null_count() else arrays.lower_foreign
    return lower(self, value, depth)
