"""Calls of the kernel that Python lacks. Each returns False where the system has no such call."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

__all__ = ["become_subreaper", "die_with_parent", "wake_at_end_of"]

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_F_SETSIG: Final = 10


def _find_prctl() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    try:
        import ctypes

        found: Callable[..., int] = ctypes.CDLL(None).prctl
        return found
    except (ImportError, OSError, AttributeError):
        # A Python that was built without libffi.
        return None


# Found before the first fork, since a fork should do as little as possible.
_prctl = _find_prctl()


def become_subreaper() -> bool:
    """Make every descendant whose parent ends a child of this process."""
    return _prctl is not None and _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def die_with_parent() -> bool:
    """Let the kernel kill this process when its parent ends. Its own children are not affected."""
    return _prctl is not None and _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0


def wake_at_end_of(pipe: int) -> None:
    """Let the kernel continue this process at the end of a pipe, should it be stopped then."""
    if sys.platform != "linux":
        return
    try:
        fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(pipe, _F_SETSIG, signal.SIGCONT)
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:
        # Some sandboxes have no such signals.
        return
