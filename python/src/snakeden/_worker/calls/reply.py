"""The answer to one ask, which may still be on its way, and the ways to wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import msgspec

from snakeden._values.values import Encoded, decode
from snakeden._worker.calls.attempt import call_ended
from snakeden.errors import CallCancelled, HostError
from snakeden.running_loop import running_loop

if TYPE_CHECKING:
    from snakeden._link.gen.errors_pb2 import HostError as WireError
    from snakeden._link.gen.values_pb2 import Value
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption

__all__ = ["Reply", "forked_copy"]

_OWN_THREADS: Final = (
    "snakeden-deadlines",
    "snakeden-memory",
    "snakeden-reader",
    "snakeden-relief",
    "snakeden-writer",
)
"""The threads on which the link and the deadlines of the worker depend."""

Waker = Callable[[], object]


class Reply:
    """The answer to one ask of a call.

    It is settled once: by the answer, or by the end of the call. A call that is stopped interrupts
    its own thread, wherever that waits; threads that the tool has started are woken here.
    """

    __slots__ = (
        "_attempt",
        "_elsewhere",
        "_here",
        "_interruption",
        "_outcome",
        "_steps",
        "method",
        "on_answer",
    )

    def __init__(self, attempt: Attempt, method: str, *, interruption: Interruption) -> None:
        self.method = method
        self.on_answer: Callable[[Any], None] | None = None
        """Called once with what the host answers, or with the exception, before those who wait are
        woken; also if nobody waits any more, or if nothing was sent because of that. Raises
        nothing.
        """
        self._attempt = attempt
        self._interruption = interruption
        self._outcome: Encoded | Exception | None = None
        self._here: list[Waker] = []
        """Wakes those who wait on the thread that `interruption` interrupts, even as it waits."""
        self._elsewhere: list[Waker] = []
        """Wakes those who wait on other threads, which the end of the call does not wake."""
        self._steps: list[Callable[[], None]] = []
        """Steps to run when it is settled."""

    @property
    def attempt(self) -> Attempt:
        """The call that asked."""
        return self._attempt

    @property
    def is_here(self) -> bool:
        """True on the thread that the end of the call interrupts."""
        return self._interruption.is_here

    @property
    def done(self) -> bool:
        """True once `wait` returns or raises at once."""
        return self._outcome is not None

    def wait(self) -> Any:
        """Wait for the answer and return it. Not for code that runs on an event loop.

        Raises:
            HostError: The host could not do what it was asked for.
            CallCancelled: The call was cancelled, or its deadline passed.
            RuntimeError: The call has ended, or an event loop runs on this thread.
        """
        if self._outcome is None:
            self._refuse_on_event_loop()
        return self.wait_anywhere()

    def wait_anywhere(self) -> Any:
        """Wait as `wait` does, even on an event loop, which stands still meanwhile. Only for
        answers that do not take long.
        """
        if self._outcome is None:
            self._refuse_on_own_thread()
            news: SimpleQueue[None] = SimpleQueue()
            self._add_waker(lambda: news.put(None))
            self._interruption.before_wait()
            # The outcome is set before the wakers are called, and checked after one was added.
            while self._outcome is None:
                self._check()
                news.get()
        return self._result()

    async def wait_async(self) -> Any:
        """Wait as `wait` does, while other tasks of the event loop go on."""
        if self._outcome is None:
            import asyncio

            loop = asyncio.get_running_loop()
            signalled = asyncio.Event()

            def wake() -> None:
                try:
                    loop.call_soon_threadsafe(signalled.set)
                except RuntimeError:
                    return  # The loop is closed, so nobody waits on it.

            self._add_waker(wake)
            while self._outcome is None:
                self._check()
                await signalled.wait()
                signalled.clear()
        return self._result()

    def when_done(self, step: Callable[[], None]) -> None:
        """Call `step` once when it is settled, on the thread that settles it; at once if it is."""
        self._steps.append(step)
        # The outcome is set before the steps are run, and checked after this one was added.
        if self._outcome is not None:
            self._run_steps()

    def leave(self) -> None:
        """Wake those who wait, since nobody wants the answer any more."""
        self._settle(RuntimeError(f"{self.method}: nobody waits for the answer any more"))

    # ---- called by Asking, on any thread ----

    def answered(self, value: Value, buffers: Sequence[bytes | memoryview]) -> None:
        """Settle it with a value."""
        outcome = Encoded(value.json, value.tagged, buffers)
        if self.on_answer is not None:
            self.on_answer(decode(outcome, f"the answer to {self.method}"))
        self._settle(outcome)

    def refused(self, error: WireError) -> None:
        """Settle it with an error of the host."""
        details: Any = None
        try:
            details = msgspec.json.decode(error.details) if error.details else {}
        except msgspec.DecodeError:
            pass
        outcome = HostError(
            error.code,
            error.message,
            details=details if isinstance(details, dict) else {},
            retryable=error.retryable,
        )
        if self.on_answer is not None:
            self.on_answer(outcome)
        self._settle(outcome)

    def dropped(self) -> None:
        """Note that it was settled before it could be sent."""
        if self.on_answer is not None:
            self.on_answer(call_ended(self._attempt))

    def abandon(self) -> None:
        """Settle it, since the call has ended."""
        self._settle(call_ended(self._attempt))

    def stopped(self) -> None:
        """Wake those who wait on other threads, since the call was told to stop."""
        for wake in list(self._elsewhere):
            wake()

    def after_fork_in_child(self) -> None:
        """Settle it in a forked copy of the worker, where nobody waits."""
        if self._outcome is None:
            self._outcome = forked_copy(self.method)

    def _settle(self, outcome: Encoded | Exception) -> None:
        if self._outcome is None:
            self._outcome = outcome
            for wake in [*self._here, *self._elsewhere]:
                wake()
            self._run_steps()

    def _run_steps(self) -> None:
        while self._steps:
            try:
                step = self._steps.pop()
            except IndexError:
                return  # Another thread took it.
            step()

    # ---- called by those who wait ----

    def _add_waker(self, wake: Waker) -> None:
        interruption = self._interruption
        is_interrupted = interruption.is_here and interruption.ends_waits
        (self._here if is_interrupted else self._elsewhere).append(wake)

    def _check(self) -> None:
        """Raise if the call was told to stop before now. Later, its own thread is interrupted."""
        code = self._attempt.stop_code
        if code is None:
            return
        if self._interruption.is_here:
            self._interruption.check(self._attempt)
        raise CallCancelled(code)

    def _refuse_on_own_thread(self) -> None:
        """Raise on a thread of the worker, where the garbage collector may run a finalizer that
        waits. Nobody would read the answer.
        """
        name = threading.current_thread().name
        if name in _OWN_THREADS:
            raise RuntimeError(f"{self.method}: the thread {name} of the worker cannot wait for it")

    def _refuse_on_event_loop(self) -> None:
        if running_loop() is None:
            return
        raise RuntimeError(
            f"{self.method} would block the event loop of this thread until the host answers; "
            "await its asynchronous form instead"
        )

    def _result(self) -> Any:
        outcome = self._outcome
        if isinstance(outcome, Encoded):
            return decode(outcome, f"the answer to {self.method}")
        if isinstance(outcome, HostError) and self._attempt.ended:
            raise call_ended(self._attempt) from outcome
        if outcome is None:
            raise AssertionError("there is no outcome yet")
        raise outcome


def forked_copy(method: str) -> RuntimeError:
    """Return the exception for code that asks in a forked copy of the worker."""
    return RuntimeError(f"{method}: a forked copy of the worker cannot ask the host")
