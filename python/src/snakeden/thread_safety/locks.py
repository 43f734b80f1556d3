"""Locks whose waiting calls can be cancelled."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Final

__all__ = ["Held", "lock_of"]

_LOOK_SECONDS: Final = 0.05
"""Time between two looks of a waiting thread. An exception that was raised in it from outside, such
as `CallCancelled`, comes up only between two steps of Python code.
"""


class Held:
    """One `with` block of a lock. Not used twice.

    A thread that has the lock enters further blocks at once. The lock is given back at the end of
    the outermost one, and wherever an exception from outside comes up while it is taken.
    """

    __slots__ = ("_lock", "_outermost")

    def __init__(self, lock: Any) -> None:
        """Take an `RLock`, which knows its owner. Its type is a function before Python 3.13."""
        self._lock = lock
        self._outermost = False

    def __enter__(self) -> None:
        lock = self._lock
        if lock._is_owned():
            return
        self._outermost = True
        try:
            while not lock.acquire(timeout=_LOOK_SECONDS):
                pass
        except BaseException:
            self._release()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release()

    def __del__(self) -> None:
        # An exception from outside came up after the lock was taken and before the block began.
        self._release()

    def _release(self) -> None:
        if self._outermost and self._lock._is_owned():
            self._lock.release()
            self._outermost = False


def lock_of(instance: object, name: str) -> Any:
    """Return the lock that an object has by a name, which is made when it is first asked for."""
    # Adding what is missing is one step, also without an interpreter lock.
    locks: dict[str, Any] = vars(instance).setdefault("_named_locks", {})
    return locks.setdefault(name, threading.RLock())
