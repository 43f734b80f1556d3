"""Profile one column, in batches so that most of the work happens in C.

A column's kind starts as `empty` and only widens: integer -> float -> text, date -> datetime ->
text, boolean -> text. Numbers are kept only while the column has no text.
"""

from __future__ import annotations

import heapq
import math
import random
from array import array
from collections import Counter
from datetime import date, datetime, time
from itertools import islice
from operator import mul
from typing import Any, Final, Literal, NamedTuple

from snakeden.demo.csv_values import (
    BOOLEANS,
    INFINITIES,
    NULL_WORDS,
    Sort,
    has_no_numbers,
    is_null,
    moment,
    sort_of,
)

__all__ = ["Column", "Limits", "limits_for"]

Kind = Literal["empty", "integer", "float", "boolean", "date", "datetime", "text"]

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
TOP: Final = 10
MAX_SHOWN: Final = 200
MAX_MISFITS: Final = 3
SKETCH: Final = 4_096
TRACKED: Final = 1_000

_WIDER: dict[Kind, tuple[Kind, ...]] = {
    "empty": ("integer", "float", "boolean", "date", "datetime"),
    "integer": ("integer", "float"),
    "float": ("float",),
    "boolean": ("boolean",),
    "date": ("date", "datetime"),
    "datetime": ("datetime",),
    "text": (),
}
_SORTS: dict[Kind, Sort] = {
    "integer": "number",
    "float": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "date",
}
_NAMES: dict[Sort, str] = {
    "number": "numbers",
    "date": "dates",
    "boolean": "true and false",
    "notation": "numbers with a decimal comma, digit groups or a unit",
}
SORTED: Final = 1_000
"""The number of values that are examined to say what a text column mostly holds."""


class Limits(NamedTuple):
    """The amounts that a column may keep in memory; beyond them its figures are estimates."""

    counted: int
    """Distinct values that are counted one by one."""
    hashed: int
    """Distinct values that are distinguished by a 64-bit hash."""
    numbers: int
    """Numbers kept for quantiles."""


def limits_for(columns: int) -> Limits:
    """Share about 250 MB out among the columns."""
    share = max(1, columns)
    return Limits(
        counted=min(50_000, max(1_000, 400_000 // share)),
        hashed=min(1_000_000, max(2_000, 2_000_000 // share)),
        numbers=min(1_000_000, max(10_000, 10_000_000 // share)),
    )


class Column:
    """One column being profiled. Feed it with `add`, then ask for `profile`."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.kind: Kind = "empty"
        self._limits = limits
        self._cells = 0
        self._present = 0
        self._nulls: Counter[str] = Counter()
        self._reason: str | None = None
        self._counts: Counter[str] = Counter()
        self._hashes: set[int] | None = None
        self._sketch: list[int] | None = None
        self._length_sum = 0
        self._length_min = -1
        self._length_max = 0
        self._low: Any = None
        self._high: Any = None
        self._finite = 0
        self._infinite = 0
        self._sums: list[float] = []
        self._mean = 0.0
        self._square = 0.0
        self._kept = array("d")
        self._random = random.Random(0)

    def add(self, cells: tuple[str, ...]) -> None:
        """Take the next cells of the column, empty ones included."""
        self._cells += len(cells)
        values = list(filter(str.strip, cells))
        if not values:
            return
        self._present += len(values)
        lengths = list(map(len, values))
        self._length_sum += sum(lengths)
        self._length_max = max(self._length_max, max(lengths))
        shortest = min(lengths)
        self._length_min = shortest if self._length_min < 0 else min(self._length_min, shortest)
        self._count(values)
        if self.kind != "text":
            self._widen(values)

    # ---- kinds ----

    def _widen(self, values: list[str]) -> None:
        if self._try_kinds(values):
            return
        plain = [value for value in values if not is_null(value)]
        if len(plain) < len(values) and (not plain or self._try_kinds(plain)):
            self._nulls.update(filter(is_null, values))
            return
        self._reason = self._why_text(plain)
        self.kind = "text"
        self._kept = array("d")
        self._low = self._high = None

    def _why_text(self, values: list[str]) -> str | None:
        """Return why a column is text although most of its values are of another kind."""
        sort, times = Counter(map(sort_of, values[:SORTED])).most_common(1)[0]
        if self.kind != "empty":
            sort = _SORTS[self.kind]
        elif 2 * times <= len(values[:SORTED]):
            return None
        if sort == "notation":
            return f"it holds {_NAMES[sort]}, such as {_shown(values[0])!r}"
        odd = (value for value in dict.fromkeys(values) if sort_of(value) not in (sort, "code"))
        shown = ", ".join(repr(_shown(value)) for value in islice(odd, MAX_MISFITS))
        if sort not in _NAMES or not shown:
            return None
        return f"it mostly holds {_NAMES[sort]}, but also {shown}"

    def _try_kinds(self, values: list[str]) -> bool:
        for kind in _WIDER[self.kind]:
            if self._take(kind, values):
                self.kind = kind
                return True
        return False

    def _take(self, kind: Kind, values: list[str]) -> bool:
        """Take all values as `kind`, or none if one of them is of another kind."""
        if kind == "boolean":
            return all(value.strip().lower() in BOOLEANS for value in set(values))
        if kind == "date":
            return self._take_dates(values)
        if kind == "datetime":
            return self._take_datetimes(values)
        if has_no_numbers(values):
            return False
        return self._take_integers(values) if kind == "integer" else self._take_floats(values)

    def _take_integers(self, values: list[str]) -> bool:
        try:
            integers = list(map(int, values))
            floats = list(map(float, integers))
        except (ValueError, OverflowError):
            return False
        self._bounds(min(integers), max(integers))
        self._statistics(floats)
        return True

    def _take_floats(self, values: list[str]) -> bool:
        try:
            floats = list(map(float, values))
        except ValueError:
            return False
        finite = floats
        if not math.isfinite(sum(floats)):
            finite = [number for number in floats if math.isfinite(number)]
            odd = {
                value.strip().lstrip("+-").lower()
                for value, number in zip(values, floats, strict=True)
                if not math.isfinite(number)
            }
            # "nan" is a missing value, and 1e999 a number that is too large.
            if not odd <= INFINITIES:
                return False
            self._infinite += len(floats) - len(finite)
        if finite:
            self._bounds(min(finite), max(finite))
            self._statistics(finite)
        return True

    def _take_dates(self, values: list[str]) -> bool:
        try:
            days = list(map(date.fromisoformat, values))
        except ValueError:
            return False
        # Newer Pythons also read 20240131 and 2024-W05-3.
        if list(map(date.isoformat, days)) != values:
            return False
        self._bounds(
            *_earliest_latest(
                [(datetime.combine(d, time()), d.isoformat()) for d in (min(days), max(days))]
            )
        )
        return True

    def _take_datetimes(self, values: list[str]) -> bool:
        moments: list[tuple[datetime, str]] = []
        for value in values:
            read = moment(value.strip())
            if read is None:
                return False
            moments.append((read, value.strip()))
        self._bounds(*_earliest_latest(moments))
        return True

    # ---- figures ----

    def _bounds(self, low: Any, high: Any) -> None:
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)

    def _statistics(self, numbers: list[float]) -> None:
        """Merge a batch: the sum exactly rounded (fsum), the squares by Chan's form of Welford's
        method.
        """
        count = len(numbers)
        total = math.fsum(numbers) if math.isfinite(sum(numbers)) else math.inf
        mean = total / count
        distances = [number - mean for number in numbers]
        square = sum(map(mul, distances, distances))
        all_count = self._finite + count
        shift = mean - self._mean
        self._square += square + shift * shift * (self._finite * count / all_count)
        self._mean += shift * (count / all_count)
        self._finite = all_count
        self._sums.append(total)
        self._keep(numbers)

    def _keep(self, numbers: list[float]) -> None:
        """Keep all numbers up to the limit, then an even random sample of all (reservoir)."""
        kept, limit = self._kept, self._limits.numbers
        room = limit - len(kept)
        if room >= len(numbers):
            kept.extend(numbers)
            return
        kept.extend(numbers[:room])
        seen = self._finite - len(numbers) + max(room, 0)
        pick = self._random.random
        for number in numbers[max(room, 0) :]:
            seen += 1
            place = int(pick() * seen)
            if place < limit:
                kept[place] = number

    def _count(self, values: list[str]) -> None:
        if self._hashes is None and self._sketch is None:
            self._counts.update(values)
            if len(self._counts) > self._limits.counted:
                self._hashes = set(map(hash, self._counts))
                self._counts = Counter(dict(self._counts.most_common(TRACKED)))
            return
        self._counts.update(filter(self._counts.__contains__, values))
        if self._hashes is not None:
            self._hashes.update(map(hash, values))
            if len(self._hashes) > self._limits.hashed:
                self._sketch = heapq.nsmallest(SKETCH, self._hashes)
                self._hashes = None
        elif self._sketch is not None:
            # The k smallest hashes of all values tell how densely the hashes lie.
            largest = self._sketch[-1]
            fresh = {code for code in map(hash, values) if code < largest}
            self._sketch = heapq.nsmallest(SKETCH, fresh.union(self._sketch))

    def _distinct(self) -> tuple[int, bool]:
        if self._sketch is not None:
            width = (self._sketch[-1] + 2**63) / 2**64
            return round((SKETCH - 1) / width), False
        return len(self._counts if self._hashes is None else self._hashes), True

    def notes(self) -> list[str]:
        """Return the warnings about this column."""
        if self.kind != "text":
            nulls, meaning = self._nulls, "and count as missing"
        else:
            nulls = Counter({word: self._counts[word] for word in NULL_WORDS & self._counts.keys()})
            meaning = "as text; they may stand for missing values"
        notes: list[str] = []
        if nulls:
            markers = ", ".join(sorted(nulls))
            notes.append(
                f"column {self.name}: {sum(nulls.values())} cells hold {markers} {meaning}"
            )
        if self._reason is not None:
            notes.append(f"column {self.name} is text: {self._reason}")
        return notes

    def profile(self) -> dict[str, Any]:
        """Return the profile of the column. Figures that do not fit its type are None."""
        is_text = self.kind == "text"
        nulls: Counter[str] = Counter() if is_text else self._nulls
        count = self._present - sum(nulls.values())
        kind: Kind = "empty" if count == 0 else self.kind
        distinct, exact = self._distinct()
        top_exact = self._hashes is None and self._sketch is None
        top = [
            {"value": _shown(value), "count": times}
            for value, times in self._counts.most_common(TOP + len(nulls))
            if value not in nulls and (top_exact or times > 1)
        ]
        low: Any = self._low
        high: Any = self._high
        if kind in ("date", "datetime"):
            low, high = low[1], high[1]
        return {
            "name": self.name,
            "type": kind,
            "count": count,
            "missing": self._cells - count,
            "null_markers": dict(nulls),
            "distinct": distinct - len(nulls),
            "distinct_exact": exact,
            "min": float(low) if kind == "float" and low is not None else low,
            "max": float(high) if kind == "float" and high is not None else high,
            **self._numeric(kind),
            "min_length": self._length_min if is_text else None,
            "max_length": self._length_max if is_text else None,
            "mean_length": self._length_sum / self._present if is_text else None,
            "top": top[:TOP],
            "top_exact": top_exact,
        }

    def _numeric(self, kind: Kind) -> dict[str, Any]:
        if kind not in ("integer", "float") or self._finite == 0:
            return dict.fromkeys(
                ("mean", "stdev", "median", "quantiles", "quantiles_exact", "infinite")
            )
        mean = math.fsum(self._sums) / self._finite
        ordered = sorted(self._kept)
        quantiles = {f"{share:g}": _quantile(ordered, share) for share in QUANTILES}
        spread = math.sqrt(self._square / (self._finite - 1)) if self._finite > 1 else None
        return {
            "mean": mean,
            "stdev": spread,
            "median": quantiles["0.5"],
            "quantiles": quantiles,
            "quantiles_exact": len(ordered) == self._finite,
            "infinite": self._infinite,
        }


def _quantile(ordered: list[float], share: float) -> float:
    """Return a quantile, linear between neighbours as numpy and `statistics` (`inclusive`) do."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    part = place - below
    if part == 0.5:
        return (ordered[below] + ordered[above]) / 2
    return ordered[below] * (1 - part) + ordered[above] * part


def _earliest_latest(
    moments: list[tuple[datetime, str]],
) -> tuple[tuple[datetime, str], tuple[datetime, str]]:
    return min(moments), max(moments)


def _shown(value: str) -> str:
    return value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}…"
