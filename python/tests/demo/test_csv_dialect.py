from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snakeden.demo.csv_dialect import named_delimiter, sniff
from snakeden.demo.csv_records import NO_DELIMITER
from tests.demo.csv_files import profile, values

LONGER = "the header may lack a name or stand further down"


def names(got: dict[str, Any]) -> list[str]:
    return [column["name"] for column in got["columns"]]


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a\tb\n1,5\t2,5\n", "\t"),
        ("a;b\n1,5;2,5\n", ";"),
        ("a|b|c\n1|2|3\n", "|"),
        ('a;"b;c"\n1;"2,2,2"\n', ";"),
        ("a;b\n1\n2\n", ";"),
        ("date;id;note\nApril 15, 2023;1;\nApril 14, 2023;2;x\n", ";"),
        ('a;"b\n1;2\n3;4\n', ";"),
        ("one\ntwo\n", NO_DELIMITER),
        ("text\n'hello, you'\nfoo\nbar\n", NO_DELIMITER),
        ("notes\na;b;c\nx;y;z\n", NO_DELIMITER),
        ("", NO_DELIMITER),
    ],
)
def test_sniff_finds_what_cuts_evenly(sample: str, delimiter: str) -> None:
    assert sniff(sample.splitlines(keepends=True), complete=True)[0] == delimiter


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [
        ("sep=;\r\n", ";"),
        ("sep=,\n", ","),
        ("SEP=|", "|"),
        ("Sep=;\r", ";"),
        ("sep=\t\r\n", "\t"),
        ("sep=\\t\n", "\t"),
        ('"sep=;"\n', ";"),
        ("sep=,,,,\r\n", ","),
        ("\ufeffsep=;\n", ";"),
        ("sep=\n", None),
        ("sep=ab\n", None),
        ("sep,x\n", None),
        ("x,sep=;\n", None),
    ],
)
def test_named_delimiter_knows_the_first_line_of_excel(line: str, delimiter: str | None) -> None:
    assert named_delimiter(line) == delimiter


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|", "^"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_profile_file_takes_the_delimiter_from_the_first_line(
    tmp_path: Path, codec: str, delimiter: str, end: str
) -> None:
    rows = [f"sep={delimiter}", delimiter.join("aé"), delimiter.join("12"), delimiter.join("34")]
    got = profile(tmp_path, "".join(row + end for row in rows).encode(codec), block_bytes=5)
    assert (got["delimiter"], got["rows"], names(got)) == (delimiter, 2, ["a", "é"])
    assert [column["type"] for column in got["columns"]] == ["integer", "integer"]


def test_profile_file_takes_a_delimiter_that_is_asked_for_before_that_of_the_file(
    tmp_path: Path,
) -> None:
    got = profile(tmp_path, "sep=;\na,b\n1,2\n", ",")
    assert (got["delimiter"], got["rows"], names(got)) == (",", 1, ["a", "b"])
    assert got["warnings"] == [
        "the first line names ';' as the delimiter, but ',' was requested and used"
    ]
    same = profile(tmp_path, "sep=;\na;b\n1;2\n", ";")
    assert (same["rows"], same["warnings"]) == (1, [])


def test_profile_file_counts_the_line_of_the_delimiter(tmp_path: Path) -> None:
    assert profile(tmp_path, "sep=;\na;b\n1\n")["ragged_rows"]["first_lines"] == [3]
    assert profile(tmp_path, "sep=;\n")["warnings"] == ["the file is empty"]


@pytest.mark.parametrize("block_bytes", [1, 1 << 17])
def test_profile_file_skips_comments_before_the_header(tmp_path: Path, block_bytes: int) -> None:
    content = '# made by a "tool\n\n# units: m, s\na,b\n1,2\n3\n'
    got = profile(tmp_path, content, block_bytes=block_bytes)
    assert (names(got), got["rows"]) == (["a", "b"], 2)
    assert got["ragged_rows"]["first_lines"] == [6]
    assert got["warnings"][0] == ("skipped 2 comment lines (lines 1, 3) before the header")


def test_profile_file_skips_more_comments_than_a_block_holds(tmp_path: Path) -> None:
    got = profile(tmp_path, "# a, comment\n" * 30_000 + "a\tb\n1\t2\n")
    assert (names(got), got["delimiter"]) == (["a", "b"], "\t")
    assert got["warnings"][0].startswith("skipped 30000 comment lines (lines 1, 2, 3, 4, ")


@pytest.mark.parametrize(
    ("content", "header", "rows", "comments"),
    [
        ("#id,name\nbob,paris\n", ["#id", "name"], 1, 0),
        ("# id,name\n1,paris\n2,rome\n", ["# id", "name"], 2, 0),
        ("# made, by\nid,name\nbob,paris\n", ["id", "name"], 1, 1),
        ("##format=1\n#CHROM\tPOS\nchr1\t5\nchr2\t6\n", ["#CHROM", "POS"], 2, 1),
        ("#,a,b\n1,2,3\n", ["#", "a", "b"], 1, 0),
        ("#a,b\n", ["#a", "b"], 0, 0),
        ("# one\n#a,b\n\n", ["#a", "b"], 0, 1),
        ("a,b\n#1,2\n", ["a", "b"], 1, 0),
    ],
)
def test_profile_file_takes_a_line_that_names_the_columns_for_the_header_despite_its_mark(
    tmp_path: Path, content: str, header: list[str], rows: int, comments: int
) -> None:
    got = profile(tmp_path, content)
    assert (names(got), got["rows"]) == (header, rows)
    assert len([text for text in got["warnings"] if "comment line" in text]) == comments


def test_profile_file_reads_one_column_of_text_whole(tmp_path: Path) -> None:
    got = profile(tmp_path, "comment\nhello, world\nfoo, bar\nbaz, qux\n")
    assert (names(got), got["rows"], got["delimiter"]) == (["comment"], 3, None)
    assert values(got, 0) == ["hello, world", "foo, bar", "baz, qux"]
    assert got["ragged_rows"]["count"] == 0
    assert got["warnings"] == [
        (
            "the header has no comma, so this is one column; "
            "most rows would have 2 cells with that delimiter"
        )
    ]


@pytest.mark.parametrize("delimiter", [None, ","])
def test_profile_file_unquotes_the_cells_of_one_column(
    tmp_path: Path, delimiter: str | None
) -> None:
    got = profile(tmp_path, 'comment\n"hello, world"\n"say ""hi"""\n"two\nlines"\n', delimiter)
    assert values(got, 0) == ["hello, world", 'say "hi"', "two\nlines"]
    assert got["warnings"] == []


def test_profile_file_cuts_one_column_when_the_delimiter_is_given(tmp_path: Path) -> None:
    got = profile(tmp_path, "comment\nhello, world\nfoo, bar\n", ",")
    assert values(got, 0) == ["hello", "foo"]
    assert got["warnings"] == [f"2 rows do not have 1 cells; most rows have 2: {LONGER}"]


def test_profile_file_says_that_a_title_may_stand_in_front_of_the_header(tmp_path: Path) -> None:
    got = profile(tmp_path, "Report, 2024\n\na,b,c\n1,2,3\n4,5,6\n")
    assert got["warnings"][-1] == f"3 rows do not have 2 cells; most rows have 3: {LONGER}"
    title = profile(tmp_path, "Report\na,b,c\n1,2,3\n")
    assert "the header has no comma" in title["warnings"][0]


def test_profile_file_says_when_the_surplus_of_rows_is_empty(tmp_path: Path) -> None:
    got = profile(tmp_path, "A|B\n1|2|\n3|4|\n")
    assert got["warnings"] == ["2 rows do not have 2 cells, but nothing was left out"]
    assert profile(tmp_path, "A|B\n1|2|x\n3|4\n")["warnings"] == ["1 rows do not have 2 cells"]


def test_profile_file_skips_empty_rows_before_the_header(tmp_path: Path) -> None:
    got = profile(tmp_path, ",,\n \n,,\na,b,c\n1,2,3\n")
    assert (names(got), got["rows"]) == (["a", "b", "c"], 1)
    assert got["warnings"] == ["skipped 2 empty rows (lines 1, 3) before the header"]


SPACED = "skipped spaces between delimiters and quotes"


@pytest.mark.parametrize(
    ("content", "header", "second"),
    [
        ('"a", "b"\n"1", "x"\n', ["a", "b"], ["x"]),
        ('a, b\n1, "x, y"\n2,  "z"\n', ["a", "b"], ["x, y", "z"]),
        ('a; b\n1; "x; ""y"""\n', ["a", "b"], ['x; "y"']),
        ('a, b\n1, "two\nlines"\n', ["a", "b"], ["two\nlines"]),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 1 << 17])
def test_profile_file_reads_quotes_behind_a_delimiter_and_a_space(
    tmp_path: Path, content: str, header: list[str], second: list[str], block_bytes: int
) -> None:
    got = profile(tmp_path, content, block_bytes=block_bytes)
    assert names(got) == header
    assert values(got, 1) == second
    assert got["warnings"] == [SPACED]


@pytest.mark.parametrize(
    ("content", "second"),
    [
        ('a,b\n1, "quoted" word\n', [' "quoted" word']),
        ('a,b\n1, "5 in\n2,x\n', [' "5 in', "x"]),
        ('a,b\n1,"he said, ""no"""\n2, x\n', ['he said, "no"', " x"]),
    ],
)
def test_profile_file_leaves_quotes_behind_a_space_that_enclose_no_cell(
    tmp_path: Path, content: str, second: list[str]
) -> None:
    got = profile(tmp_path, content)
    assert values(got, 1) == second
    assert SPACED not in got["warnings"]
