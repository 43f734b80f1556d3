"""A hint for debuggers and `input()`, which fail in a worker because it has no terminal."""

from __future__ import annotations

import os
import sys
from typing import Final, NoReturn

__all__ = ["hint", "refuse_breakpoints"]

_DEBUG: Final = (
    "call the function in a plain Python to debug it there, or attach a debugger over the network, "
    "such as debugpy (docs/adapters.md)"
)


def refuse_breakpoints() -> None:
    """Have `breakpoint()` raise an error that says what to do, unless PYTHONBREAKPOINT is set."""
    if not os.environ.get("PYTHONBREAKPOINT"):
        sys.breakpointhook = _refuse


def hint(error: BaseException) -> str:
    """Return a hint if the error comes from the missing terminal; empty for other errors."""
    kind = type(error)
    bdb = sys.modules.get("bdb")
    if bdb is not None and kind is bdb.BdbQuit:
        return f"a worker has no terminal for a debugger; {_DEBUG}"
    if kind is EOFError and error.args == ("EOF when reading a line",):
        return "a worker has no terminal and its input is empty; take an argument instead"
    return ""


def _refuse(*_args: object, **_keywords: object) -> NoReturn:
    raise RuntimeError(f"breakpoint() cannot work: a worker has no terminal; {_DEBUG}")
