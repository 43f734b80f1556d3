"""Classify a single cell: a number, a date, a truth value, or a marker of a missing value."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone
from typing import Final, Literal

__all__ = [
    "BOOLEANS",
    "INFINITIES",
    "NULL_WORDS",
    "Sort",
    "has_no_numbers",
    "is_null",
    "moment",
    "sort_of",
]

Sort = Literal["number", "date", "boolean", "code", "notation", "other"]

NULL_WORDS: Final = frozenset(
    {
        *("NA", "N/A", "n/a", "NaN", "nan", "NAN", "-nan", "-NaN", "NaT", "<NA>", "None"),
        *("null", "NULL", "Null", "(null)", "(NULL)", "[NULL]", "<null>", "<NULL>", "\\N"),
        *(
            "#N/A",
            "#NA",
            "#N/A N/A",
            "#NULL!",
            "1.#IND",
            "-1.#IND",
            "1.#QNAN",
            "-1.#QNAN",
            "-nan(ind)",
        ),
    }
)
"""Words that databases, spreadsheets and runtimes write for a missing value."""

_NULL_SIGNS: Final = frozenset({"-", "--", "?", ".", ".."})
_NULLS: Final = NULL_WORDS | _NULL_SIGNS
BOOLEANS: Final = frozenset({"true", "false", "yes", "no"})
INFINITIES: Final = frozenset({"inf", "infinity"})
# Text that int() and float() accept but a CSV file does not mean as a number: 1_000, digits of
# other scripts, and codes such as 00123.
_NO_NUMBER = re.compile(r"_|[^\x00-\x7f]|^[^\S\n]*[+-]?0[0-9]", re.MULTILINE)
# The patterns below take quadratic time in the length of the text.
MAX_SORTED_CHARS: Final = 100
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_CODE = re.compile(r"[+-]?0[0-9]+")
# A decimal comma, digit groups, a currency or per cent.
_NOTATION = re.compile(
    r"[+\-\u2212]?\s?[$€£¥]?\s?[+\-\u2212]?"
    r"(?:[0-9]{1,3}(?:([.,' \u00a0\u202f\u2019])[0-9]{3})(?:\1[0-9]{3})*(?:[.,][0-9]+)?"
    r"|[0-9]*[.,]?[0-9]+)"
    r"\s?[%$€£¥]?"
)
_DATETIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:[.,](\d{1,9}))?(Z|z|[+-]\d\d:?\d\d)?)?"
)


def is_null(cell: str) -> bool:
    """Return whether the cell means a missing value, provided that its column is not text."""
    return cell.strip() in _NULLS


def has_no_numbers(cells: list[str]) -> bool:
    """Return whether some cell is not a number although int() or float() may accept it."""
    return _NO_NUMBER.search("\n".join(cells)) is not None


def sort_of(cell: str) -> Sort:
    """Classify a cell by itself. A code has leading zeros; a notation is a number in the format of
    some country or with a unit.
    """
    text = cell.strip()
    if len(text) > MAX_SORTED_CHARS:
        return "other"
    if _CODE.fullmatch(text):
        return "code"
    if _NUMBER.fullmatch(text):
        return "number" if math.isfinite(float(text)) else "other"
    if _NOTATION.fullmatch(text):
        return "notation"
    if moment(text) is not None:
        return "date"
    return "boolean" if text.lower() in BOOLEANS else "other"


def moment(text: str) -> datetime | None:
    """Parse an ISO 8601 date or date and time; convert it to UTC when it has an offset."""
    match = _DATETIME.fullmatch(text)
    if match is None:
        return None
    day, minute, second, fraction, offset = match.groups()
    normal = f"{day}T{minute or '00:00'}{second or ':00'}.{(fraction or '0')[:6]:0<6}"
    if offset:
        normal += "+00:00" if offset in "Zz" else f"{offset[:3]}:{offset[-2:]}"
    try:
        read = datetime.fromisoformat(normal)
        return read.astimezone(timezone.utc).replace(tzinfo=None) if offset else read
    except (ValueError, OverflowError):
        return None
