"""Tests that every value of a pandas object arrives, or that an error names those that cannot."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakeden import InvalidValueError, ResultTooLargeError
from snakeden._values.values import decode, encode


def sent(value: object) -> Any:
    return decode(encode(value))


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal. NaN equals NaN, and numbers are equal whatever their
    type.
    """
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


COLUMNS: dict[str, Callable[[int], Any]] = {
    "int": lambda n: list(range(n)),
    "float": lambda n: [None if i % 3 == 1 else i / 2 for i in range(n)],
    "text": lambda n: pd.Series([None if i % 3 == 1 else f"t{i}" for i in range(n)], dtype="str"),
    "object": lambda n: pd.Series([[None, pd.NA, 1, "x"][i % 4] for i in range(n)], dtype=object),
    "bool": lambda n: [i % 2 == 0 for i in range(n)],
    "Int64": lambda n: pd.array([None if i % 2 else 2**60 + i for i in range(n)], dtype="Int64"),
    "UInt8": lambda n: pd.array([None if i % 2 else i for i in range(n)], dtype="UInt8"),
    "Float64": lambda n: pd.array([None if i % 2 else i / 4 for i in range(n)], dtype="Float64"),
    "boolean": lambda n: pd.array([None if i % 2 else True for i in range(n)], dtype="boolean"),
    "string": lambda n: pd.array([None if i % 2 else "s" for i in range(n)], dtype="string"),
    "category": lambda n: pd.Categorical([None if i % 3 == 1 else "abc"[i % 2] for i in range(n)]),
    "time": lambda n: pd.Series(
        pd.to_datetime([None if i % 3 == 1 else f"2024-01-0{i % 9 + 1}" for i in range(n)])
    ).astype("M8[ns]"),
    "zone": lambda n: pd.Series(
        pd.to_datetime(["2024-01-01T00:00:00.000000001"] * n, utc=True, format="ISO8601")
    ),
    "delta": lambda n: pd.Series(
        pd.to_timedelta([None if i % 3 == 1 else i * 10**9 + 1 for i in range(n)])
    ),
    "period": lambda n: pd.period_range("2024-01", periods=n, freq="M").to_series().array,
    "interval": lambda n: pd.interval_range(0, n).array if n else pd.array([], "interval"),
    "sparse": lambda n: pd.arrays.SparseArray([i % 2 for i in range(n)]),
    "complex": lambda n: [i + 1j for i in range(n)],
}
INDEXES: dict[str, Callable[[int], Any]] = {
    "rows": pd.RangeIndex,
    "filtered": lambda n: pd.Index(range(1, n + 1)),
    "named": lambda n: pd.RangeIndex(n, name="row"),
    "text": lambda n: pd.Index([f"k{i}" for i in range(n)]),
    "time": lambda n: pd.date_range("2024-01-01", periods=n, freq="s", tz="UTC"),
    "category": lambda n: pd.CategoricalIndex([f"c{i}" for i in range(n)], name="kind"),
    "period": lambda n: pd.period_range("2024-01", periods=n, freq="M"),
    "missing": lambda n: pd.Index([None if i == 0 else f"m{i}" for i in range(n)], dtype="str"),
    "delta": lambda n: pd.to_timedelta([f"{i}s" for i in range(n)]),
    "duplicate": lambda n: pd.Index(["same"] * n),
    "multi": lambda n: pd.MultiIndex.from_tuples(
        [(f"a{i // 2}", i) for i in range(n)] or [("", 0)][:0], names=["one", None]
    ),
}


@given(
    st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True),
    st.sampled_from(sorted(INDEXES)),
    st.integers(0, 7),
)
def test_encode_sends_every_cell_and_label_of_a_frame(
    columns: list[str], index: str, rows: int
) -> None:
    if index == "multi" and rows == 0:
        rows = 1
    labels = INDEXES[index](rows)
    frame = pd.DataFrame({name: COLUMNS[name](rows) for name in columns})
    frame.index = labels
    back = sent(frame)
    assert len(back) == rows
    names = {
        "rows": [],
        "named": ["row"],
        "category": ["kind"],
        "multi": ["one", "level_1"],
    }.get(index, ["index"])
    for position, row in enumerate(back):
        assert list(row) == [*names, *columns]
        label = frame.index[position]
        given_labels = label if isinstance(label, tuple) else (label,)
        for name, value in zip(names, given_labels, strict=False):
            assert same(row[name], sent(None if value is np.nan else value))
        for name in columns:
            cell = frame[name].iloc[position]
            if name in ("text", "category") and isinstance(cell, float):
                cell = None
            assert same(row[name], sent(cell)), (name, row[name], cell)


@given(st.sampled_from(sorted(COLUMNS)), st.sampled_from(sorted(INDEXES)), st.integers(0, 7))
def test_encode_sends_every_value_of_a_series_or_refuses_it(
    column: str, index: str, rows: int
) -> None:
    series = pd.Series(COLUMNS[column](rows))
    series.index = INDEXES[index](rows) if rows or index != "multi" else pd.RangeIndex(0)
    if (index == "duplicate" and rows > 1) or series.index.nlevels > 1:
        with pytest.raises(InvalidValueError, match=r"a Series .* index .*; reset_index\(\)"):
            encode(series)
        # The advice in the error text works.
        assert len(sent(series.reset_index())) == rows
        return
    back = sent(series)
    assert len(back) == rows
    for item, cell in zip(back.values(), series, strict=True):
        if column in ("text", "category") and isinstance(cell, float):
            cell = None
        assert same(item, sent(cell))


FRAME = pd.DataFrame({"a": [1, 2, 2], "b": ["x", "y", None], "c": [1.5, None, 2]})


def test_encode_sends_the_results_of_common_operations() -> None:
    assert sent(FRAME.groupby("a").c.sum()) == {"1": 1.5, "2": 2.0}
    assert sent(FRAME.groupby("a")[["c"]].sum()) == [{"a": 1, "c": 1.5}, {"a": 2, "c": 2.0}]
    assert sent(FRAME.groupby(["a", "b"])[["c"]].sum()) == [
        {"a": 1, "b": "x", "c": 1.5},
        {"a": 2, "b": "y", "c": 0.0},
    ]
    assert sent(FRAME.a.value_counts()) == {"2": 2, "1": 1}
    assert [row["index"] for row in sent(FRAME.describe())][:3] == ["count", "mean", "std"]
    assert sent(FRAME.pivot_table(index="a", columns="b", values="c")) == [{"a": 1, "x": 1.5}]
    by_day = pd.Series([1, 2], index=pd.to_datetime(["2024-01-01", "2024-01-01"]))
    assert sent(by_day.resample("D").sum()) == {"2024-01-01T00:00:00": 3}
    assert sent(pd.cut(pd.Series([1, 2]), [0, 1, 2]).value_counts(sort=False)) == {
        "(0, 1]": 1,
        "(1, 2]": 1,
    }
    assert sent(FRAME.dtypes)["a"] == "int64"
    assert sent(FRAME.to_dict()["a"]) == {"0": 1, "1": 2, "2": 2}
    assert sent(list(FRAME.itertuples()))[0] == [0, 1, "x", 1.5]
    assert sent(list(FRAME.iterrows()))[0] == [0, {"a": 1, "b": "x", "c": 1.5}]
    assert sent(FRAME.set_index("a").loc[1]) == {"b": "x", "c": 1.5}
    assert {key: it.tolist() for key, it in sent(FRAME.groupby("a").groups).items()} == {
        "1": [0],
        "2": [1, 2],
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Period("NaT", "M"), None),
        (pd.Timestamp("2024-01-01T00:00:00.000000001"), "2024-01-01T00:00:00.000000001"),
        (pd.Timedelta(1, "ns"), "PT0.000000001S"),
        (-pd.Timedelta(1, "ns"), "-PT0.000000001S"),
        (pd.Timedelta(days=40_000), "P40000D"),
        (pd.array([2**60 + 1, None], dtype="Int64"), [2**60 + 1, None]),
        (pd.array(["a", None], dtype="string"), ["a", None]),
        (pd.array([1.5, None], dtype="Float64"), [1.5, None]),
        (np.array([pd.NA, None, pd.NaT, 1], dtype=object), [None, None, None, 1]),
        (pd.Categorical(["a", None]), ["a", None]),
        (pd.Series(["a", math.nan], dtype=object), {"0": "a", "1": None}),
        (pd.Index(["a", None], dtype="str"), ["a", None]),
        (pd.date_range("2024-01-01", periods=1), ["2024-01-01T00:00:00"]),
        (pd.MultiIndex.from_tuples([("a", 1), (None, 2)]), [["a", 1], [None, 2]]),
        (pd.interval_range(0, 1), ["(0, 1]"]),
        (pd.StringDtype(), "string"),
        (pd.DataFrame(), []),
        (pd.DataFrame(index=range(2)), [{}, {}]),
        (pd.DataFrame({"index": [1]}, index=["a"]), [{"level_0": "a", "index": 1}]),
        (pd.DataFrame([[1, 2]]), [{"0": 1, "1": 2}]),
        (pd.DataFrame([[1]], columns=pd.to_datetime(["2024-01-01"])), [{"2024-01-01T00:00:00": 1}]),
    ],
    ids=lambda it: type(it).__name__,
)
def test_encode_sends_the_types_of_pandas(value: object, expected: Any) -> None:
    assert sent([value]) == [expected]


def test_encode_sends_numbers_of_an_index_as_an_array() -> None:
    assert sent(pd.Index([1, 2])).tolist() == [1, 2]
    assert sent(pd.RangeIndex(3)).tolist() == [0, 1, 2]
    assert sent(pd.arrays.SparseArray([0, 1])).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns that are both 'a' as text"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "two columns that are both '1' as text"),
        (
            pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="a")),
            "two columns that are both 'a' as text",
        ),
        (FRAME.groupby("a")[["c"]].agg(["mean"]), "columns of several levels"),
        (pd.Series([1, 2], index=[1, "1"]), "two keys that are both '1' as text"),
    ],
)
def test_encode_refuses_a_table_that_would_lose_values(frame: Any, problem: str) -> None:
    with pytest.raises(InvalidValueError, match=problem):
        encode({"table": [frame]})


def test_encode_refuses_a_table_above_the_size_limit_before_it_builds_the_rows() -> None:
    for table in (pd.DataFrame({"a": range(1000)}), pd.Series(["x"] * 1000)):
        with pytest.raises(ResultTooLargeError, match="at least 2000 bytes"):
            encode(table, max_bytes=1000)


def test_encode_causes_no_warning_of_pandas() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for column, index in itertools.product(COLUMNS, INDEXES):
            frame = pd.DataFrame({"v": COLUMNS[column](3)})
            frame.index = INDEXES[index](3)
            encode(frame)


class Column:
    """A Series like that of polars."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def null_count(self) -> int:
        return self.items.count(None)

    def to_list(self) -> list[Any]:
        return self.items

    def __array__(self, *_args: Any, **_options: Any) -> Any:
        return np.array([math.nan if it is None else it for it in self.items])


class Table:
    """A table like that of pyarrow."""

    def __init__(self, **columns: list[Any]) -> None:
        self.column_names = list(columns)
        self.columns = list(columns.values())

    def to_pylist(self) -> list[dict[str, Any]]:
        rows = zip(*self.columns, strict=True)
        return [dict(zip(self.column_names, row, strict=True)) for row in rows]


class Scalar:
    def as_py(self) -> int:
        return 5


def test_encode_sends_every_value_of_other_table_libraries() -> None:
    assert sent(Column([2**60 + 1, None])) == [2**60 + 1, None]
    assert sent(Column([1, 2])).tolist() == [1, 2]
    assert sent(Table(a=[1, None], b=["x", "y"])) == [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]
    assert sent([Scalar()]) == [5]
    twice = Table(a=[1], b=[2])
    twice.column_names = ["a", "a"]
    with pytest.raises(InvalidValueError, match="two columns of the same name"):
        encode(twice)
