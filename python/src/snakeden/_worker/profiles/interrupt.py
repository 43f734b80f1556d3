"""Raise CallCancelled in the tool that runs on the main thread, and nowhere else.

Another thread sends a signal to the main thread. The handler runs there between two bytecodes, and
wakes `time.sleep` and other blocking calls. It raises if the *armed* call must stop. A call is
armed from just before its tool is entered until just after the tool was left, and the handler
disarms it before it raises. So a tool is interrupted at most once, and the exception can surface
only inside the `try` of `Execution.run`.

An exception of a tool is described under the deadline of the call too. Its text comes from code of
the user, and `traceback` catches every exception of that code. So the description is interrupted
again and again until it is over.

The signal is SIGURG: it is ignored by default, and tools hardly use it.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Final, TypeVar

from snakeden.errors import CallCancelled

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.profiles.event_loop import EventLoop

__all__ = ["Interrupter"]

_SIGNAL: Final = signal.SIGURG
_FIRST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PAUSE_SECONDS: Final = 1.0

T = TypeVar("T")


class Interrupter:
    """The `Interruption` of the main thread; `stop` may be called on any thread."""

    __slots__ = ("_describing", "_look_at", "_loop", "_main", "_pause", "armed", "cut_off")

    ends_waits: Final = True
    """See `Interruption.ends_waits`."""
    shares_loop: Final = False
    """See `Interruption.shares_loop`."""

    def __init__(self, loop: EventLoop, look_at: Callable[[float], None]) -> None:
        """Install the handler; must be called on the main thread. `loop` runs asynchronous tools,
        which are cancelled instead of interrupted while they wait. `look_at` has `repeat` called at
        a time.
        """
        self.armed: Attempt | None = None
        """See `Interruption.armed`."""
        self.cut_off = False
        """See `Interruption.cut_off`."""
        self._describing = False
        """True while the running code describes an exception."""
        self._loop = loop
        self._look_at = look_at
        self._pause = _FIRST_PAUSE_SECONDS
        self._main = threading.main_thread().ident or 0
        signal.signal(_SIGNAL, self._handle)

    @property
    def is_here(self) -> bool:
        """See `Interruption.is_here`."""
        return threading.get_ident() == self._main

    def stop(self) -> None:
        """Have the main thread check whether its call must stop; `stop_code` was set before."""
        signal.pthread_kill(self._main, _SIGNAL)

    def repeat_soon(self) -> None:
        """Schedule a call of `repeat`."""
        self._pause = _FIRST_PAUSE_SECONDS
        self._look_at(time.monotonic() + _FIRST_PAUSE_SECONDS)

    def repeat(self, now: float) -> float:
        """Signal once more if the armed call was stopped and has not noticed yet; returns when to
        check again.

        A signal that arrives between the last check for signals and the system call of a sleep or
        a wait does not end the latter.
        """
        armed = self.armed
        if armed is None or armed.stop_code is None:
            return inf
        self.stop()
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        return now + self._pause

    def before_wait(self) -> None:
        """See `Interruption.before_wait`. Whoever asks has sent everything."""

    def check(self, attempt: Attempt) -> None:
        """See `Interruption.check`."""
        if attempt.stop_code is not None:
            self.armed = None
            raise CallCancelled(attempt.stop_code)

    def shield(self, step: Callable[[], None]) -> None:
        """See `Interruption.shield`."""
        # None when the call was interrupted before, which happens once.
        armed = self.armed
        self.armed = None
        try:
            step()
        finally:
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
                self.armed = None
        except BaseException:  # The interruption, or a trick of the exception's class.
            self.armed = None
        self._describing = False
        return described

    def _handle(self, _signum: int, _frame: object) -> None:
        attempt = self.armed
        if attempt is None or attempt.stop_code is None:
            return
        if self._describing:
            self.cut_off = True
            raise CallCancelled(attempt.stop_code)
        self.armed = None
        if not self._loop.cancel_waiting():
            raise CallCancelled(attempt.stop_code)
