"""Lower the types of pandas: a Series to an object by label, a DataFrame to a list of rows, arrays
and indexes to arrays or lists.

Every value arrives, with the labels of the index, or the error names those that cannot. pandas is
used only if it is loaded.
"""

from __future__ import annotations

import sys
from typing import Any

from snakeden._values import arrays
from snakeden._values.durations import iso_duration
from snakeden._values.lowerer import Lowerer, Tree

__all__ = ["pandas_lowerer"]


def pandas_lowerer(kind: type, pandas: Any) -> Lowerer | None:
    """Return the function that lowers a type of pandas; None for others, or without pandas."""
    if not hasattr(pandas, "DataFrame") or not hasattr(pandas, "api"):
        return None
    if kind in (type(pandas.NA), type(pandas.NaT)):
        return lambda _self, _value, _depth: None
    extensions = pandas.api.extensions
    for bases, lowerer in (
        (pandas.DataFrame, _frame),
        (pandas.Series, _series),
        ((pandas.Index, extensions.ExtensionArray), _sequence),
        (pandas.Timedelta, _timedelta),
        ((pandas.Period, pandas.Interval, extensions.ExtensionDtype), _as_text),
    ):
        if issubclass(kind, bases):
            return lowerer
    return None


def _as_text(self: Tree, value: Any, depth: int) -> Any:
    return self.lower(str(value), depth)


def _timedelta(_self: Tree, value: Any, _depth: int) -> str:
    microseconds = (value.days * 86_400 + value.seconds) * 10**6 + value.microseconds
    return iso_duration(microseconds * 1000 + value.nanoseconds, 10**9)


def _sequence(self: Tree, value: Any, depth: int) -> Any:
    """Lower numbers to a numpy array, if numpy has a type that holds all of them."""
    pandas = sys.modules["pandas"]
    dtype = value.dtype
    if isinstance(dtype, pandas.SparseDtype):
        dtype = dtype.subtype
    if not _is_extension(dtype) and dtype.kind in "biufc":
        # A RangeIndex or a sparse array takes memory only when it becomes a numpy array.
        self.expect(len(value) * dtype.itemsize)
        return arrays.lower_array(self, sys.modules["numpy"].asarray(value), depth)
    self.expect(2 * len(value))
    return self.lower(_items(value), depth)


def _series(self: Tree, series: Any, depth: int) -> Any:
    index = series.index
    if index.nlevels > 1:
        raise self.refuse(
            "a Series with an index of several levels; reset_index() makes columns of them"
        )
    if not index.is_unique:
        raise self.refuse("a Series whose index has a repeated label; reset_index() keeps all rows")
    self.expect(2 * len(series))
    return self.pairs(zip(_items(index), _items(series), strict=True), depth)


def _frame(self: Tree, frame: Any, depth: int) -> Any:
    """Lower to one object a row. Labels other than 0, 1, 2, ... are the first fields."""
    if frame.columns.nlevels > 1:
        raise self.refuse("a DataFrame with columns of several levels; join their names into one")
    names = [self.key(name) for name in frame.columns]
    self.expect(2 * frame.size)
    columns = [_items(frame.iloc[:, position]) for position in range(len(names))]
    pandas = sys.modules["pandas"]
    index = frame.index
    counts_rows = index.nlevels == 1 and index.equals(pandas.RangeIndex(len(index)))
    if not counts_rows or index.name is not None:
        names = [*_level_names(self, index, names), *names]
        columns = [*_levels(index), *columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise self.refuse(f"two columns that are both {twice!r} as text")
    if not columns:
        return self.lower([{} for _ in range(len(frame))], depth)
    rows = zip(*columns, strict=True)
    return self.lower([dict(zip(names, row, strict=True)) for row in rows], depth)


def _level_names(self: Tree, index: Any, columns: list[str]) -> list[str]:
    """Name the levels as reset_index() does."""
    only = "index" if "index" not in columns else "level_0"
    unnamed = [only] if index.nlevels == 1 else [f"level_{level}" for level in range(index.nlevels)]
    return [
        given if name is None else self.key(name)
        for name, given in zip(index.names, unnamed, strict=True)
    ]


def _levels(index: Any) -> list[list[Any]]:
    return [_items(index.get_level_values(level)) for level in range(index.nlevels)]


def _items(values: Any) -> list[Any]:
    """Return the elements, with None for missing values; NaN stays in columns of numbers."""
    if getattr(values, "nlevels", 1) > 1:
        return list(zip(*_levels(values), strict=True))
    items: list[Any] = values.tolist()
    if values.dtype.kind == "O":
        # Text, categories and other columns without numbers use NaN for missing values.
        missing = sys.modules["pandas"].isna(values)
        return [None if gone else item for item, gone in zip(items, missing, strict=True)]
    return items


def _is_extension(dtype: Any) -> bool:
    return isinstance(dtype, sys.modules["pandas"].api.extensions.ExtensionDtype)
