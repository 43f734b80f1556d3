"""Describe exceptions of tools for the host: type, message, and a traceback without frames of
this package.

The text of an exception comes from code of the user, which may take long, print or raise. That code
runs only once.
"""

from __future__ import annotations

import importlib
import os
import re
import traceback
from types import FrameType
from typing import Any, Final

import snakeden
from snakeden._link.gen.errors_pb2 import PythonException
from snakeden._link.wire import wire_text
from snakeden._values.type_name import type_name

__all__ = ["describe", "safe_text", "stack_of"]

MAX_TRACEBACK: Final = 16_384
MAX_MESSAGE: Final = 8_192

_PACKAGE = os.path.dirname(os.path.abspath(snakeden.__file__)) + os.sep
# Tools that ship with the package are tools like any other.
_NOT_OWN = _PACKAGE + "demo" + os.sep
_ASYNCIO = os.path.join(os.path.dirname(os.__file__), "asyncio", "")
_IMPORTLIB = (
    "<frozen importlib._bootstrap>",
    "<frozen importlib._bootstrap_external>",
    importlib.__file__,
)
# The texts of `traceback` for an exception whose text fails; the latter is that of Python 3.10.
_UNPRINTABLE: Final = re.compile(r"<exception str\(\) failed>|<unprintable \S+ object>")


def stack_of(frame: FrameType) -> str:
    """Return where a thread is, from a frame of it, without frames of this package and of the event
    loop.
    """
    frames = [it for it in traceback.extract_stack(frame) if not _is_own(it.filename)]
    begin = next((n for n, it in enumerate(frames) if not it.filename.startswith(_ASYNCIO)), 0)
    return wire_text("".join(traceback.StackSummary.from_list(frames[begin:]).format()))


def safe_text(error: BaseException) -> str:
    """Return `str(error)`, or a fixed text if that raises."""
    try:
        return wire_text(str.__str__(str(error)), MAX_MESSAGE)
    except BaseException as inner:
        return f"<the message is not available: str() of it raised {type_name(type(inner))}>"


def describe(error: BaseException) -> PythonException:
    """Describe an exception for the host. Never raises."""
    message, text = _texts(error)
    return PythonException(
        type=wire_text(type_name(type(error)), 500), message=message, traceback=text
    )


def _texts(error: BaseException) -> tuple[str, str]:
    """Return the message and the traceback."""
    summary: Any
    try:
        # This gets the texts of the exception and of its causes.
        summary = traceback.TracebackException.from_exception(error, compact=True)
        _trim(summary, set())
    except BaseException as inner:
        return safe_text(error), _not_available(inner)
    message = wire_text(summary._str, MAX_MESSAGE)
    if _UNPRINTABLE.fullmatch(message):
        message = "<the message is not available: str() of it raised>"
    try:
        text = "".join(summary.format())
    except BaseException as inner:
        return message, _not_available(inner)
    if len(text) > MAX_TRACEBACK:
        # The end tells what went wrong, the start where it came from.
        head = MAX_TRACEBACK // 4
        cut = len(text) - MAX_TRACEBACK
        text = f"{text[:head]}\n... {cut} characters left out ...\n{text[head + cut :]}"
    return message, wire_text(text)


def _not_available(inner: BaseException) -> str:
    return f"<the traceback is not available: {type_name(type(inner))}>"


def _trim(summary: Any, seen: set[int]) -> None:
    """Remove our own frames from the exception and all of its causes, and the end of texts that are
    too long.
    """
    if id(summary) in seen:
        return
    seen.add(id(summary))
    # A plain text, so that no method of a subclass runs; longer ones are cut for the traceback.
    summary._str = str.__str__(summary._str)[: MAX_TRACEBACK + MAX_MESSAGE]
    frames = [frame for frame in summary.stack if not _is_own(frame.filename)]
    # The event loop runs asynchronous code; what the code itself does with asyncio is shown.
    begin = next((n for n, it in enumerate(frames) if not it.filename.startswith(_ASYNCIO)), 0)
    summary.stack = traceback.StackSummary.from_list(frames[begin:])
    inner = [summary.__cause__, summary.__context__, *(getattr(summary, "exceptions", None) or ())]
    for other in inner:
        if other is not None:
            _trim(other, seen)


def _is_own(filename: str) -> bool:
    if filename in _IMPORTLIB:
        return True
    return filename.startswith(_PACKAGE) and not filename.startswith(_NOT_OWN)
