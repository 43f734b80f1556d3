from __future__ import annotations

import csv
import io
import math
import os
import statistics
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakeden.demo import csv_column, csv_profile
from snakeden.demo.csv_column import Column, Limits
from snakeden.demo.csv_profile import profile_file
from tests.demo.csv_files import as_csv, profile

ROWS = [
    ["id", "price", "city", "day", "ok", "note"],
    ["1", "2.5", "Paris", "2024-01-31", "true", ""],
    ["2", "-3", 'New "York", NY', "2023-02-28", "FALSE", "two\nlines"],
    ["3", "1e3", "Zürich", "2024-02-29", "True", " "],
    ["4", "", "Paris", "2024-01-31", "false", "x"],
]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_profile_file_reads_every_common_form(
    tmp_path: Path, delimiter: str, end: str, bom: bytes
) -> None:
    content = bom + as_csv(ROWS, delimiter=delimiter, lineterminator=end).encode()
    got = profile(tmp_path, content)
    assert got["rows"] == 4
    assert got["delimiter"] == delimiter
    assert got["encoding"] == ("utf-8-sig" if bom else "utf-8")
    assert got["warnings"] == []
    kinds = {column["name"]: column["type"] for column in got["columns"]}
    assert kinds == {
        "id": "integer",
        "price": "float",
        "city": "text",
        "day": "date",
        "ok": "boolean",
        "note": "text",
    }
    price = got["columns"][1]
    assert (price["count"], price["missing"]) == (3, 1)
    assert (price["min"], price["max"]) == (-3.0, 1000.0)
    assert price["mean"] == statistics.fmean([2.5, -3, 1000])
    assert math.isclose(price["stdev"], statistics.stdev([2.5, -3, 1000]))
    city = got["columns"][2]
    assert city["top"][0] == {"value": "Paris", "count": 2}
    assert (city["min_length"], city["max_length"]) == (5, 14)
    day = got["columns"][3]
    assert (day["min"], day["max"], day["distinct"]) == ("2023-02-28", "2024-02-29", 3)
    assert got["columns"][5]["missing"] == 2


numbers = st.lists(
    st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9).map(lambda x: round(x, 4)), max_size=60
)


@given(numbers)
def test_profile_file_agrees_with_the_statistics_module(values: list[float]) -> None:
    column = Column("x", Limits(1000, 1000, 1000))
    for start in range(0, len(values), 7):
        column.add(tuple(map(repr, values[start : start + 7])))
    got = column.profile()
    assert got["count"] == len(values)
    assert got["distinct"] == len(set(map(repr, values)))
    if not values:
        assert got["type"] == "empty"
        return
    assert got["type"] == ("integer" if all(type(v) is int for v in values) else "float")
    assert got["min"] == min(values)
    assert got["max"] == max(values)
    assert math.isclose(got["mean"], statistics.fmean(values), rel_tol=1e-12, abs_tol=1e-9)
    assert got["median"] == pytest.approx(statistics.median(values), rel=1e-12)
    if len(values) > 1:
        spread = statistics.stdev(values)
        assert math.isclose(got["stdev"], spread, rel_tol=1e-9, abs_tol=1e-6)
        quartiles = statistics.quantiles(values, n=4, method="inclusive")
        assert got["quantiles"]["0.25"] == pytest.approx(quartiles[0], rel=1e-9, abs=1e-6)
        assert got["quantiles"]["0.75"] == pytest.approx(quartiles[2], rel=1e-9, abs=1e-6)


cells = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), max_size=30))
def test_profile_file_agrees_with_the_csv_module(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    content = as_csv([["a", "b", "c"], *rows])
    path = folder / "x.csv"
    path.write_text(content, encoding="utf-8", newline="")
    got = profile_file(str(path), ",")
    read = list(csv.reader(io.StringIO(content, newline="")))[1:]
    assert got["rows"] == len(read) == len(rows)
    for index, column in enumerate(got["columns"]):
        present = [row[index] for row in read if row[index].strip()]
        if column["type"] == "text":
            assert column["count"] == len(present)
            assert column["distinct"] == len(set(present))
            assert column["mean_length"] == pytest.approx(statistics.fmean(map(len, present)))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2"], "integer"),
        ([" 1 ", "+2", "-3"], "integer"),
        (["1", "2.5"], "float"),
        (["1e5", ".5", "5."], "float"),
        (["0", "0.5"], "float"),
        (["inf", "1", "-Infinity"], "float"),
        (["1e999"], "text"),
        (["1_000"], "text"),
        (["007", "123"], "text"),
        (["-01"], "text"),
        (["١"], "text"),
        (["1", "x"], "text"),
        (["1,5"], "text"),
        (["yes", "No"], "boolean"),
        (["true", "1"], "text"),
        (["2024-02-29"], "date"),
        (["2023-02-29"], "text"),
        (["20240229"], "integer"),
        (["2024-W05-3"], "text"),
        (["2024-02-29", "2024-02-29 12:00"], "datetime"),
        (["2024-02-29T12:00:00Z", "2024-02-29T12:00:00.5+02:00"], "datetime"),
        (["2024-02-29T25:00"], "text"),
        (["9" * 5000], "text"),
        (["9" * 400], "text"),
        (["12345678901234567890"], "integer"),
        ([], "empty"),
        (["", "  "], "empty"),
        (["NA", "null"], "text"),
        (["NA", "1", "", "nan"], "integer"),
        (["N/A", "2024-01-01"], "date"),
        (["NA", "x"], "text"),
    ],
)
def test_column_infers_the_type_that_all_values_have(values: list[str], kind: str) -> None:
    for batch in (1, 100):
        column = Column("x", Limits(100, 100, 100))
        for start in range(0, len(values), batch):
            column.add(tuple(values[start : start + batch]))
        got = column.profile()["type"]
        assert got == ("empty" if values == ["NA", "null"] else kind)


def test_column_counts_null_markers_as_missing_unless_it_is_text(tmp_path: Path) -> None:
    got = profile(tmp_path, "a,b\n1,x\nNA,NA\n3,NA\n")
    a, b = got["columns"]
    assert (a["count"], a["missing"], a["null_markers"], a["distinct"]) == (2, 1, {"NA": 1}, 2)
    assert (b["count"], b["missing"], b["null_markers"], b["distinct"]) == (3, 0, {}, 2)
    assert [entry["value"] for entry in a["top"]] == ["1", "3"]
    assert got["warnings"] == [
        "column a: 1 cells hold NA and count as missing",
        "column b: 2 cells hold NA as text; they may stand for missing values",
    ]


def test_column_says_when_its_figures_are_estimates() -> None:
    column = Column("x", Limits(counted=100, hashed=5_000, numbers=1_000))
    total = 40_000
    for start in range(0, total, 1000):
        column.add(tuple(map(str, range(start, start + 1000))))
    got = column.profile()
    assert not got["distinct_exact"]
    assert abs(got["distinct"] - total) < 0.1 * total
    assert not got["quantiles_exact"]
    assert abs(got["median"] - total / 2) < 0.1 * total
    assert got["mean"] == (total - 1) / 2
    assert (got["min"], got["max"]) == (0, total - 1)
    assert not got["top_exact"]
    assert got["top"] == []


def test_column_counts_exactly_by_hash_when_there_are_too_many_to_keep() -> None:
    column = Column("x", Limits(counted=100, hashed=5_000, numbers=1_000))
    for _ in range(3):
        column.add(tuple(str(n) for n in range(3000)))
    got = column.profile()
    assert (got["distinct"], got["distinct_exact"], got["top_exact"]) == (3000, True, False)


def test_column_keeps_infinities_out_of_its_figures() -> None:
    column = Column("x", Limits(100, 100, 100))
    column.add(("1", "inf", "3", "-Infinity"))
    got = column.profile()
    assert (got["mean"], got["min"], got["max"], got["infinite"], got["count"]) == (2, 1, 3, 2, 4)


def test_column_takes_single_values_and_constants() -> None:
    column = Column("x", Limits(100, 100, 100))
    column.add(("5",))
    assert column.profile()["stdev"] is None
    column.add(("5", "5"))
    got = column.profile()
    assert (got["stdev"], got["median"], got["distinct"]) == (0.0, 5.0, 1)


def test_column_orders_datetimes_by_the_moment_they_name() -> None:
    column = Column("x", Limits(100, 100, 100))
    column.add(("2024-01-01T01:00+02:00", "2024-01-01T00:30Z"))
    got = column.profile()
    assert (got["min"], got["max"]) == ("2024-01-01T01:00+02:00", "2024-01-01T00:30Z")


def test_profile_file_counts_ragged_rows_and_goes_on(tmp_path: Path) -> None:
    got = profile(tmp_path, 'a,b,c\n1,2,3\n1,2\n1,2,3,4\n\n"x\ny",5,6\n7\n')
    assert got["rows"] == 5
    assert got["ragged_rows"] == {"count": 3, "first_lines": [3, 4, 8]}
    assert got["blank_lines"] == 1
    assert got["columns"][2]["missing"] == 2
    assert got["warnings"][-1] == "3 rows do not have 3 cells"
    many = profile(tmp_path, "a,b\n" + "1\n" * 100)
    assert many["ragged_rows"] == {"count": 100, "first_lines": list(range(2, 12))}


def test_profile_file_names_columns_that_have_no_name_or_share_one(tmp_path: Path) -> None:
    got = profile(tmp_path, "a,,a, a ,column_2\n1,2,3,4,5\n")
    assert [column["name"] for column in got["columns"]] == [
        "a",
        "column_2",
        "a_2",
        "a_3",
        "column_2_2",
    ]
    assert len(got["warnings"]) == 4
    many = profile(tmp_path, ",".join(["a"] * 5_000) + "\n")
    assert many["columns"][-1]["name"] == "a_5000"


@pytest.mark.parametrize(
    ("content", "names", "warning"),
    [
        (b"", [], "the file is empty"),
        (b"\n\n", [], "the file is empty"),
        (b"\xef\xbb\xbf", [], "the file is empty"),
        (b"a,b", ["a", "b"], "the file has a header and no values"),
        (b"a,b\n", ["a", "b"], "the file has a header and no values"),
        (
            b"1,2\n3,4\n",
            ["1", "2"],
            "the first row was taken as the header, but it holds only numbers",
        ),
    ],
)
def test_profile_file_takes_files_with_little_in_them(
    tmp_path: Path, content: bytes, names: list[str], warning: str
) -> None:
    got = profile(tmp_path, content)
    assert [column["name"] for column in got["columns"]] == names
    assert got["warnings"] == [warning]
    assert got["rows"] == (1 if b"3" in content else 0)


def test_profile_file_takes_a_given_delimiter(tmp_path: Path) -> None:
    assert profile(tmp_path, "a:b\n1:2\n", ":")["columns"][1]["name"] == "b"
    for wrong in ("", "ab", '"', "\n"):
        with pytest.raises(ValueError, match="delimiter has to be one character"):
            profile(tmp_path, "a\n", wrong)


def test_profile_file_says_what_is_wrong_with_the_path(tmp_path: Path) -> None:
    missing = tmp_path / "none.csv"
    with pytest.raises(FileNotFoundError, match="there is no such file$"):
        profile_file(str(missing))
    with pytest.raises(FileNotFoundError, match=r"no such file \(looked in "):
        profile_file("surely/not/here.csv")
    with pytest.raises(IsADirectoryError, match="it is a directory, not a file"):
        profile_file(str(tmp_path))
    with pytest.raises(ValueError, match="not a regular file"):
        profile_file(os.devnull)


def test_profile_file_says_when_it_may_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n")

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(PermissionError, match="no permission to read it"):
        profile_file(str(path))


def test_profile_file_reports_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_profile, "REPORT_SECONDS", 0.0)
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,2\n" * 200_000)
    reports: list[tuple[float, int]] = []
    profile_file(str(path), None, report=lambda fraction, rows: reports.append((fraction, rows)))
    assert len(reports) > 5
    assert reports[-1] == (1.0, 200_000)
    assert reports == sorted(reports)
    assert 0 < reports[0][0] < 1


def test_limits_for_shares_memory_among_columns() -> None:
    assert csv_column.limits_for(1) == (50_000, 1_000_000, 1_000_000)
    assert csv_column.limits_for(1000) == (1_000, 2_000, 10_000)
