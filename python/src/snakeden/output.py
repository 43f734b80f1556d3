"""Standard output and error of the worker: read line by line by the host, and never a reason for
`print` to fail.
"""

from __future__ import annotations

import io
import os
import sys

__all__ = ["flush", "prepare"]


def prepare() -> None:
    """Write whole lines, as UTF-8, with whatever cannot be encoded escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - stays open for good
            setattr(sys, name, stream)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def flush() -> None:
    """Write out what is buffered, where somebody still reads."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
