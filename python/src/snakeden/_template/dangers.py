"""The reasons that forbid a fork: the copy of a process has only the thread that forked, whatever
locks the others hold, and no context of a GPU survives in it.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from typing import Final

__all__ = ["danger"]

_DEVICES: Final = re.compile(r"/dev/(nvidia|kfd|dri/|accel|davinci)")
_MOST_NAMED: Final = 5


def danger() -> str | None:
    """Return the reason why this process must not fork, if there is one."""
    return _threads() or _devices()


def _threads() -> str | None:
    tasks = os.listdir("/proc/self/task")
    if len(tasks) == 1:
        return None
    names = [it.name for it in threading.enumerate() if it is not threading.main_thread()]
    count = len(tasks) - 1
    if not names:
        # Threads of native code, which the kernel alone knows.
        names = [_name_of(it) for it in tasks if it != str(os.getpid())]
    shown = ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
    cure = "; libraryThreads of the pool may ask for it" if _may_be_numeric() else ""
    return f"it has started {count} thread{'' if count == 1 else 's'} ({shown}){cure}"


def _name_of(task: str) -> str:
    try:
        with open(f"/proc/self/task/{task}/comm") as file:
            return file.read().strip()
    except OSError:
        return "?"


def _may_be_numeric() -> bool:
    is_many = os.environ.get("OPENBLAS_NUM_THREADS", "1") != "1"
    return is_many and "numpy" in sys.modules


def _devices() -> str | None:
    torch = sys.modules.get("torch")
    try:
        if torch is not None and torch.cuda.is_initialized():
            return "it has initialized CUDA (torch.cuda)"
    except Exception:
        pass  # A torch without CUDA, or one that was not imported to its end.
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # The descriptor of the listing itself.
        if _DEVICES.match(target):
            return f"it has opened a device ({target})"
    return None
