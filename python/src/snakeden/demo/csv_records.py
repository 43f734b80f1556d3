"""Split lines of text into rows of cells, by the rules of Python's csv module. Quotes that are not
closed properly cost no rows.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain, islice
from typing import Any, Final

from snakeden.demo.csv_lines import count_line_ends

__all__ = ["NO_DELIMITER", "Places", "Records", "count_lines"]

NO_DELIMITER: Final = "\uffff"
"""A delimiter that stands for none: no text contains this character."""

MAX_FIELD_CHARS: Final = 1 << 24
MAX_LISTED: Final = 10


class Places:
    """The number of occurrences of something, and the lines of the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self.lines: list[int] = []

    def add(self, line: int) -> None:
        """Record one occurrence."""
        self.count += 1
        if len(self.lines) < MAX_LISTED:
            self.lines.append(line)

    def add_rows(self, rows: list[list[str]], indexes: list[int], *, line: int) -> None:
        """Record occurrences in some of the rows that begin in a line."""
        room = MAX_LISTED - len(self.lines)
        self.lines += [line + count_lines(rows[:index]) for index in indexes[:room]]
        self.count += len(indexes)

    def remove_last(self) -> None:
        """Remove the last occurrence."""
        self.count -= 1
        del self.lines[self.count :]

    def profile(self) -> dict[str, Any]:
        """Return the form that a result contains."""
        return {"count": self.count, "first_lines": self.lines}

    def of(self, noun: str) -> str:
        """Return the number and the lines as text."""
        plural = "" if self.count == 1 else "s"
        more = ", ..." if self.count > len(self.lines) else ""
        lines = ", ".join(map(str, self.lines))
        return f"{self.count} {noun}{plural} (line{plural} {lines}{more})"


class Records:
    """One pass over the rows of a file, block by block.

    The strict mode of the csv module finds every cell that continues after its closing quote, or
    that is open at the end of the file. Within one line, such a cell is read as the csv module
    does. Over several lines, such a cell has most likely swallowed other rows: its quote was an
    inch mark or a slip. When its first line, read without quotes, has as many cells as the header,
    the line is read in that way, and the next lines are rows of their own.

    The other lines of that record are then read again. The quote that closed the cell may now open
    one, which must not swallow the rows after the record: a row goes beyond the record only when
    its quotes close, it has as many cells as the header, and the csv module finds no more rows in
    the same lines. Otherwise it ends where the record ends. So quotes never leave fewer rows than
    in the csv module.
    """

    def __init__(
        self,
        lines: list[str],
        more: Callable[[], list[str]],
        *,
        delimiter: str,
        line: int = 1,
        skip_space: bool = False,
    ) -> None:
        """Start with lines that were read already.

        Args:
            lines: The first lines, with their ends.
            more: Returns the next lines; none at the end.
            delimiter: One character.
            line: The number of the first line.
            skip_space: True when spaces may stand between a delimiter and a quote.
        """
        csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD_CHARS))
        self._lines = lines
        self._more = more
        self._reader = partial(csv.reader, delimiter=delimiter, skipinitialspace=skip_space)
        self._line = line
        self._width = 0
        # The number of lines of a broken record that are still to be read again, and the number of
        # rows found since its start that the csv module does not find.
        self._again: int | None = None
        self._gained = 0
        self.first_line = line
        """The line in which the rows of the last block begin."""
        self.unclosed = Places()
        """Quotes that were opened and not closed, or not where their cell ends."""
        self.overrun = Places()
        """Cells within one line that continue after their closing quote."""

    def read(self) -> list[list[str]]:
        """Return the rows of the next block, with empty lines as empty rows; none at the end.

        Raises:
            csv.Error: A cell is too long; `line` is its line.
        """
        while True:
            # A record that continues is read again from its start. Doubling the block keeps that
            # linear.
            wanted = 2 * len(self._lines)
            fresh = True
            while fresh and len(self._lines) <= wanted:
                block = self._more()
                fresh = bool(block)
                self._lines += block
            self.first_line = self._line
            rows = self.whole_rows(last=not fresh)
            if rows or not self._lines:
                return rows

    @property
    def line(self) -> int:
        """The line in which the next record begins."""
        return self._line

    def whole_rows(self, *, last: bool) -> list[list[str]]:
        """Return the rows of the lines read so far, without a record that may continue."""
        rows: list[list[str]] = []
        while self._lines:
            known = len(rows)
            try:
                rows.extend(self._reader(islice(self._lines, self._again), strict=True))
                self._advance(self._again or len(self._lines), rows[known:])
            except csv.Error:
                self._advance(count_lines(rows[known:]), rows[known:])
                self._width = self._width or next((len(row) for row in rows if row), 0)
                row = self._mend(last) if self._again is None else self._mend_again(last)
                if row is None:
                    break
                rows.append(row)
        self._width = self._width or next((len(row) for row in rows if row), 0)
        return rows

    def _mend(self, last: bool) -> list[str] | None:
        """Take the broken record at the front; None when later lines may complete it."""
        lines = self._lines
        count, tail = len(lines), [""]
        if self._again is not None:
            # A cell that is open there ends with the line, before the line end.
            count = self._again
            tail = [lines[count - 1].rstrip("\r\n"), ""]
        # The empty string is no line: only a record that is open at the end consumes it.
        reader = self._reader(chain(islice(lines, count + 1 - len(tail)), tail))
        row: list[str] | None = None
        try:
            row = next(reader)
        except csv.Error:
            if reader.line_num == 1:
                raise
        else:
            if reader.line_num > count and not last:
                return None
        taken = min(reader.line_num, count)
        if reader.line_num == 1:
            self.overrun.add(self._line)
        else:
            plain = next(self._reader(lines[:1], quoting=csv.QUOTE_NONE))
            self.unclosed.add(self._line)
            if row is None or len(plain) == (self._width or len(plain)):
                if self._again is None and row is not None and reader.line_num <= count:
                    self._again, self._gained = taken, -1
                row, taken = plain, 1
        self._advance(taken, [row])
        return row

    def _mend_again(self, last: bool) -> list[str] | None:
        """Take a record from the lines that are read again, when it is broken or goes beyond them;
        None when later lines may complete it.
        """
        lines, again = self._lines, self._again or 0
        reader = self._reader(chain(lines, [""]), strict=True)
        try:
            row = next(reader)
        except csv.Error:
            return None if reader.line_num > len(lines) and not last else self._mend(last=True)
        taken = reader.line_num
        if len(row) != self._width:
            return self._mend(last=True)
        # Read on as the csv module does, until this record and one of the module's have ended.
        gained = self._gained + 1
        reader = self._reader(chain(islice(lines, again, None), [""]))
        try:
            while again + reader.line_num < taken:
                gained -= bool(next(reader))
        except csv.Error:
            return self._mend(last=True)
        end = again + reader.line_num
        if end > len(lines) and not last:
            return None
        if gained < 0:
            return self._mend(last=True)
        self._again = end if end <= len(lines) else None
        self._advance(taken)
        self._gained = gained
        return row

    def _advance(self, lines: int, rows: Iterable[list[str] | None] = ()) -> None:
        """Remove lines from the front, and count the rows that they have given."""
        del self._lines[:lines]
        self._line += lines
        if self._again is not None:
            self._again = self._again - lines or None
            self._gained += sum(map(bool, rows))


def count_lines(rows: list[list[str]]) -> int:
    """Count the lines of the file that some rows take."""
    # NUL separates a CR at the end of one cell from an LF at the start of the next.
    return len(rows) + count_line_ends("\0".join(map("\0".join, rows)))
