"""Read any CSV or TSV file: its encoding, its delimiter, its header, and its rows in blocks."""

from __future__ import annotations

import csv
import os
import stat
from collections import Counter
from collections.abc import Iterator
from typing import Final

from snakeden.demo.csv_dialect import is_number, read_preamble
from snakeden.demo.csv_encoding import Encoding, first_guess
from snakeden.demo.csv_lines import BLOCK_BYTES, Lines
from snakeden.demo.csv_records import NO_DELIMITER, Places, Records, count_lines

__all__ = ["CsvSource", "check_file"]

HEAD_BYTES: Final = 65_536
MIN_SWALLOWED: Final = 2


def check_file(path: str) -> tuple[int, Encoding]:
    """Return the size of the file in bytes, and its encoding as its first bytes show it.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: With the path, in words.
        ValueError: It is not a regular file, or it is compressed or binary.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"cannot profile '{path}': it is a directory, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"cannot profile '{path}': it is not a regular file")
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        where = "" if os.path.isabs(path) else f" (looked in {os.getcwd()})"
        raise FileNotFoundError(f"cannot profile '{path}': there is no such file{where}") from None
    except PermissionError:
        raise PermissionError(f"cannot profile '{path}': no permission to read it") from None
    return status.st_size, first_guess(path, head)


class CsvSource:
    """One pass over a file. `batches()` yields rows of exactly as many cells as the header has."""

    def __init__(
        self,
        path: str,
        encoding: Encoding,
        *,
        delimiter: str | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """Read the header.

        Args:
            path: A file that `check_file` has seen.
            encoding: The one that `check_file` returns, or another one.
            delimiter: Sniffed when None.
            block_bytes: The number of bytes to read at once.

        Raises:
            UnicodeDecodeError: The file is not in this encoding; may come from `batches()` too.
            ValueError: A broken file or delimiter.
        """
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise ValueError(
                "delimiter has to be one character other than a quote or line end, "
                f"got {delimiter!r}"
            )
        self._path = path
        self.encoding = encoding.name
        self.warnings: list[str] = [*encoding.warnings]
        self.ragged = Places()
        self.blank_lines = 0
        self._rows = 0
        self._cut = False
        self._widths: Counter[int] = Counter()
        self._swallowed = Places()
        self._lines = Lines(path, encoding, block_bytes=block_bytes)
        try:
            preamble = read_preamble(self._lines.read, delimiter)
            self.warnings += preamble.warnings
            self._delimiter = preamble.delimiter
            self._line_end = preamble.line_end
            self._records = Records(
                preamble.lines,
                self._lines.read,
                delimiter=preamble.delimiter,
                line=preamble.line,
                skip_space=preamble.skip_space,
            )
            self.names = self._take_header()
        except BaseException:
            self.close()
            raise

    @property
    def delimiter(self) -> str | None:
        """The delimiter; None when there is one column and nothing to separate."""
        return None if self._delimiter == NO_DELIMITER else self._delimiter

    @property
    def unclosed(self) -> Places:
        """Quotes that open a cell and do not close it."""
        return self._records.unclosed

    @property
    def bytes_read(self) -> int:
        """The number of bytes read so far."""
        return self._lines.bytes_read

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    def batches(self) -> Iterator[list[list[str]]]:
        """Yield the rows after the header: short ones filled with empty cells, long ones cut, both
        counted as ragged.
        """
        width = {len(self.names)}
        rows, line = self._first_rows, self._header_end
        while True:
            if self._records.line - line > len(rows):
                self._look_for_swallowed(rows, line)
            if set(map(len, rows)) != width:
                rows = self._even(rows, line)
            if rows:
                self._rows += len(rows)
                yield rows
            rows = self._read()
            if not rows:
                return
            line = self._records.first_line

    def remarks(self) -> list[str]:
        """Return the warnings about the file; call this after the last batch."""
        found: list[str] = []
        unclosed, overrun = self.unclosed, self._records.overrun
        if unclosed.count:
            found.append(
                f"{unclosed.of('unclosed quote')}: read as a plain character where its line "
                "then has as many cells as the header, and otherwise as a cell of several lines"
            )
        if overrun.count:
            found.append(
                f"{overrun.of('cell')} with text after the closing quote: "
                "that text was added to the cell"
            )
        if self._swallowed.count:
            found.append(
                f"{self._swallowed.of('quoted cell')} with text that looks like several rows: "
                "a quote may be missing or superfluous"
            )
        if self.ragged.count:
            text = f"{self.ragged.count} rows do not have {len(self.names)} cells"
            width, rows = self._widths.most_common(1)[0]
            if not self._cut and width > len(self.names):
                text += ", but nothing was left out"
            elif width > len(self.names) and 2 * rows > self._rows:
                text += (
                    f"; most rows have {width}: the header may lack a name or stand further down"
                )
            found.append(text)
        change = self._lines.change()
        return found if change is None else [*found, change]

    # ---- the header ----

    def _take_header(self) -> list[str]:
        rows, line = self._read(), self._records.first_line
        while rows and not any(rows):
            rows, line = self._read(), self._records.first_line
        header: list[str] = []
        while rows and not header:
            header = rows.pop(0)
            line += count_lines([header])
        self._first_rows, self._header_end = rows, line
        return self._named(header)

    def _named(self, header: list[str]) -> list[str]:
        """Return a unique name for each column."""
        names: list[str] = []
        used: set[str] = set()
        copies: Counter[str] = Counter()
        for number, cell in enumerate(header, 1):
            # A file whose mark was written twice has a second one here.
            wanted = cell.strip().lstrip("\ufeff")
            if not wanted:
                wanted = f"column_{number}"
                self.warnings.append(f"column {number} has no name; it is called {wanted}")
            name = wanted
            while name in used:
                copies[wanted] += 1
                name = f"{wanted}_{copies[wanted] + 1}"
            if name != wanted:
                self.warnings.append(
                    f"column {number} repeats the name {wanted}; it is called {name}"
                )
            used.add(name)
            names.append(name)
        if len(header) > 1 and all(map(is_number, header)):
            self.warnings.append("the first row was taken as the header, but it holds only numbers")
        return names

    # ---- rows ----

    def _read(self) -> list[list[str]]:
        try:
            return self._records.read()
        except csv.Error as error:
            hint = "; a closing quote may be missing" if "field larger" in str(error) else ""
            raise ValueError(
                f"cannot profile '{self._path}': line {self._records.line}: {error}{hint}"
            ) from None

    def _even(self, rows: list[list[str]], line: int) -> list[list[str]]:
        """Make all rows as long as the header, and drop empty lines."""
        width = len(self.names)
        ragged = [index for index, row in enumerate(rows) if row and len(row) != width]
        self.ragged.add_rows(rows, ragged, line=line)
        self._widths.update(map(len, rows))
        filling = [""] * width
        even = rows.copy()
        for index in ragged:
            row = rows[index]
            even[index] = (row + filling)[:width]
            self._cut = self._cut or any(row[width:])
        full = list(filter(None, even))
        self.blank_lines += len(even) - len(full)
        return full

    def _look_for_swallowed(self, rows: list[list[str]], line: int) -> None:
        """Find cells that have probably swallowed rows: two stray quotes in different rows turn the
        text between them into one cell, whose lines have as many delimiters as rows.
        """
        end, delimiter = self._line_end, self._delimiter
        swallowed = [
            index
            for index, row in enumerate(rows)
            for cell in row
            if end in cell
            # Ditto marks make cells that begin with a line end.
            and (cell.count(delimiter) >= MIN_SWALLOWED or cell.lstrip(" \r").startswith(end))
            and self._looks_like_rows(cell.split(end))
        ]
        self._swallowed.add_rows(rows, swallowed, line=line)

    def _looks_like_rows(self, lines: list[str]) -> bool:
        first, *whole, last = (line.count(self._delimiter) for line in lines)
        each = len(self.names) - 1
        return first + last == each and all(count == each for count in whole)
