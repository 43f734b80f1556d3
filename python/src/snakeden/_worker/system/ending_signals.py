"""The signals that tell a worker to finish its running calls and end."""

from __future__ import annotations

import signal
from typing import Final

__all__ = ["ENDING", "hold_signals", "release_signals"]

ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


def hold_signals() -> None:
    """Block them around a fork: the child must not lose one to the handler of the worker."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def release_signals() -> None:
    """Undo `hold_signals`."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
