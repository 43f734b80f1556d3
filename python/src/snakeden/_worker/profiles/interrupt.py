"""Raise CallCancelled in the tool that runs on the main thread, and nowhere else.

Another thread asks by a signal to the main thread. The handler runs there between two bytecodes
(and wakes `time.sleep` and other blocking calls), looks whether the call that is *armed* is one
that has to stop, and raises. A call is armed from just before its tool is entered until just after
it was left, and the handler disarms before it raises: so a tool is interrupted at most once, and
the exception can surface only inside the `try` of the runner.

What the tool raised is described in the same way, under the same deadline. The texts of exceptions
are code of the user too, and whoever asks for them catches everything: so the description is
interrupted again and again until it is over.

SIGURG, because its default is to be ignored and tools hardly use it.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any, Final

from snakeden.call import Call
from snakeden.errors import CallCancelled

__all__ = ["Interrupter"]

_SIGNAL: Final = signal.SIGURG


class Interrupter:
    """Arms calls on the main thread; `stop` may be asked for from any thread."""

    __slots__ = ("_main", "armed", "cut_off", "describing", "loop", "task")

    def __init__(self) -> None:
        """Install the handler; has to be called on the main thread."""
        self.armed: Call | None = None
        """The call whose tool runs now. Set and cleared by the runner."""
        self.describing = False
        """Whether the running code is the description of an exception."""
        self.cut_off = False
        """Whether the description was interrupted."""
        self.task: asyncio.Task[Any] | None = None
        """The task of an asynchronous tool, which is cancelled instead of interrupted while it
        waits.
        """
        self.loop: asyncio.AbstractEventLoop | None = None
        self._main = threading.main_thread().ident or 0
        signal.signal(_SIGNAL, self._handle)

    def stop(self) -> None:
        """Have the main thread look whether its call must stop; `call.stop_code` has been set
        before.
        """
        signal.pthread_kill(self._main, _SIGNAL)

    def check(self, call: Call) -> None:
        """Raise when `call`, armed just now, was stopped before it was armed."""
        if call.stop_code is not None:
            self.armed = None
            raise CallCancelled(call.stop_code)

    def _handle(self, _signum: int, _frame: object) -> None:
        call = self.armed
        if call is None or call.stop_code is None:
            return
        if self.describing:
            self.cut_off = True
            raise CallCancelled(call.stop_code)
        self.armed = None
        task = self.task
        loop = self.loop
        if task is not None and loop is not None and asyncio.current_task(loop) is not task:
            # The loop waits, or runs another task: an exception out of here would hit the loop
            # itself.
            loop.call_soon_threadsafe(task.cancel)
            return
        raise CallCancelled(call.stop_code)
