"""What the first lines of a CSV file tell: the delimiter."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from snakeden.csv_records import Records

__all__ = ["Preamble", "is_number", "read_preamble", "sniff"]

DELIMITERS: Final = (",", "\t", ";", "|")
SAMPLE_CHARS: Final = 65_536
SAMPLE_ROWS: Final = 500


class _Shape(NamedTuple):
    """How a delimiter cuts the first rows."""

    header: int
    """Cells of the first row."""
    width: int
    """Cells of most rows."""
    fit: float
    """Share of the rows that have this many."""


class Preamble(NamedTuple):
    """What stands before the rows, and what it tells of them."""

    lines: list[str]
    """The first lines from the header on."""
    line: int
    """The number of the header's line."""
    line_end: str
    """The last character of a line."""
    delimiter: str


def read_preamble(more: Callable[[], list[str]], delimiter: str | None) -> Preamble:
    """Settle the delimiter.

    Args:
        more: Gives the next lines; none at the end.
        delimiter: The one that was asked for.
    """
    lines = more()
    line_end = "\r" if lines and lines[0].endswith("\r") else "\n"
    complete = _fill(lines, more)
    return Preamble(lines, 1, line_end, delimiter or sniff(lines, complete=complete))


def _fill(lines: list[str], more: Callable[[], list[str]]) -> bool:
    """Add lines until there are enough for a sample; True when these are all."""
    size = sum(map(len, lines))
    while size < SAMPLE_CHARS:
        fresh = more()
        if not fresh:
            return True
        size += sum(map(len, fresh))
        lines += fresh
    return False


def _shape_of(lines: list[str], delimiter: str, *, complete: bool) -> _Shape:
    """How a delimiter cuts some lines.

    Args:
        lines: The first lines from the header on.
        delimiter: One character.
        complete: These are all lines of the file.
    """
    rows: list[list[str]] = []
    for last in (complete, True):  # A quote in the very first line may be open till the end.
        rows = Records(lines[:], list, delimiter).whole_rows(last=last)
        rows = [row for row in rows if row]
        if rows:
            break
    if not rows:
        return _Shape(0, 0, 0.0)
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return _Shape(len(rows[0]), width, count / len(rows))


def sniff(lines: list[str], *, complete: bool) -> str:
    """The one of comma, tab, semicolon and pipe that cuts the lines into the most even rows of two
    cells or more.
    """
    lines = lines[:SAMPLE_ROWS]
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            header, width, fit = _shape_of(lines, delimiter, complete=complete)
        except csv.Error:
            continue
        if width < 2:
            continue
        # A header that fits counts for much: text full of commas does not make a comma the
        # delimiter.
        score = (fit + (1.0 if header == width else 0.0), width)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def is_number(cell: str) -> bool:
    """Python reads it as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
