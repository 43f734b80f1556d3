from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snakeden.demo.csv_column import Column, Limits
from tests.demo.csv_files import profile


def column(tmp_path: Path, cells: list[str]) -> tuple[dict[str, Any], list[str]]:
    got = profile(tmp_path, "x\n" + "".join(f'"{cell}"\n' for cell in cells))
    return got["columns"][0], got["warnings"]


@pytest.mark.parametrize(
    "marker",
    [
        *("NA", "N/A", "null", "NULL", "None", "NaN", "-nan", "-NaN", "NaT", "<NA>", "\\N"),
        *(
            "#N/A",
            "#NA",
            "#N/A N/A",
            "#NULL!",
            "(null)",
            "[NULL]",
            "1.#IND",
            "-1.#IND",
            "-",
            "--",
            "?",
        ),
        *(".", ".."),
    ],
)
@pytest.mark.parametrize("cell", ["5", "1.5", "2024-01-31", "2024-01-31 12:00", "true"])
def test_column_counts_every_usual_null_marker_as_missing(
    tmp_path: Path, marker: str, cell: str
) -> None:
    got, warnings = column(tmp_path, [cell, marker, cell, marker])
    assert (got["count"], got["missing"], got["null_markers"]) == (2, 2, {marker: 2})
    assert got["type"] != "text"
    assert warnings == [f"column x: 2 cells hold {marker} and count as missing"]


def test_column_says_that_its_text_may_stand_for_missing_values(tmp_path: Path) -> None:
    got, warnings = column(tmp_path, ["ale", "NA", "NA", "lager", "\\N", "NA", "-", "."])
    assert (got["type"], got["missing"], got["null_markers"]) == ("text", 0, {})
    assert warnings == ["column x: 4 cells hold NA, \\N as text; they may stand for missing values"]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["1", "2", "3", "#DIV/0!"], "it mostly holds numbers, but also '#DIV/0!'"),
        (["1", "NA", "3", "12 kg", "4"], "it mostly holds numbers, but also '12 kg'"),
        (["1", "a", "2", "a", "3", "b", "4", "5", "c", "6", "d", "7", "8"], "'a', 'b', 'c'"),
        (
            ["2024-01-01", "2024-02-30", "2024-03-01"],
            "it mostly holds dates, but also '2024-02-30'",
        ),
        (["true", "false", "1"], "it mostly holds true and false, but also '1'"),
        (["1.5", "2.5", "1,5"], "it mostly holds numbers, but also '1,5'"),
    ],
)
def test_column_says_which_values_make_it_text(
    tmp_path: Path, cells: list[str], reason: str
) -> None:
    got, warnings = column(tmp_path, cells)
    assert got["type"] == "text"
    assert reason in warnings[-1]


@pytest.mark.parametrize(
    "cells",
    [
        ["1,5", "2,25"],
        ["1 234", "5 678"],
        ["1.234,5", "2.345,25"],
        ["1,234.5", "2,345"],
        ["1'234", "5'678"],
        ["1\u202f234,5", "2\u00a0345"],
        ["$5", "$7.50"],
        ["5 %", "7%"],
        ["12 €", "1.000 €"],
        ["\u22125", "\u22127"],
        ["-1,5", "+2,5", "-"],
    ],
)
def test_column_says_that_its_numbers_are_written_in_another_way(
    tmp_path: Path, cells: list[str]
) -> None:
    got, warnings = column(tmp_path, cells)
    assert got["type"] == "text"
    assert warnings == [
        (
            "column x is text: it holds numbers with a decimal comma, digit groups or a unit, "
            f"such as {cells[0]!r}"
        )
    ]


@pytest.mark.parametrize(
    "cells",
    [
        ["ale", "lager", "5"],
        ["00123", "01234", "12345"],
        ["10.0.0.1", "192.168.0.1"],
        ["31.12.2024", "01.01.2025"],
        ["12:30", "13:45"],
        ["1.2.3", "1.2.4"],
        ["-", "x"],
    ],
)
def test_column_has_nothing_to_say_of_plain_text(tmp_path: Path, cells: list[str]) -> None:
    got, warnings = column(tmp_path, cells)
    assert (got["type"], warnings) == ("text", [])


def test_column_says_what_came_late() -> None:
    numbers = Column("x", Limits(100, 1000, 1000))
    for start in range(0, 5000, 1000):
        numbers.add(tuple(map(str, range(start, start + 1000))))
    numbers.add(("5000", "oops", "5001"))
    numbers.add(("more",))
    assert numbers.notes() == ["column x is text: it mostly holds numbers, but also 'oops'"]


@pytest.mark.parametrize(
    "cell",
    ["1" * 1_000_000 + "x", "\n" * 300_000 + "x", "1 " * 500_000, "0" * 1_000_000, " " * 10**6],
)
def test_profile_file_takes_time_in_proportion_to_the_length_of_a_cell(
    tmp_path: Path, cell: str
) -> None:
    got = profile(tmp_path, f'a,b\n1,"{cell}"\n2,"{cell}"\n')
    assert got["rows"] == 2
    profile(tmp_path, f"sep={cell}\na,b\n")
