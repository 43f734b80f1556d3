"""Profiles of files that tests write."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from snakeden.demo.csv_profile import profile_file

__all__ = ["as_csv", "profile", "values"]


def profile(
    folder: Path, content: str | bytes, delimiter: str | None = None, **options: Any
) -> dict[str, Any]:
    path = folder / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return profile_file(str(path), delimiter, **options)


def values(profile: dict[str, Any], column: int) -> list[str]:
    """Return the values of a column, each as often as it stands there; at most ten differ."""
    return [
        entry["value"] for entry in profile["columns"][column]["top"] for _ in range(entry["count"])
    ]


def as_csv(rows: list[list[str]], **options: Any) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, **options).writerows(rows)
    return out.getvalue()
