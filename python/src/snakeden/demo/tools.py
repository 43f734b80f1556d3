"""The tools that a host without a configuration serves."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta

from snakeden import tool
from snakeden.call import current_call

__all__ = ["add", "counter", "echo", "ping", "profile_csv", "sleep", "text_stats"]


@tool
def profile_csv(path: str, delimiter: str | None = None) -> dict[str, Any]:
    """Profile each column of a CSV or TSV file on the worker's machine, with progress while it
    reads.

    The result has `path`, `bytes`, `rows`, `columns`, `delimiter` (None for one column),
    `encoding`, `ragged_rows` and `unclosed_quotes: {count, first_lines}`, `blank_lines` and
    `warnings`. A column has `name`, `type` (integer, float, boolean, date, datetime, text or
    empty), `count` (cells that hold something), `missing`, `null_markers`, `distinct` (exact, or an
    estimate within about 2 % when `distinct_exact` is false), `min`, `max`, `mean`, `stdev` (of a
    sample), `median`, `quantiles` (linear between neighbours; of a random sample when
    `quantiles_exact` is false), `infinite`, lengths of text in characters, and `top` values. Dates
    are those of ISO 8601.

    NA, null and their like count as missing unless the column is text. Numbers with leading zeros
    are codes, and so text. A short row counts as one with empty cells at its end; what a row has
    beyond the header is left out. A quote that does not close costs no rows. docs/profile_csv.md
    describes how files that break rules are read.

    Args:
        path: Absolute, or relative to the worker's working directory.
        delimiter: One character; by default that of Excel's line `sep=;`, or detected
            (comma, tab, semicolon or pipe).

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: As they say.
        ValueError: A compressed or binary file, a cell or line without end, or a delimiter of more
            than one character.
    """
    # Imported here: its ten modules would lengthen the start of every worker.
    from snakeden.demo.csv_profile import profile_file

    call = current_call()
    return profile_file(
        path, delimiter, report=lambda fraction, rows: call.progress(fraction, rows=rows)
    )


@tool
def ping() -> str:
    """Return "pong"."""
    return "pong"


@tool
def echo(value: Any) -> Any:
    """Return the value that was sent."""
    return value


@tool
def add(a: float | int, b: float | int) -> float | int:
    """Add two numbers; two integers give an integer."""
    return a + b


@tool
def sleep(seconds: Annotated[float, Meta(ge=0, le=86_400)]) -> float:
    """Wait for `seconds`, then return how long it took; a cancelled call stops at once."""
    started = time.monotonic()
    time.sleep(seconds)
    return time.monotonic() - started


@tool
def counter(
    n: Annotated[int, Meta(ge=0)], delay: Annotated[float, Meta(ge=0)] = 0.0
) -> Iterator[int]:
    """Stream 0 to n-1, with `delay` seconds before each."""
    for value in range(n):
        if delay:
            time.sleep(delay)
        yield value


@tool
def text_stats(text: str) -> dict[str, Any]:
    """Count the characters, words, sentences and lines of a text, and its most frequent words."""
    words = [word.lower() for word in re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text)]
    counts = Counter(words)
    return {
        "characters": len(text),
        "characters_without_spaces": sum(not char.isspace() for char in text),
        "words": len(words),
        "unique_words": len(counts),
        "sentences": len(re.findall(r"[^.!?]*[^\s.!?][^.!?]*(?:[.!?]+|$)", text)),
        "lines": len(text.splitlines()),
        "average_word_length": sum(map(len, words)) / len(words) if words else 0.0,
        "top_words": [{"word": word, "count": count} for word, count in counts.most_common(10)],
    }
