"""Profile a CSV or TSV file: one pass, bounded memory, progress while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from snakeden.demo.csv_column import Column, limits_for
from snakeden.demo.csv_encoding import second_guess
from snakeden.demo.csv_lines import BLOCK_BYTES
from snakeden.demo.csv_source import CsvSource, check_file

__all__ = ["profile_file"]

REPORT_SECONDS: Final = 0.1

Report = Callable[[float, int], None]
"""Receives the fraction of the bytes that were read, and the rows so far."""


def profile_file(
    path: str,
    delimiter: str | None = None,
    *,
    report: Report | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> dict[str, Any]:
    """Profile a file as `profile_csv` does, outside of a call too."""
    size, encoding = check_file(path)
    try:
        return _profile(
            CsvSource(path, encoding, delimiter=delimiter, block_bytes=block_bytes),
            path,
            size=size,
            report=report,
        )
    except UnicodeDecodeError as error:
        encoding = second_guess(path, encoding, error=error)
    return _profile(
        CsvSource(path, encoding, delimiter=delimiter, block_bytes=block_bytes),
        path,
        size=size,
        report=report,
    )


def _profile(source: CsvSource, path: str, *, size: int, report: Report | None) -> dict[str, Any]:
    try:
        limits = limits_for(len(source.names))
        columns = [Column(name, limits) for name in source.names]
        rows = _feed(source, columns, size=size, report=report)
        remarks = source.remarks()
    finally:
        source.close()
    profiles = [column.profile() for column in columns]
    return {
        "path": path,
        "bytes": source.bytes_read,
        "rows": rows,
        "columns": profiles,
        "delimiter": source.delimiter,
        "encoding": source.encoding,
        "ragged_rows": source.ragged.profile(),
        "unclosed_quotes": source.unclosed.profile(),
        "blank_lines": source.blank_lines,
        "warnings": [*source.warnings, *_notes(columns, profiles), *remarks],
    }


def _feed(source: CsvSource, columns: list[Column], *, size: int, report: Report | None) -> int:
    rows = 0
    reported = 0.0
    for batch in source.batches():
        rows += len(batch)
        for column, cells in zip(columns, zip(*batch, strict=True), strict=True):
            column.add(cells)
        now = time.monotonic()
        if report is not None and now - reported >= REPORT_SECONDS:
            reported = now
            report(min(1.0, source.bytes_read / max(1, size)), rows)
    if report is not None:
        report(1.0, rows)
    return rows


def _notes(columns: list[Column], profiles: list[dict[str, Any]]) -> list[str]:
    if not columns:
        return ["the file is empty"]
    notes = [note for column in columns for note in column.notes()]
    if all(profile["type"] == "empty" for profile in profiles):
        notes.insert(0, "the file has a header and no values")
    return notes
