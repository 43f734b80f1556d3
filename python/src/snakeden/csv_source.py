"""Read any CSV or TSV file: what it is encoded in, what separates its cells, its header, and its
rows one by one.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import stat
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["CsvSource", "check_file", "sniff_delimiter"]

DELIMITERS: Final = (",", "\t", ";", "|")
SAMPLE_BYTES: Final = 65_536
SAMPLE_ROWS: Final = 500
BUFFER_BYTES: Final = 1 << 18
MAX_FIELD_CHARS: Final = 1 << 24
MAX_LISTED: Final = 10

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def check_file(path: str) -> int:
    """Size of a file that can be profiled, in bytes.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: With the path, in words.
        ValueError: It is no regular file, or holds NUL bytes as binary files do.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"cannot profile '{path}': it is a directory, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"cannot profile '{path}': it is not a regular file")
        with open(path, "rb") as file:
            head = file.read(SAMPLE_BYTES)
    except FileNotFoundError:
        where = "" if os.path.isabs(path) else f" (looked in {os.getcwd()})"
        raise FileNotFoundError(f"cannot profile '{path}': there is no such file{where}") from None
    except PermissionError:
        raise PermissionError(f"cannot profile '{path}': no permission to read it") from None
    if not _bom_encoding(head) and b"\0" in head:
        raise _binary(path, head.index(b"\0"))
    return status.st_size


def sniff_delimiter(sample: str, complete: bool) -> str:
    """The one of comma, tab, semicolon and pipe that cuts the sample into the most even rows of two
    cells or more.
    """
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        rows: list[list[str]] = []
        try:
            for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
                if row:
                    rows.append(row)
                if len(rows) == SAMPLE_ROWS:
                    break
        except csv.Error:
            continue
        if not complete and 1 < len(rows) < SAMPLE_ROWS:
            rows.pop()  # The sample ends in the middle of it.
        if not rows:
            continue
        width, count = Counter(map(len, rows)).most_common(1)[0]
        if width < 2:
            continue
        # A header that fits counts for much: text full of commas does not make a comma the
        # delimiter.
        fit = count / len(rows) + (1.0 if len(rows[0]) == width else 0.0)
        if (fit, width) > best_score:
            best, best_score = delimiter, (fit, width)
    return best


class CsvSource:
    """One pass over a file. `rows()` yields lists of exactly as many cells as the header has."""

    def __init__(
        self, path: str, encoding: str | None = None, delimiter: str | None = None
    ) -> None:
        """Read the header.

        Args:
            path: A file that `check_file` has seen.
            encoding: Taken from the file's byte order mark, or UTF-8, when None.
            delimiter: Sniffed when None.

        Raises:
            UnicodeDecodeError: The file is not in this encoding; may come from `rows()` too.
            ValueError: A broken file or delimiter.
        """
        self._path = path
        with open(path, "rb") as file:
            head = file.read(SAMPLE_BYTES)
        self.encoding: str = encoding or _bom_encoding(head) or "utf-8"
        sample = codecs.getincrementaldecoder(self.encoding)().decode(head)
        if delimiter is None:
            self.delimiter = sniff_delimiter(sample, len(head) < SAMPLE_BYTES)
        elif len(delimiter) == 1 and delimiter not in '"\r\n':
            self.delimiter = delimiter
        else:
            raise ValueError(
                "delimiter has to be one character other than a quote or line end, "
                f"got {delimiter!r}"
            )
        self.warnings: list[str] = []
        self.ragged = 0
        self.ragged_lines: list[int] = []
        self.blank_lines = 0
        csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD_CHARS))
        self._counter = _Counted(path, allow_nul=self.encoding == "utf-16")
        buffered = io.BufferedReader(self._counter, BUFFER_BYTES)
        self._text = io.TextIOWrapper(buffered, encoding=self.encoding, newline="")
        self._reader = csv.reader(self._text, delimiter=self.delimiter)
        try:
            self.names: list[str] = self._read_header()
        except BaseException:
            self.close()
            raise

    @property
    def bytes_read(self) -> int:
        """How far in the file this is."""
        return self._counter.count

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    def rows(self) -> Iterator[list[str]]:
        """The rows after the header: short ones filled with empty cells, long ones cut, both
        counted as ragged.
        """
        width = len(self.names)
        reader = self._reader
        try:
            for row in reader:
                if len(row) != width:
                    if not row:
                        self.blank_lines += 1
                        continue
                    self.ragged += 1
                    if len(self.ragged_lines) < MAX_LISTED:
                        self.ragged_lines.append(reader.line_num)
                    row = row[:width] + [""] * (width - len(row))
                yield row
        except csv.Error as error:
            raise self._broken(error) from None

    def _read_header(self) -> list[str]:
        try:
            row: list[str] = next((row for row in self._reader if row), [])
        except csv.Error as error:
            raise self._broken(error) from None
        names: list[str] = []
        used: set[str] = set()
        for number, cell in enumerate(row, 1):
            wanted = cell.strip()
            if not wanted:
                wanted = f"column_{number}"
                self.warnings.append(f"column {number} has no name; it is called {wanted}")
            name, copy = wanted, 1
            while name in used:
                copy += 1
                name = f"{wanted}_{copy}"
            if name != wanted:
                self.warnings.append(
                    f"column {number} repeats the name {wanted}; it is called {name}"
                )
            used.add(name)
            names.append(name)
        if len(row) > 1 and all(_is_number(cell) for cell in row):
            self.warnings.append("the first row was taken as the header, but it holds only numbers")
        return names

    def _broken(self, error: csv.Error) -> ValueError:
        hint = ""
        if "field larger" in str(error):
            hint = "; a closing quote may be missing"
        return ValueError(
            f"cannot profile '{self._path}': line {self._reader.line_num}: {error}{hint}"
        )


class _Counted(io.RawIOBase):
    """A file that counts what was read from it, and refuses NUL bytes."""

    def __init__(self, path: str, *, allow_nul: bool) -> None:
        self._path = path
        self._allow_nul = allow_nul
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        view = memoryview(buffer).cast("B")
        count = self._file.readinto(view)
        if count:
            if not self._allow_nul:
                at = bytes(view[:count]).find(b"\0")
                if at >= 0:
                    raise _binary(self._path, self.count + at)
            self.count += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _binary(path: str, offset: int) -> ValueError:
    return ValueError(
        f"cannot profile '{path}': it is a binary file (a NUL byte at offset {offset})"
    )


def _bom_encoding(head: bytes) -> str | None:
    return next((encoding for bom, encoding in _BOMS if head.startswith(bom)), None)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
