"""Steps of a worker that leaves, which nothing that tools have left behind can delay or fail."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable

__all__ = ["exit_after", "run_guarded"]


def exit_after(seconds: float, status: int, *, worker_id: str, what: str = "") -> threading.Timer:
    """Leave after `seconds`, even if the main thread is blocked, unless the timer is cancelled."""

    def leave() -> None:
        waited = f"left after waiting {seconds:g} s{what and f' for {what}'}"
        os.write(2, f"snakeden worker {worker_id}: {waited}\n".encode())
        os._exit(status)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    return timer


def run_guarded(step: Callable[[], object], name: str, *, worker_id: str) -> None:
    """Run a step, and print the exception that it raises."""
    try:
        step()
    except BaseException:
        print(f"snakeden worker {worker_id}: {name} raised", file=sys.stderr)
        traceback.print_exc()
