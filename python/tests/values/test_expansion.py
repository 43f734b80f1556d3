"""Tests that what is small in memory is refused by its size before it is expanded."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from snakeden import ResultTooLargeError
from snakeden._values.values import decode, encode

COUNT = 1_000_000
LIMIT = 100_000


class Stored:
    """An array of a library that reads it from a file, such as h5py."""

    nbytes = 8 * COUNT

    def __array__(self, *_args: Any, **_options: Any) -> Any:
        return np.zeros(COUNT)


class Column:
    """A Series like that of polars, with one value that is repeated."""

    def __len__(self) -> int:
        return COUNT

    def null_count(self) -> int:
        return COUNT

    def to_list(self) -> list[None]:
        return [None] * COUNT


class Table:
    """A table like that of pyarrow, with one value that is repeated."""

    column_names = ("a",)

    def __len__(self) -> int:
        return COUNT

    def to_pylist(self) -> list[dict[str, int]]:
        return [{"a": 1} for _ in range(COUNT)]


class Frame:
    """A DataFrame like that of polars, with one value that is repeated."""

    def __len__(self) -> int:
        return COUNT

    def to_dicts(self) -> list[dict[str, int]]:
        return [{"a": 1} for _ in range(COUNT)]


EXPANDING: dict[str, Callable[[], Any]] = {
    "numbers": lambda: np.broadcast_to(np.float32(1), (1_000, COUNT // 1_000)),
    "text": lambda: np.broadcast_to(np.array("x"), (COUNT,)),
    "objects": lambda: np.broadcast_to(np.array(None, dtype=object), (COUNT,)),
    "masked": lambda: np.ma.array(np.broadcast_to(np.float32(1), (COUNT,)), mask=False),
    "Index": lambda: pd.RangeIndex(COUNT),
    "sparse": lambda: pd.arrays.SparseArray(np.zeros(COUNT)),
    "stored": Stored,
    "column": Column,
    "table": Table,
    "frame": Frame,
    "range": lambda: range(COUNT),
    "range down": lambda: range(3 * COUNT, 0, -3),
}


@pytest.mark.parametrize("max_list_items", [None, 0], ids=["base64", "list"])
@pytest.mark.parametrize("kind", EXPANDING)
def test_encode_refuses_what_it_would_have_to_expand(kind: str, max_list_items: int | None) -> None:
    value = EXPANDING[kind]()
    tracemalloc.start()
    try:
        with pytest.raises(ResultTooLargeError, match="at least .* bytes, the limit is 100000"):
            encode({"a": [value]}, max_bytes=LIMIT, max_list_items=max_list_items)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < COUNT, "it was not expanded"


def test_encode_sends_every_number_of_a_range() -> None:
    for value in (range(0), range(3), range(0, 10, 3), range(10, 0, -3), range(5, 0)):
        assert decode(encode(value, max_bytes=1_000)) == list(value)


def test_encode_sends_an_array_whatever_it_states_as_its_size() -> None:
    class Odd(Stored):
        nbytes: Any = None

    for nbytes in (None, math.inf, "8", -1):
        Odd.nbytes = nbytes
        assert decode(encode(Odd())).shape == (COUNT,)
