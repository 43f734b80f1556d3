"""Exceptions of tools, described for the host: type, message, and a traceback without this
package's own frames.
"""

from __future__ import annotations

import importlib
import os
import traceback
from typing import Final

from snakeden.gen.errors_pb2 import PythonException
from snakeden.type_name import type_name
from snakeden.wire import wire_text

__all__ = ["describe", "safe_text"]

MAX_TRACEBACK: Final = 16_384
MAX_MESSAGE: Final = 8_192

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
# Tools that ship with the package are tools like any other.
_NOT_OWN = (_PACKAGE + "demo.py", _PACKAGE + "csv_")
_IMPORTLIB = (
    "<frozen importlib._bootstrap>",
    "<frozen importlib._bootstrap_external>",
    importlib.__file__,
)


def safe_text(error: BaseException) -> str:
    """`str(error)`, also when that raises."""
    try:
        return wire_text(str(error), MAX_MESSAGE)
    except BaseException as inner:
        return f"<the message is not available: str() of it raised {type(inner).__name__}>"


def describe(error: BaseException) -> PythonException:
    """The exception as the host gets it. Never raises."""
    return PythonException(
        type=wire_text(type_name(type(error)), 500),
        message=safe_text(error),
        traceback=_traceback(error),
    )


def _traceback(error: BaseException) -> str:
    try:
        summary = traceback.TracebackException.from_exception(error, compact=True)
        _trim(summary, set())
        text = "".join(summary.format())
    except BaseException as inner:
        return f"<the traceback is not available: {type(inner).__name__}>"
    if len(text) > MAX_TRACEBACK:
        # The end tells what went wrong, the start where it came from.
        head = MAX_TRACEBACK // 4
        cut = len(text) - MAX_TRACEBACK
        text = f"{text[:head]}\n... {cut} characters left out ...\n{text[head + cut :]}"
    return wire_text(text)


def _trim(summary: traceback.TracebackException, seen: set[int]) -> None:
    """Take own frames out of the exception and of all it was caused by."""
    if id(summary) in seen:
        return
    seen.add(id(summary))
    frames = [frame for frame in summary.stack if not _is_own(frame.filename)]
    summary.stack = traceback.StackSummary.from_list(frames)
    inner = [summary.__cause__, summary.__context__, *(getattr(summary, "exceptions", None) or ())]
    for other in inner:
        if other is not None:
            _trim(other, seen)


def _is_own(filename: str) -> bool:
    if filename in _IMPORTLIB:
        return True
    return filename.startswith(_PACKAGE) and not filename.startswith(_NOT_OWN)
