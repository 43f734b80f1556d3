"""The requests of running calls to the host: for session variables, or host tools.

An ask is sent at once, from any thread, and its answer comes in any order. It is *open* until the
host has answered it, even if its call has ended meanwhile; the host then answers with an error. Of
the asks of all calls, at most MAX_OPEN_ASKS are open, and one is opened only while the arguments of
the others have less than MAX_OPEN_ASK_BYTES. More wait here, already encoded, in order. Those that
the host answers only when something happens, and those for which its tools run, may take a part of
the places and of the bytes, and wait in lines of their own, so that they never hold up the others.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from snakeden._link import wire
from snakeden._values.values import ValueLimits, encode
from snakeden._worker.calls.attempt import call_ended
from snakeden._worker.calls.call_asks import CallAsks
from snakeden._worker.calls.reply import Reply, forked_copy
from snakeden.errors import CallCancelled

if TYPE_CHECKING:
    from snakeden._link.gen.link_pb2 import Answer
    from snakeden._link.outbox import Outbox
    from snakeden._link.slab import SharedMemory
    from snakeden._values.values import Encoded
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption

__all__ = ["MAX_OPEN_ASKS", "MAX_OPEN_ASK_BYTES", "Asking"]

MAX_OPEN_ASKS: Final = 256
"""The most open asks of this worker. Twin of open_asks.ts."""
MAX_OPEN_ASK_BYTES: Final = 67_108_864
"""The bytes of arguments with which no other ask is opened. Twin of open_asks.ts."""
_CHANGE_METHODS: Final = frozenset({"session.changes"})
"""Methods that the host answers when another call or the library does something."""
_MAX_CHANGE_ASKS: Final = MAX_OPEN_ASKS // 4
"""The most open asks of these."""
_LONG_METHODS: Final = frozenset(
    {"tools.call", "tools.open", "tools.next", "input.next", "files.finish"}
)
"""Methods that the host answers when a tool of it, the caller, or a disk has come so far."""
_MAX_LONG_ASKS: Final = MAX_OPEN_ASKS // 2
"""The most open asks of these."""
_MAX_LONG_BYTES: Final = MAX_OPEN_ASK_BYTES // 2
"""The most bytes of the arguments of open asks of one of these kinds, unless one alone has more."""
_MAX_ID: Final = 0xFFFF_FFFF


class _Ask(NamedTuple):
    """An ask that is open, or waits to be."""

    id: int
    reply: Reply
    nbytes: int
    """The size of its arguments."""


class _Line:
    """Asks of one kind, which share places, and those of them that wait for one."""

    __slots__ = ("max_bytes", "nbytes", "places", "waiting")

    def __init__(self, places: int, *, max_bytes: float = inf) -> None:
        self.places = places
        """The asks of this kind that may be opened now."""
        self.max_bytes = max_bytes
        """The most bytes of the arguments of open asks of this kind, unless one alone has more."""
        self.nbytes = 0
        """The bytes of the arguments of open asks of this kind."""
        self.waiting: deque[tuple[_Ask, bytes]] = deque()
        """Asks that are not sent yet, with their messages."""


class Asking:
    """The asks of all calls of a worker. Any thread may ask; the reader of the link answers."""

    def __init__(
        self,
        outbox: Outbox,
        *,
        limits: ValueLimits,
        shared: SharedMemory | None,
        interruption_of: Callable[[Attempt], Interruption],
        attend: Callable[[], None],
    ) -> None:
        """Ask by `outbox`; `attend` has the link read while the main thread runs a tool."""
        self._outbox = outbox
        self._limits = limits
        self._shared = shared
        self._slab = None if shared is None else shared.slab
        self._interruption_of = interruption_of
        self._attend = attend
        # Reentrant, since the garbage collector may run a finalizer here, and that may ask.
        self._lock = threading.RLock()
        self._last_id = 0
        self._open: dict[int, _Ask] = {}
        self._open_bytes = 0
        """The bytes of the arguments of those that are open."""
        self._short = _Line(MAX_OPEN_ASKS)
        self._long = _Line(_MAX_LONG_ASKS, max_bytes=_MAX_LONG_BYTES)
        self._changes = _Line(_MAX_CHANGE_ASKS, max_bytes=_MAX_LONG_BYTES)
        self.forked = False
        """True in a forked copy of the process, where nothing can be asked."""

    def ask(
        self,
        attempt: Attempt,
        method: str,
        *,
        args: object,
        on_answer: Callable[[Any], None] | None = None,
    ) -> Reply:
        """Ask on behalf of a call that runs. Returns at once. For `on_answer` see `Reply`.

        Raises:
            CallCancelled: The call was cancelled, or its deadline passed.
            InvalidValueError, ResultTooLargeError: `args` cannot travel.
            RuntimeError: The call has ended.
        """
        if attempt.ended:
            raise call_ended(attempt)
        if self.forked:
            raise forked_copy(method)
        interruption = self._interruption_of(attempt)
        code = attempt.stop_code
        if code is not None:
            if interruption.is_here:
                interruption.check(attempt)
            raise CallCancelled(code)
        limits = self._limits
        value = encode(
            args, max_depth=limits.max_depth, max_bytes=limits.max_bytes, where=f"args of {method}"
        )
        reply = Reply(attempt, method, interruption=interruption)
        reply.on_answer = on_answer
        if interruption.is_here:
            # An interruption would leave the ask half registered.
            interruption.shield(lambda: self._start(reply, value))
        else:
            self._start(reply, value)
        return reply

    # ---- called by the reader of the link ----

    def on_answer(self, message: Answer) -> None:
        """Settle an ask, and send one that waits.

        Raises:
            ValueError, IndexError: The answer lies where no host of this version puts it.
        """
        value = message.value
        # Also for an answer that nobody waits for, so that its places are released.
        buffers = wire.buffers(value, self._slab) if value.tagged else ()
        with self._lock:
            reply = self._close(message.id)
        if reply is None:
            return
        if message.HasField("error"):
            reply.refused(message.error)
        else:
            reply.answered(value, buffers)
        asks = reply.attempt.asks
        if asks is not None:
            asks.replies.discard(reply)

    def on_stop(self, attempt: Attempt) -> None:
        """Wake the threads that wait on behalf of a call whose `stop_code` was just set."""
        asks = attempt.asks
        if asks is not None:
            for reply in list(asks.replies):
                reply.stopped()

    def after_fork_in_child(self) -> None:
        """Refuse to ask in a forked copy of the process."""
        self.forked = True

    def _start(self, reply: Reply, value: Encoded) -> None:
        attempt = reply.attempt
        with self._lock:
            if attempt.asks is None:
                attempt.asks = CallAsks()
            attempt.asks.replies.add(reply)
            ask = _Ask(self._next_id(), reply, value.size)
            line = self._line_of(reply)
            goes_out = self._has_place(line, value.size) and not line.waiting
            # Threads often ask at the same time, and their asks are cheaper in one frame.
            is_alone = reply.is_here and not self._open
            if goes_out:
                self._open_ask(ask)
        if goes_out:
            try:
                message = wire.ask(
                    ask.id, attempt.id, method=reply.method, value=value, shared=self._shared
                )
                if is_alone:
                    self._outbox.put_now(message)
                else:
                    self._outbox.put(message)
            except BaseException:
                with self._lock:
                    self._close(ask.id)
                raise
        else:
            # Without shared memory, which others need more than an ask that waits.
            message = wire.ask(ask.id, attempt.id, method=reply.method, value=value)
            with self._lock:
                line.waiting.append((ask, message))
                self._send_waiting()
        self._attend()

    def _line_of(self, reply: Reply) -> _Line:
        method = reply.method
        if method in _LONG_METHODS:
            return self._long
        return self._changes if method in _CHANGE_METHODS else self._short

    def _has_place(self, line: _Line, nbytes: int) -> bool:
        return (
            line.places > 0
            and len(self._open) < MAX_OPEN_ASKS
            and self._open_bytes < MAX_OPEN_ASK_BYTES
            and (line.nbytes == 0 or line.nbytes + nbytes <= line.max_bytes)
        )

    def _open_ask(self, ask: _Ask) -> None:
        self._open[ask.id] = ask
        self._open_bytes += ask.nbytes
        line = self._line_of(ask.reply)
        line.places -= 1
        line.nbytes += ask.nbytes

    def _close(self, ask_id: int) -> Reply | None:
        """Forget an open ask, and send those that wait for its place."""
        ask = self._open.pop(ask_id, None)
        if ask is not None:
            self._open_bytes -= ask.nbytes
            line = self._line_of(ask.reply)
            line.places += 1
            line.nbytes -= ask.nbytes
        self._send_waiting()
        return None if ask is None else ask.reply

    def _send_waiting(self) -> None:
        """Send asks that wait while there is room, unless they are settled."""
        for line in (self._short, self._long, self._changes):
            while line.waiting and self._has_place(line, line.waiting[0][0].nbytes):
                ask, message = line.waiting.popleft()
                if ask.reply.done:
                    ask.reply.dropped()
                else:
                    self._open_ask(ask)
                    self._outbox.put(message)

    def _next_id(self) -> int:
        ask_id = self._last_id
        while True:
            ask_id = ask_id % _MAX_ID + 1
            if ask_id not in self._open:
                self._last_id = ask_id
                return ask_id
