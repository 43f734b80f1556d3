from __future__ import annotations

import csv
from pathlib import Path

import pytest

from snakeden.demo import csv_records
from tests.demo.csv_files import profile, values

UNCLOSED = (
    "read as a plain character where its line then has as many cells as the header, "
    "and otherwise as a cell of several lines"
)
SWALLOWED = "with text that looks like several rows: a quote may be missing or superfluous"


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1 << 17])
def test_profile_file_reads_a_quote_that_never_closes_as_a_character(
    tmp_path: Path, block_bytes: int
) -> None:
    content = 'id\ttext\n1\tok\n2\t"5 inch\n' + "".join(f"{n}\tx\n" for n in range(3, 41))
    got = profile(tmp_path, content, block_bytes=block_bytes)
    assert got["rows"] == 40
    assert values(got, 1) == [*["x"] * 38, "ok", '"5 inch']
    assert got["unclosed_quotes"] == {"count": 1, "first_lines": [3]}
    assert got["warnings"] == [f"1 unclosed quote (line 3): {UNCLOSED}"]


@pytest.mark.parametrize(
    ("content", "names", "second", "lines"),
    [
        ('a,"b\n1,x\n2,y\n', ["a", '"b'], ["x", "y"], [1]),
        ('"a,b\n1,x\n2,y\n', ['"a', "b"], ["x", "y"], [1]),
        ('a,b\n1,"x\n2,y\n', ["a", "b"], ['"x', "y"], [2]),
        ('a,b\n1,x\n2,"y\n', ["a", "b"], ["x", '"y'], [3]),
        ('a,b\n1,x\n2,"y', ["a", "b"], ["x", '"y'], [3]),
        ('a,b\n"1,x\n2,y\n', ["a", "b"], ["x", "y"], [2]),
        ('a,b\r1,"x\r2,y\r', ["a", "b"], ['"x', "y"], [2]),
        ('a,b\r\n1,"x\r\n2,y\r\n', ["a", "b"], ['"x', "y"], [2]),
        # Two inch marks are no pair.
        ('a,b\n1,"5 in\n2,y\n3,"7 in\n4,z\n', ["a", "b"], ['"5 in', "y", '"7 in', "z"], [2, 4]),
        ('a,b\n1,"5 in\n2,y\n3,7" in\n4,z\n', ["a", "b"], ['"5 in', "y", '7" in', "z"], [2]),
        ('a,b\n1,"5 in\n2,"ok"\n', ["a", "b"], ['"5 in', "ok"], [2]),
        # A smart quote does not close.
        ('a,b\n1,"x”\n2,y\n', ["a", "b"], ['"x”', "y"], [2]),
        # Lines are those of the file.
        ('# made by\na,b\n1,"x\ny"\n\n2,"z\n', ["a", "b"], ["x\ny", '"z'], [6]),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 5, 1 << 17])
def test_profile_file_loses_no_row_to_a_stray_quote(
    tmp_path: Path,
    content: str,
    names: list[str],
    second: list[str],
    lines: list[int],
    block_bytes: int,
) -> None:
    got = profile(tmp_path, content, block_bytes=block_bytes)
    assert [column["name"] for column in got["columns"]] == names
    assert values(got, 1) == second
    assert got["unclosed_quotes"] == {"count": len(lines), "first_lines": lines}
    assert any(UNCLOSED in warning for warning in got["warnings"])


@pytest.mark.parametrize(
    ("content", "second", "unclosed", "ragged"),
    [
        # The quote of line 3 closes a cell at first, and opens one when the line is read again.
        ('a,b\n1,"x\n"2\n3\n4,y\n5,z\n', ["", "", '"x', "y", "z"], [2, 3], [3, 4]),
        # A cell of several lines may follow as long as no rows are lost by that.
        ('a,b\n1,"5 in\n2,"k\nl"\n3,y\n', ['"5 in', "k\nl", "y"], [2], []),
        ('a,b\n1,"5 in\n2,x\n3,"k\nl\nm"\n4,y\n', ['"5 in', "k\nl\nm", "x", "y"], [2], []),
        ('a,b\n1,"5 in\n2,"k\nl\nm"\n4,y\n', ["", "", '"5 in', '"k', "y"], [2, 3], [4, 5]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("block_bytes", [1, 5, 1 << 17])
def test_profile_file_loses_no_row_when_it_reads_lines_again(
    tmp_path: Path,
    content: str,
    second: list[str],
    unclosed: list[int],
    ragged: list[int],
    end: str,
    encoding: str,
    block_bytes: int,
) -> None:
    text = content.replace("\n", end)
    got = profile(tmp_path, text.encode(encoding), block_bytes=block_bytes)
    assert got["rows"] == len(second)
    present = [cell.replace("\n", end) for cell in second if cell]
    assert sorted(values(got, 1)) == sorted(present)
    assert got["unclosed_quotes"]["first_lines"] == unclosed
    assert got["ragged_rows"]["first_lines"] == ragged


def test_profile_file_keeps_a_cell_that_the_end_of_the_file_cuts(tmp_path: Path) -> None:
    got = profile(tmp_path, 'a,b,c\n1,2,3\n4,"first\nsecond')
    assert got["rows"] == 2
    assert values(got, 1) == ["2", "first\nsecond"]
    assert got["unclosed_quotes"] == {"count": 1, "first_lines": [3]}


def test_profile_file_warns_of_rows_between_two_stray_quotes(tmp_path: Path) -> None:
    got = profile(tmp_path, 'a,b\n1,x\n2,"y\n3,z\n4,w"\n5,v\n')
    assert got["rows"] == 3
    assert got["warnings"] == [f"1 quoted cell (line 3) {SWALLOWED}"]
    three = profile(tmp_path, 'a,b,c\n1,x,"y\n2,z,w"\n')
    assert three["warnings"] == [f"1 quoted cell (line 2) {SWALLOWED}"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_profile_file_warns_of_rows_between_ditto_marks(tmp_path: Path, end: str) -> None:
    got = profile(tmp_path, end.join(["item,unit", "a,kg", 'b,"', 'c,"', ""]))
    assert got["warnings"] == [f"1 quoted cell (line 3) {SWALLOWED}"]


@pytest.mark.parametrize(
    "content",
    [
        'a,b\n1,"two\nlines"\n2,"three\n\nlines"\n',
        'a,b\n1,"Main St, 5\nOslo"\n',
        'a,b,c\n1,"one, two, three\nfour, five, six",x\n',
        'a,b\n1,"say ""hi"""\n2,5" pipe\n3,""\n4,""""\n5,"a,b"\n6,"x"\n',
        '"a","b"\r\n"1","x"\r\n',
        '"first\nname",b\n1,x\n',
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 6, 1 << 17])
def test_profile_file_has_nothing_to_say_of_quotes_that_are_right(
    tmp_path: Path, content: str, block_bytes: int
) -> None:
    got = profile(tmp_path, content, block_bytes=block_bytes)
    assert got["unclosed_quotes"]["count"] == 0
    assert [warning for warning in got["warnings"] if "quote" in warning] == []
    with open(tmp_path / "data.csv", newline="") as file:
        assert got["rows"] == len(list(csv.reader(file))) - 1


def test_profile_file_adds_what_follows_a_closing_quote_and_says_so(tmp_path: Path) -> None:
    got = profile(tmp_path, 'a,b\n1,"x"y\n2,"say \\"hi\\""\n3,ok\n')
    assert values(got, 1) == ["xy", 'say \\hi\\""', "ok"]
    assert got["warnings"] == [
        "2 cells (lines 2, 3) with text after the closing quote: that text was added to the cell"
    ]


def test_profile_file_lists_the_first_ten_lines_with_stray_quotes(tmp_path: Path) -> None:
    got = profile(tmp_path, "a,b\n" + '1,"x\n' * 100)
    assert got["rows"] == 100
    assert got["unclosed_quotes"] == {"count": 100, "first_lines": list(range(2, 12))}
    assert "lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ..." in got["warnings"][0]


@pytest.fixture
def short_cells(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(csv_records, "MAX_FIELD_CHARS", 1000)
    before = csv.field_size_limit(1000)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("short_cells")
def test_profile_file_finds_a_stray_quote_also_when_a_cell_grows_too_long(tmp_path: Path) -> None:
    got = profile(tmp_path, 'a,b\n1,"2\n' + "3,4\n" * 10_000)
    assert got["rows"] == 10_001
    assert got["unclosed_quotes"] == {"count": 1, "first_lines": [2]}


@pytest.mark.usefixtures("short_cells")
@pytest.mark.parametrize("quote", ["", '"'])
def test_profile_file_refuses_a_cell_that_is_too_long(tmp_path: Path, quote: str) -> None:
    content = f"a,b\n1,2\n3,{quote}{'x' * 2000}{quote}\n"
    with pytest.raises(ValueError, match=r"line 3: field larger than .*closing quote may be"):
        profile(tmp_path, content)
