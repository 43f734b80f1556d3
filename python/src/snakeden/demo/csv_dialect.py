"""Read the first lines of a CSV file: Excel's sep= line, comments, and the delimiter."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from snakeden.demo.csv_records import NO_DELIMITER, Places, Records

__all__ = ["Preamble", "is_number", "named_delimiter", "read_preamble", "sniff"]

DELIMITERS: Final = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe"}
SAMPLE_CHARS: Final = 65_536
SAMPLE_ROWS: Final = 500
MAX_SEP_LINE: Final = 1_000

# A program that pads rows adds more delimiters to the line; a written "\t" means a tab.
_SEP_LINE = re.compile(r'"?sep=(\\t|[^"\r\n])"?\1*\s*', re.IGNORECASE)


class _Shape(NamedTuple):
    """The result of splitting the first rows by a delimiter."""

    header: int
    """The number of cells of the first row."""
    width: int
    """The number of cells of most rows."""
    fit: float
    """The share of rows with this number of cells."""


class Preamble(NamedTuple):
    """The lines before the rows, and what follows from them."""

    lines: list[str]
    """The first lines from the header on."""
    line: int
    """The number of the header's line."""
    line_end: str
    """The last character of a line."""
    delimiter: str
    skip_space: bool
    """True when spaces may stand between a delimiter and a quote."""
    warnings: list[str]


def read_preamble(more: Callable[[], list[str]], delimiter: str | None) -> Preamble:
    """Skip the lines before the header, and choose the delimiter.

    Args:
        more: Returns the next lines; none at the end.
        delimiter: The one that the caller requested.
    """
    warnings: list[str] = []
    lines = more()
    line_end = "\r" if lines and lines[0].endswith("\r") else "\n"
    number = 1
    named = named_delimiter(lines[0]) if lines else None
    if named is not None:
        del lines[0]
        number = 2
        if delimiter is not None and delimiter != named:
            warnings.append(
                f"the first line names {named!r} as the delimiter, "
                f"but {delimiter!r} was requested and used"
            )
    cut_by = delimiter or named
    nothing = " \r\n" + (cut_by or "".join(DELIMITERS))
    comments, empty = Places(), Places()
    comment, comment_number = "", 0
    while lines or (lines := more()):
        length = next(
            (i for i, line in enumerate(lines) if line[0] != "#" and line.strip(nothing)),
            len(lines),
        )
        for index, line in enumerate(lines[:length]):
            if line[0] == "#":
                comments.add(number + index)
                comment, comment_number = line, number + index
            elif line.strip():
                empty.add(number + index)
        del lines[:length]
        number += length
        if lines:
            break
    complete = _fill(lines, more)
    doubts: list[str] = []
    if cut_by is None:
        cut_by, doubts = sniff(lines or [comment], complete=complete)
    if comment and (not lines or _is_header(comment, lines, delimiter=cut_by, complete=complete)):
        lines[:0] = [comment, *["\n"] * (number - comment_number - 1)]
        number = comment_number
        comments.remove_last()
    if comments.count:
        warnings.append(f"skipped {comments.of('comment line')} before the header")
    if empty.count:
        warnings.append(f"skipped {empty.of('empty row')} before the header")
    skip_space = _has_space_before_quotes(lines[:SAMPLE_ROWS], cut_by, complete=complete)
    if skip_space:
        warnings.append("skipped spaces between delimiters and quotes")
    return Preamble(lines, number, line_end, cut_by, skip_space, warnings + doubts)


def _fill(lines: list[str], more: Callable[[], list[str]]) -> bool:
    """Add lines until there are enough for a sample; return True if the file has no more."""
    size = sum(map(len, lines))
    while size < SAMPLE_CHARS:
        fresh = more()
        if not fresh:
            return True
        size += sum(map(len, fresh))
        lines += fresh
    return False


def named_delimiter(line: str) -> str | None:
    """Return the delimiter that Excel's first line `sep=;` names; None for any other line."""
    # A file written twice at its start has a second byte order mark.
    match = _SEP_LINE.fullmatch(line.lstrip("\ufeff")) if len(line) < MAX_SEP_LINE else None
    if match is None:
        return None
    return "\t" if match[1] == "\\t" else match[1]


def _shape_of(lines: list[str], delimiter: str, *, complete: bool) -> _Shape:
    """Split some lines by a delimiter, and describe the result.

    Args:
        lines: The first lines from the header on.
        delimiter: One character.
        complete: True when these are all lines of the file.
    """
    rows: list[list[str]] = []
    for last in (complete, True):  # A quote in the first line may stay open to the end.
        rows = Records(lines[:], list, delimiter=delimiter).whole_rows(last=last)
        rows = [row for row in rows if row]
        if rows:
            break
    if not rows:
        return _Shape(0, 0, 0.0)
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return _Shape(len(rows[0]), width, count / len(rows))


def sniff(lines: list[str], *, complete: bool) -> tuple[str, list[str]]:
    """Choose the one of comma, tab, semicolon and pipe that splits the lines most evenly, and say
    why if that needs a warning; NO_DELIMITER when the header has none of them.

    The header decides whether there is more than one column: sentences have commas too.
    """
    lines = lines[:SAMPLE_ROWS]
    best, best_score = NO_DELIMITER, (-1.0, 0)
    doubts: list[str] = []
    for delimiter, name in DELIMITERS.items():
        try:
            header, width, fit = _shape_of(lines, delimiter, complete=complete)
        except csv.Error:
            continue
        if header < 2:
            if width > 1 and fit > 0.5:
                doubts.append(
                    f"the header has no {name}, so this is one column; "
                    f"most rows would have {width} cells with that delimiter"
                )
            continue
        # A header that fits has a high weight, so that text full of commas does not make a comma
        # the delimiter.
        score = (0.0, header) if width < 2 else (fit + (1.0 if header == width else 0.0), width)
        if score > best_score:
            best, best_score = delimiter, score
    return best, doubts if best == NO_DELIMITER else []


def _is_header(comment: str, lines: list[str], *, delimiter: str, complete: bool) -> bool:
    """Return whether a line that starts with # is the header: it has as many cells as the rows
    below it, and either the rows hold numbers or a name follows # directly, as in #CHROM.
    """
    try:
        names = next(csv.reader([comment], delimiter=delimiter), [])
        width = _shape_of(lines[:SAMPLE_ROWS], delimiter, complete=complete).width
        first = next((row for row in csv.reader(lines, delimiter=delimiter) if row), [])
    except csv.Error:
        return False
    if len(names) != width or width < 2:
        return False
    return not comment[1:2].isspace() or any(map(is_number, first))


def _has_space_before_quotes(lines: list[str], delimiter: str, *, complete: bool) -> bool:
    """Return whether cells look like `, "a"`: without the space, the quotes enclose whole cells."""
    if delimiter == " " or not re.search(f'{re.escape(delimiter)} +"', "".join(lines)):
        return False
    readings: list[list[list[str]]] = []
    faults: list[int] = []
    for skip_space in (False, True):
        records = Records(lines[:], list, delimiter=delimiter, skip_space=skip_space)
        try:
            rows = records.whole_rows(last=complete)
        except csv.Error:
            return False
        readings.append([[cell.lstrip(" ") for cell in row] for row in rows])
        faults.append(records.unclosed.count + records.overrun.count)
    return faults[1] <= faults[0] and readings[0] != readings[1]


def is_number(cell: str) -> bool:
    """Return whether Python reads the text as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
