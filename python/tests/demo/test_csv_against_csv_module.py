"""`profile_csv` beside Python's own `csv` module, on files that hypothesis writes."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from snakeden.demo.csv_values import is_null
from tests.demo.csv_files import as_csv, profile

DELIMITERS = [",", ";", "\t", "|"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"]
ENDS = ["\n", "\r\n", "\r"]
BLOCKS = st.sampled_from([1, 2, 3, 7, 30, 1 << 17])

plain_text = st.text(st.sampled_from("abc xyz,;|\t\"'\n\rZoëü€“.-0123456789"), max_size=8)
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
number = st.integers(-(10**9), 10**9).map(str) | st.floats(-1e6, 1e6).map(lambda x: f"{x:.4f}")
cell = st.one_of(plain_text, number, st.sampled_from(["", " ", "NA", "true", "2024-01-31"]))
name = st.from_regex(r"[a-z]{1,5}", fullmatch=True)


class Table(NamedTuple):
    names: list[str]
    rows: list[list[str]]


@st.composite
def tables(draw: st.DrawFn, cells: st.SearchStrategy[str] = cell, least: int = 1) -> Table:
    names = draw(st.lists(name, min_size=least, max_size=5, unique=True))
    width = len(names)
    row = st.lists(cells, min_size=width, max_size=width)
    return Table(names, draw(st.lists(row, max_size=12)))


def check_columns(got: dict[str, Any], rows: Sequence[Sequence[str]]) -> None:
    """Check each column against its cells."""
    for index, column in enumerate(got["columns"]):
        cells = [row[index] for row in rows]
        present = [text for text in cells if text.strip()]
        nulls = Counter(text for text in present if is_null(text))
        if column["type"] == "text":
            nulls = Counter()
            assert column["mean_length"] == pytest.approx(statistics.fmean(map(len, present)))
        values = [text for text in present if text not in nulls]
        assert column["null_markers"] == nulls
        assert (column["count"], column["missing"]) == (len(values), len(cells) - len(values))
        assert column["distinct"] == len(set(values))
        top = {entry["value"]: entry["count"] for entry in column["top"]}
        counts = Counter(values)
        assert len(top) == min(10, len(counts))
        assert all(counts[value] == times for value, times in top.items())
        assert sorted(top.values()) == sorted(times for _, times in counts.most_common(10))
        if column["type"] in ("integer", "float"):
            read = int if column["type"] == "integer" else float
            numbers = [it for it in map(read, values) if math.isfinite(it)]
            bounds = (min(numbers, default=None), max(numbers, default=None))
            assert (column["min"], column["max"]) == bounds
            if numbers:
                mean = math.fsum(numbers) / len(numbers)
                assert math.isclose(column["mean"], mean, rel_tol=1e-12, abs_tol=1e-6)


@settings(max_examples=150)
@given(
    tables(least=2),
    st.sampled_from(DELIMITERS),
    st.sampled_from(ENDS),
    st.sampled_from(ENCODINGS),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
    BLOCKS,
)
def test_profile_file_reads_what_the_csv_module_writes(
    tmp_path_factory: pytest.TempPathFactory,
    table: Table,
    delimiter: str,
    end: str,
    encoding: str,
    quoting: Any,
    given_delimiter: bool,
    block_bytes: int,
) -> None:
    if end != "\r\n" and any("\r" in text or "\n" in text for row in table.rows for text in row):
        quoting = csv.QUOTE_ALL  # Older Pythons do not quote a line end that is none of their own.
    text = as_csv(
        [table.names, *table.rows], delimiter=delimiter, lineterminator=end, quoting=quoting
    )
    content = text.encode(encoding)
    got = profile(
        tmp_path_factory.getbasetemp(),
        content,
        delimiter if given_delimiter else None,
        block_bytes=block_bytes,
    )
    if got["delimiter"] != delimiter:
        # Nothing but the header tells one delimiter of the four, and that is the right one.
        assert not given_delimiter
        assert not table.rows
    assert got["rows"] == len(table.rows)
    assert [column["name"] for column in got["columns"]] == table.names
    assert got["bytes"] == len(content)
    assert (got["ragged_rows"]["count"], got["blank_lines"]) == (0, 0)
    assert got["unclosed_quotes"]["count"] == 0
    assert not any("not everything" in warning for warning in got["warnings"])
    check_columns(got, table.rows)


@settings(max_examples=150)
@given(
    st.text(st.sampled_from('ab1,,""\n\n\r'), max_size=40),
    st.sampled_from(["utf-8", "utf-16"]),
    BLOCKS,
)
@example('1,"x\n2,y\n', "utf-8", 1)
@example('1,"x\n2,y"z\n3,w', "utf-8", 2)
@example('1,"x\n\n2,y\n3,"z"\n', "utf-8", 3)
# The line that closes a broken record is read again, and its quote opens a cell.
@example(',"\r"1\r1\n1', "utf-8", 1)
@example(',"\r"1\r1\n1', "utf-16", 7)
@example(',"\r\n"1\r\n1\r\n1', "utf-8", 2)
@example(',"\n"1\n1\n1', "utf-16", 1)
@example(',"\n1,"a\nb\na"\n', "utf-8", 3)
@example(',"\n\n"b\n\n",1\n,"\nb,,a",\n\nb\n"', "utf-8", 1)
@example('a"","1\n\nb,"1\n\nb\n\n\n\r"\r', "utf-16", 30)
def test_profile_file_reads_any_text_as_the_csv_module_does_or_warns(
    tmp_path_factory: pytest.TempPathFactory, body: str, encoding: str, block_bytes: int
) -> None:
    content = "k,l\n" + body
    got = profile(
        tmp_path_factory.getbasetemp(), content.encode(encoding), ",", block_bytes=block_bytes
    )
    read = list(csv.reader(io.StringIO(content, newline="")))[1:]
    full = [row for row in read if row]
    if any("quote" in warning for warning in got["warnings"]):
        # No character is lost: each is in a cell, or counted as ragged.
        assert got["rows"] >= len(full)
        return
    with_rule(content)
    assert got["rows"] == len(full)
    assert got["blank_lines"] == len(read) - len(full)
    ragged = [row for row in full if len(row) != 2]
    assert got["ragged_rows"]["count"] == len(ragged)
    assert any("rows do not have 2 cells" in text for text in got["warnings"]) == bool(ragged)
    check_columns(got, [(*row, "")[:2] for row in full])


def with_rule(content: str) -> None:
    """Raise if a quote is not closed as RFC 4180 asks, which then needs a warning."""
    list(csv.reader(io.StringIO(content, newline=""), strict=True))


@settings(max_examples=150)
@given(
    tables(st.text(st.sampled_from('ab "\n,0'), max_size=5), least=2),
    st.integers(0, 200),
    BLOCKS,
    BLOCKS,
)
def test_profile_file_gives_the_same_answer_whatever_the_blocks_are(
    tmp_path_factory: pytest.TempPathFactory, table: Table, cut: int, one: int, other: int
) -> None:
    content = as_csv([table.names, *table.rows])[:cut]  # Leaves quotes open.
    folder = tmp_path_factory.getbasetemp()
    assert profile(folder, content, block_bytes=one) == profile(folder, content, block_bytes=other)


@settings(max_examples=150)
@given(
    st.lists(st.lists(st.sampled_from(["x", "1", '5" in', "a b"]), min_size=2, max_size=2)),
    st.data(),
    BLOCKS,
)
def test_profile_file_keeps_all_rows_with_any_number_of_stray_quotes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], data: st.DataObject, block: int
) -> None:
    """Put a quote in front of a cell that closes nowhere in its line, in any of the rows."""
    stray = data.draw(st.sets(st.sampled_from(range(len(rows))))) if rows else set()
    lines = [
        f'{row[0]},"in{row[1].replace(chr(34), "")}' if n in stray else ",".join(row)
        for n, row in enumerate(rows)
    ]
    content = "".join(f"{line}\n" for line in ["k,l", *lines])
    got = profile(tmp_path_factory.getbasetemp(), content, ",", block_bytes=block)
    assert got["rows"] == len(rows)
    assert got["unclosed_quotes"]["count"] == len(stray)


@given(tables(any_text, least=2), BLOCKS)
def test_profile_file_reads_every_character_but_nul(
    tmp_path_factory: pytest.TempPathFactory, table: Table, block_bytes: int
) -> None:
    content = as_csv([table.names, *table.rows])
    got = profile(tmp_path_factory.getbasetemp(), content, ",", block_bytes=block_bytes)
    assert got["rows"] == len(table.rows)
    check_columns(got, table.rows)
