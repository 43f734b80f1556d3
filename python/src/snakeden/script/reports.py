"""The result, the progress and the artifacts of a program."""

from __future__ import annotations

import os
import sys

from snakeden import environment_names
from snakeden.script.values import json_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Final

__all__ = ["artifact_path", "progress", "result"]

PROGRESS_LINE: Final = "::snakeden progress "
"""The beginning of a line of progress, which the host reads from standard output."""
BY_HAND: Final = "artifacts"
"""The folder of the artifacts of a program that is run by hand."""


def progress(report: Any) -> None:
    """Report progress: any value that JSON has, such as `{"done": 3, "of": 10}`.

    In a job, those who follow it see the last one; by hand, it is a line on standard error.

    Raises:
        InvalidValueError: If JSON has no form for it.
    """
    text = json_of(report, "progress")
    if os.environ.get(environment_names.JOB_ID):
        print(f"{PROGRESS_LINE}{text}", flush=True)
    else:
        print(f"progress: {text}", file=sys.stderr, flush=True)


def result(value: Any) -> None:
    """Hand over the result of the program; the last one counts.

    Bytes and arrays may be in it, as in the result of a tool. In a job, it becomes the result of
    the job; by hand, it is printed as JSON.

    Raises:
        InvalidValueError: If JSON has no form for it.
    """
    path = os.environ.get(environment_names.RESULT)
    if path:
        text = json_of(value, "result")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    else:
        print(json_of(value, "result", indent=2), flush=True)


def artifact_path(name: str) -> Path:
    """Return the path at which a file of this name becomes an artifact of the job.

    By hand, it is in the folder `artifacts` of the working directory, which is made.

    Raises:
        ValueError: If the name is empty, or has a folder in it.
    """
    if name in ("", ".", "..") or any(it in name for it in "/\\\0") or len(name) > 255:
        raise ValueError(f"given the name {name!r}; allowed: 1 to 255 characters without / and \\")
    from pathlib import Path

    folder = Path(os.environ.get(environment_names.ARTIFACTS) or BY_HAND)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name
