"""The worker's half of a call: its message, its deadline, and whether it must stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from snakeden._values.packing import pack, unpack
from snakeden._worker.calls.call_asks import Step
from snakeden.call import Call

if TYPE_CHECKING:
    from snakeden._link.gen.link_pb2 import Call as WireCall
    from snakeden._worker.calls.call_asks import CallAsks
    from snakeden.session.source import Reply

__all__ = ["Attempt", "call_ended"]

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Surroundings(Protocol):
    """The worker, as its calls see it."""

    def ask(self, attempt: Attempt, method: str, *, args: object) -> Reply:
        """Ask the host for something on behalf of a call; see `Asking.ask`."""

    def local(self, attempt: Attempt) -> dict[str, Any]:
        """Return what tools keep with the session of a call in this worker."""

    def register_tool(
        self,
        attempt: Attempt,
        function: Callable[..., Any],
        *,
        name: str | None,
        session: bool | None,
    ) -> str:
        """Register a function as a tool; see `Registering.register`."""

    def unregister_tool(self, attempt: Attempt, name: str, *, session: bool | None) -> None:
        """End a tool; see `Registering.unregister`."""


class RunningBulk(Protocol):
    """A bulk call that runs, as other threads see it: bulk.py."""

    item: Attempt
    flush_due: Callable[[float], float]


class Attempt:
    """One attempt to run a call in this worker; `view` is what its tool sees of it."""

    __slots__ = (
        "_local",
        "_prefix",
        "_report",
        "_worker",
        "asks",
        "buffers",
        "bulk",
        "deadline",
        "ended",
        "id",
        "message",
        "on_credit",
        "opened",
        "shown",
        "stop_code",
    )

    def __init__(
        self,
        message: WireCall,
        report: Callable[[Attempt, dict[str, Any]], None],
        *,
        prefix: str = "",
        worker: Surroundings | None = None,
    ) -> None:
        """Hold the call of `message`; `prefix` is that of the ids of calls. Without `worker`, the
        call cannot ask the host for anything.
        """
        self.id: int = message.id
        """Its number on the link; unique among the calls in flight."""
        self.message = message
        self.deadline: float | None = None
        """The time by which it must end, on the clock of `time.monotonic()`."""
        self.stop_code: str | None = None
        """The code of its failure once it must stop; the first cause wins."""
        self.ended: bool = False
        """True once it was answered or given back."""
        self.on_credit: Callable[[int], None] | None = None
        """Called by the reader of the link with the bytes of chunks that the host has taken."""
        self.buffers: Sequence[bytes | memoryview] = ()
        """The buffers of its arguments, until it begins or never will. Shared memory is released
        with the last object that refers to it.
        """
        self.shown: Call | None = None
        """Its view, if one was requested. Cleared when it ends, since the two refer to each other
        and would wait for the garbage collector.
        """
        self.asks: CallAsks | None = None
        """Its asks, once it has asked the host for anything."""
        self.bulk: RunningBulk | None = None
        """The running item, if this is a bulk call."""
        self.opened: list[IO[Any]] | None = None
        """The files among its arguments that were opened for its tool, if there are any."""
        self._local: dict[str, Any] | None = None
        """The `session.local` of its session, once its tool has used that."""
        self._prefix = prefix
        self._report = report
        self._worker = worker

    @property
    def number(self) -> int:
        """Its number in the pool, by which the host finds its output."""
        return self.message.number

    @property
    def call_id(self) -> str:
        """The id of the call, which its answer has too."""
        return self._prefix + _base36(self.message.number)

    @property
    def tool(self) -> str:
        """The name of the tool."""
        return self.message.tool

    @property
    def request_id(self) -> str:
        """The id that the caller knows the call by; may be empty."""
        return self.message.request_id

    @property
    def session_id(self) -> str:
        """The session of the call; empty when it has none."""
        return self.message.session_id

    def keep_open(self, stream: IO[Any]) -> None:
        """Take a file that was opened for the tool, to close it when the call has ended."""
        if self.opened is None:
            self.opened = []
        self.opened.append(stream)

    def report(self, report: dict[str, Any]) -> None:
        """Send progress."""
        self._report(self, report)

    def ask(self, method: str, args: object) -> Reply:
        """Ask the host for something; returns at once."""
        if self._worker is None:
            raise RuntimeError(f"{method}: this call has no host to ask")
        return self._worker.ask(self, method, args=args)

    def local(self) -> dict[str, Any]:
        """Return what tools keep with the session of the call in this worker."""
        self.check()
        if self._worker is None:
            raise RuntimeError("session.local: this call has no worker")
        local = self._local
        if local is None:
            local = self._local = self._worker.local(self)
        return local

    def register_tool(
        self, function: Callable[..., Any], *, name: str | None, session: bool | None
    ) -> str:
        """See `Registering.register`."""
        return self._surroundings().register_tool(self, function, name=name, session=session)

    def unregister_tool(self, name: str, *, session: bool | None) -> None:
        """See `Registering.unregister`."""
        self._surroundings().unregister_tool(self, name, session=session)

    def _surroundings(self) -> Surroundings:
        self.check()
        if self._worker is None:
            raise RuntimeError("tools: this call has no worker")
        return self._worker

    def check(self) -> None:
        """Raise RuntimeError if the call has ended."""
        if self.ended:
            raise call_ended(self)

    def before_answer(
        self, step: Callable[[], None], step_async: Callable[[], Awaitable[None]]
    ) -> None:
        """Run a step when the tool has returned or raised: one of the two, which do the same. The
        call has asked before.
        """
        if self.asks is not None:
            self.asks.before_answer.append(Step(step, step_async))

    def at_end(self, step: Callable[[], None]) -> None:
        """Run a step when the call has ended in any way. The call has asked before."""
        if self.asks is not None:
            self.asks.at_end.append(step)

    def pack(self, value: object) -> Any:
        """Return a copy of a value in a form in which it reaches the host exactly."""
        return pack(value)

    def unpack(self, packed: Any) -> Any:
        """Return the value of a packed one from the host."""
        return unpack(packed)

    def view(self) -> Call:
        """Return the view of it, the same one until it ends."""
        view = self.shown
        if view is None:
            view = Call(self)
            if not self.ended:
                self.shown = view
        return view


def call_ended(attempt: Attempt) -> RuntimeError:
    """Return the exception for code that asks on behalf of a call that has ended."""
    return RuntimeError(
        f"call {attempt.call_id} of '{attempt.tool}' has ended, and can ask the host for nothing "
        "more: threads and tasks that it started must ask before the tool returns"
    )


def _base36(number: int) -> str:
    """Write a number as JavaScript's `number.toString(36)` does."""
    digits = ""
    while number > 0:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
