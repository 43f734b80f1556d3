from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import pytest

from snakeden.demo.csv_profile import profile_file
from tests.demo.csv_files import profile, values

TEXT = "name,città\nZoë,1\nпривет,2\n😀,3\n"


@pytest.mark.parametrize(
    ("codec", "mark", "encoding"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8-sig"),
        ("utf-16-le", b"\xff\xfe", "utf-16"),
        ("utf-16-be", b"\xfe\xff", "utf-16"),
        ("utf-32-le", b"\xff\xfe\x00\x00", "utf-32"),
        ("utf-32-be", b"\x00\x00\xfe\xff", "utf-32"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("utf-32-le", b"", "utf-32-le"),
        ("utf-32-be", b"", "utf-32-be"),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 3, 1 << 17])
def test_profile_file_reads_unicode_with_and_without_a_byte_order_mark(
    tmp_path: Path, codec: str, mark: bytes, encoding: str, block_bytes: int
) -> None:
    got = profile(tmp_path, mark + TEXT.encode(codec), block_bytes=block_bytes)
    assert (got["rows"], got["encoding"]) == (3, encoding)
    assert [column["name"] for column in got["columns"]] == ["name", "città"]
    assert values(got, 0) == ["Zoë", "привет", "😀"]
    unmarked = not mark and codec != "utf-8"
    assert got["warnings"] == ([f"no byte order mark; read as {codec}"] if unmarked else [])


def test_profile_file_drops_a_second_byte_order_mark(tmp_path: Path) -> None:
    got = profile(tmp_path, "\ufeff\ufeffa,b\n1,2\n")
    assert [column["name"] for column in got["columns"]] == ["a", "b"]


@pytest.mark.parametrize("block_bytes", [1, 1 << 17])
def test_profile_file_reads_what_is_not_utf8_as_windows_1252_and_says_so(
    tmp_path: Path, block_bytes: int
) -> None:
    content = b"name,price\n\x93quoted\x94,5\n\x80uro,6\nZ\xfcrich,7\n"
    got = profile(tmp_path, content, block_bytes=block_bytes)
    assert got["encoding"] == "cp1252"
    assert values(got, 0) == ["“quoted”", "€uro", "Zürich"]
    assert got["warnings"] == [
        "not UTF-8 (byte 0x93); read as Windows-1252 (cp1252), so some characters may be wrong"
    ]


def test_profile_file_starts_again_when_the_first_odd_byte_comes_late(tmp_path: Path) -> None:
    got = profile(tmp_path, b"a,b\n" + b"x,1\n" * 100_000 + b"\xfc,1\n")
    assert (got["encoding"], got["rows"]) == ("cp1252", 100_001)


def test_profile_file_reads_every_byte_as_the_whatwg_standard_does(tmp_path: Path) -> None:
    content = b"byte\n" + b"".join(b"x%c\n" % byte for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D, 0x80))
    got = profile(tmp_path, content)
    assert values(got, 0) == ["x\x81", "x\x8d", "x\x8f", "x\x90", "x\x9d", "x€"]


@pytest.mark.parametrize(
    ("content", "encoding", "places", "second"),
    [
        ("é,1\n".encode() * 9 + b"\xff,2\n", "utf-8", 1, "�"),
        ("é,1\n".encode() * 9 + "x,é".encode()[:-1], "utf-8", 1, "x"),
        ("é,1\nx,é".encode()[:-1], "utf-8", 1, "x"),
        (b"\xef\xbb\xbf" + b"\xe9\xe9,1\nx,2\n", "utf-8-sig", 2, "x"),
        ("\ufeffé,1\nx,2\n".encode("utf-16-le")[:-1], "utf-16", 1, "x"),
        ("\ufeffé,1\n".encode("utf-16-le") + b"\x00\xd8x\0,\0002\0", "utf-16", 1, "�x"),
        ("\ufeffé,1\nx,2\n".encode("utf-32-be")[:-2], "utf-32", 1, "x"),
    ],
)
def test_profile_file_shows_what_is_damaged_as_u_fffd_and_says_so(
    tmp_path: Path, content: bytes, encoding: str, places: int, second: str
) -> None:
    got = profile(tmp_path, content, ",")
    assert got["encoding"] == encoding
    assert second in values(got, 0)
    assert got["warnings"][0].startswith(f"not everything is {encoding} (byte 0x")
    assert f"invalid bytes became U+FFFD (in {places} places)" in got["warnings"][0]


def test_profile_file_refuses_binary_files_wherever_the_nul_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"it is a binary file \(a NUL byte at offset 3\)"):
        profile(tmp_path, b"PK\x03\x00\x00")
    late = b"a,b\n" + b"1,2\n" * 100_000 + b"\x00"
    with pytest.raises(ValueError, match="a NUL byte at offset 400004"):
        profile(tmp_path, late)
    with pytest.raises(ValueError, match="a NUL character"):
        profile(tmp_path, "a,b\n1,\0\n".encode("utf-16"))


def test_profile_file_says_what_a_packed_file_is(tmp_path: Path) -> None:
    zipped = tmp_path / "book.xlsx"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("sheet.xml", "a,b\n1,2\n")
    for content, kind in (
        (gzip.compress(b"a,b\n1,2\n"), "a gzip file"),
        (gzip.compress(b"a,b\n1,2\n")[:12], "a gzip file"),
        (bz2.compress(b"a,b\n1,2\n"), "a bzip2 file"),
        (lzma.compress(b"a,b\n1,2\n"), "an xz file"),
        (zipped.read_bytes(), "a zip archive, as .xlsx files are"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document, as .xls files are"),
    ):
        with pytest.raises(ValueError, match=f"it is {kind}; unpack or export it first"):
            profile(tmp_path, content)


def test_profile_file_splits_lines_only_where_csv_does(tmp_path: Path) -> None:
    cell = "a\x0bb\x0cc\x1cd\x85e\u2028f"
    got = profile(tmp_path, f"x,y\n{cell},1\n{cell},2\r3,4\r\n")
    assert got["rows"] == 3
    assert values(got, 0) == [cell, cell, "3"]
    assert got["warnings"] == []


def test_profile_file_refuses_a_line_that_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snakeden.demo.csv_lines.MAX_LINE_CHARS", 1000)
    with pytest.raises(ValueError, match="a line is longer than 1000 characters"):
        profile(tmp_path, "a,b\n" + "1," * 2000, block_bytes=100)


def test_profile_file_says_when_the_file_grew_while_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "growing.csv"
    path.write_text("a,b\n" + "1,2\n" * 100_000)
    size = path.stat().st_size
    grown = False

    def grow(fraction: float, rows: int) -> None:
        nonlocal grown
        if not grown:
            grown = True
            with path.open("a") as file:
                file.write("3,4\n")

    got = profile_file(str(path), None, report=grow, block_bytes=1 << 14)
    assert (got["rows"], got["bytes"]) == (100_001, size + 4)
    assert got["warnings"] == [
        (
            f"the file changed while it was read: it had {size} bytes at the start and {size + 4} "
            f"at the end, of which {size + 4} were read"
        )
    ]
