"""Tell the host how a process has ended."""

from __future__ import annotations

import os
import signal
from typing import Any

__all__ = ["exit_of"]


def exit_of(status: int) -> dict[str, Any]:
    """Return the end of a process, by the status of wait(), in words of the host."""
    if not os.WIFSIGNALED(status):
        return {"code": os.WEXITSTATUS(status)}
    number = os.WTERMSIG(status)
    try:
        return {"signal": signal.Signals(number).name}
    except ValueError:
        return {"signal": f"SIG{number}"}
