"""Raise CallCancelled in the tool that runs on a thread other than the main one, and nowhere else.

No signal reaches such a thread. Python can raise an exception there between two bytecodes, but only
some time after it was asked to, and the tool may have returned by then. So each time a call is
*armed*, there is one *token*. Whoever takes it decides: another thread that stops the call takes it
and has the exception raised. The thread itself takes it when it disarms the call, and no exception
can come any more. If the token is gone, the thread does not leave before the exception has come up.
So a tool is interrupted at most once, and the exception can surface only inside the `try` of
`Execution.answer`.

The exception does not end a call of C code that waits, such as `time.sleep`, before that returns.
Waits of this package are woken (see `Interruption.ends_waits`).
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Final, TypeVar

from snakeden.errors import CallCancelled

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.profiles.event_loop import EventLoop

__all__ = ["ThreadInterrupter"]

_FIRST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PAUSE_SECONDS: Final = 1.0
_HAND_OVER_SECONDS: Final = 0.00005
"""The time between two looks whether the exception has come up."""

T = TypeVar("T")

_of_threads: Final[dict[int, ThreadInterrupter]] = {}
"""The interrupter of each thread that has one, by the id of the thread."""


class _Interrupt(CallCancelled):
    """CallCancelled, as Python makes it when it raises it in a thread."""

    def __init__(self) -> None:
        interrupter = _of_threads.get(threading.get_ident())
        super().__init__("cancelled" if interrupter is None else interrupter.arrived())


# Code of the user sees the class that the documentation names.
_Interrupt.__name__ = _Interrupt.__qualname__ = CallCancelled.__name__
_Interrupt.__module__ = CallCancelled.__module__


class ThreadInterrupter:
    """The `Interruption` of one thread; `stop` and `repeat` may be called on any thread."""

    __slots__ = (
        "_attempt",
        "_delivered",
        "_describing",
        "_ident",
        "_look_at",
        "_loop",
        "_pause",
        "_tokens",
        "cut_off",
    )

    ends_waits: Final = False
    """See `Interruption.ends_waits`."""
    shares_loop: Final = False
    """See `Interruption.shares_loop`."""

    def __init__(self, loop: EventLoop, look_at: Callable[[float], None]) -> None:
        """Interrupt the thread that calls `bind`. `loop` runs its asynchronous tools, which are
        cancelled instead of interrupted while they wait. `look_at` has `repeat` called at a time.
        """
        self.cut_off = False
        """See `Interruption.cut_off`."""
        self._attempt: Attempt | None = None
        self._delivered = False
        """True once the armed call was interrupted, and its exception has come up."""
        self._describing = False
        """True while the running code describes an exception."""
        self._tokens: dict[Attempt, bool] = {}
        """The armed call, unless it was interrupted."""
        self._ident = 0
        self._loop = loop
        self._look_at = look_at
        self._pause = _FIRST_PAUSE_SECONDS

    def bind(self) -> None:
        """Interrupt the thread of the caller from now on."""
        self._ident = threading.get_ident()
        _of_threads[self._ident] = self

    def unbind(self) -> None:
        """Interrupt no thread any more, since this one ends."""
        _of_threads.pop(self._ident, None)
        self._ident = 0

    @property
    def armed(self) -> Attempt | None:
        """See `Interruption.armed`."""
        return None if self._delivered else self._attempt

    @armed.setter
    def armed(self, attempt: Attempt | None) -> None:
        if attempt is None:
            self._disarm()
            return
        self._attempt = attempt
        self._delivered = False
        self._tokens[attempt] = True

    @property
    def is_here(self) -> bool:
        """See `Interruption.is_here`."""
        return threading.get_ident() == self._ident

    def before_wait(self) -> None:
        """See `Interruption.before_wait`. Another thread reads the link at all times."""

    def stop(self, attempt: Attempt) -> None:
        """Interrupt the thread if it has this call, whose `stop_code` was set before."""
        if attempt.stop_code is None or self._tokens.pop(attempt, None) is None:
            return
        # The thread does not leave the call until it sees one of the two.
        if self._loop.cancel_waiting():
            self._delivered = True
        else:
            _raise_in(self._ident)

    def arrived(self) -> str:
        """Note that the exception comes up now; returns the code of the stop."""
        attempt = self._attempt
        self.cut_off = True
        if self._describing and attempt is not None:
            # `traceback` catches it, and then goes on with other code of the user.
            self._tokens[attempt] = True
        else:
            self._delivered = True
        return (attempt and attempt.stop_code) or "cancelled"

    def repeat_soon(self) -> None:
        """Schedule a call of `repeat`."""
        self._pause = _FIRST_PAUSE_SECONDS
        self._look_at(time.monotonic() + _FIRST_PAUSE_SECONDS)

    def repeat(self, now: float) -> float:
        """Interrupt once more if the thread describes an exception of a call that was stopped;
        returns when to check again.
        """
        attempt = self._attempt
        if not self._describing or attempt is None or attempt.stop_code is None:
            return inf
        self.stop(attempt)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        return now + self._pause

    def check(self, attempt: Attempt) -> None:
        """See `Interruption.check`."""
        if attempt.stop_code is not None:
            self._disarm()
            raise CallCancelled(attempt.stop_code)

    def shield(self, step: Callable[[], None]) -> None:
        """See `Interruption.shield`."""
        armed = self.armed
        self._disarm()
        try:
            step()
        finally:
            # None when the call was interrupted before, which happens once.
            if armed is not None:
                self.armed = armed
        if armed is not None:
            self.check(armed)

    def describe(self, attempt: Attempt, step: Callable[[], T]) -> T | None:
        """See `Interruption.describe`."""
        if attempt.stop_code is not None:
            # It was stopped already, so nothing else would end the description.
            self.repeat_soon()
        self.cut_off = False
        described: T | None = None
        try:
            try:
                self._describing = True
                self.armed = attempt
                described = step()
            finally:
                self._describing = False
                self._disarm()
        except BaseException:  # The interruption, or a trick of the exception's class.
            self._describing = False
            self._disarm()
        return described

    def _disarm(self) -> None:
        """Let no exception come up any more. Raises it if it is on its way."""
        attempt = self._attempt
        if attempt is None:
            return
        while self._tokens.pop(attempt, None) is None and not self._delivered:
            time.sleep(_HAND_OVER_SECONDS)
        self._attempt = None

    def after_fork_in_child(self) -> None:
        """Interrupt nothing in a forked copy of the process."""
        self._tokens.clear()
        self._delivered = True


def _raise_in(ident: int) -> None:
    """Have Python raise the exception in a thread, as soon as that runs Python code."""
    raised = ctypes.py_object(_Interrupt)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), raised)
