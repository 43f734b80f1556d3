"""Cleans tables: a file goes in, and a file comes out."""

import csv
from typing import TextIO, TypedDict

from snakeden import File, current_call, tool


class Cleaned(TypedDict):
    """A clean table, and how many rows it has and lacks."""

    table: File
    kept: int
    dropped: int


@tool
def clean_csv(table: TextIO, missing: str = "NA") -> Cleaned:
    """Drop the rows of a CSV that have a missing value."""
    kept = dropped = 0
    rows = csv.reader(table)
    with current_call().create_file("clean.csv", "w", media_type="text/csv", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(next(rows))
        for row in rows:
            if missing in row or "" in row:
                dropped += 1
            else:
                writer.writerow(row)
                kept += 1
    return {"table": out.file, "kept": kept, "dropped": dropped}
