"""Send the outcomes of a bulk call while its other items run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from math import inf
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from snakeden._link import wire
from snakeden._values.values import Encoded
from snakeden._worker.bulk.texts import SEPARATOR
from snakeden._worker.calls.streams import CHUNK_OVERHEAD
from snakeden._worker.system.progress_cell import AREAS, BulkRecord
from snakeden.errors import CallCancelled

if TYPE_CHECKING:
    import asyncio

    from snakeden._link.outbox import Outbox
    from snakeden._link.slab import SharedMemory
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption

__all__ = ["FLUSH_BYTES", "FLUSH_SECONDS", "LATE_SECONDS", "OutcomeSender"]

FLUSH_BYTES: Final = 65_536
"""The size of outcomes that are sent at once."""
FLUSH_SECONDS: Final = 0.004
"""The time that an outcome waits for others."""
LATE_SECONDS: Final = 0.01
"""The time after which another thread sends what waits, since an item runs for long."""


class OutcomeSender:
    """The outcomes of one bulk call, from the end of their items until the host has taken them.

    They wait in one of the two areas of the record, which survives this process, and stay there
    until the host has credited them. Meanwhile others fill the other area. So at any moment the
    death of this process takes the running item alone.

    The thread that runs the items adds outcomes, and sends them when there are enough. While an
    item runs for long, the watch over deadlines sends what waits.
    """

    def __init__(
        self,
        attempt: Attempt,
        outbox: Outbox,
        *,
        record: BulkRecord,
        interruption: Interruption,
        shared: SharedMemory | None,
        look_at: Callable[[float], None],
    ) -> None:
        """Send the outcomes of `attempt`; `look_at` has `flush_due` called at a time."""
        self._attempt = attempt
        self._outbox = outbox
        self._record = record
        self._memory = record.memory
        self._cells = record.cells
        self._area_bytes = record.area_bytes
        self._interruption = interruption
        self._shared = shared
        self._look_at = look_at
        self._window = max(1, attempt.message.window_bytes)
        self._lock = threading.Lock()
        self._next = 0
        """The index of the next outcome."""
        self._sent = 0
        """The weight of all that was sent, and of all that was credited."""
        self._credited = 0
        self._credits: SimpleQueue[int] = SimpleQueue()
        """Bytes that the host has taken."""
        self._free_at = [0] * AREAS
        """The credit with which the host has taken what each area has."""
        self._area = self._start = self._at = self._limit = self._full = self._length_cell = 0
        self._due = -inf
        """The time at which the outcomes that wait are sent; in the past while none wait."""
        self._use(0)
        self._news: asyncio.Event | None = None
        """Set when there is credit, once a task has waited for it."""
        attempt.on_credit = self._credits.put

    def add(self, text: bytes, now: float) -> None:
        """Add the outcome of an item that has ended, with a separator behind it. Waits while the
        host takes nothing.

        Raises:
            CallCancelled: The bulk call was stopped while it waited.
        """
        if not self.try_add(text, now):
            self._wait_for(self.add_large(text, now))

    def try_add(self, text: bytes, now: float) -> bool:
        """Add an outcome as `add` does, if it needs no wait; returns False otherwise."""
        with self._lock:
            at = self._at
            end = at + len(text)
            if end <= self._limit:
                self._memory[at:end] = text
                self._at = end
                self._cells[self._length_cell] = end - self._start
                self._next += 1
                if now < self._due and end < self._full:
                    return True
                if at == self._start:
                    self._due = now + FLUSH_SECONDS
                    self._look_at(now + LATE_SECONDS)
                elif not self._try_flush():
                    self._due = now + FLUSH_SECONDS
                return True
        return False

    def add_tagged(self, value: Encoded) -> None:
        """Send an outcome with tags, whose buffers are its own. Waits as `add` does."""
        self._wait_for(self.tagged(value))

    def finish(self) -> None:
        """Send the outcomes that wait, since all items have ended. Waits for the window alone."""
        self._wait_for(self.last())

    def abandon(self) -> None:
        """Send the outcomes that wait, since no others follow. Waits for nothing: the host takes
        all that a stopped call sends.
        """
        with self._lock:
            if self._at > self._start:
                self._send_rest()

    def flush_due(self, now: float) -> float:
        """Send what has waited for long, on any thread; returns when to call this again."""
        with self._lock:
            if self._at == self._start:
                return inf
            late = self._due + (LATE_SECONDS - FLUSH_SECONDS)
            if now < late:
                return late
            return inf if self._try_flush() else now + LATE_SECONDS

    # ---- for those who hold the lock ----

    def _use(self, area: int) -> None:
        """Begin with an empty area."""
        self._area = area
        self._start = self._at = self._record.start_of(area)
        self._limit = self._start + self._area_bytes
        self._length_cell = self._record.length_of(area)
        self._full = self._start + min(FLUSH_BYTES, self._area_bytes // 2)
        self._due = -inf
        self._record.note_first(area, self._next)

    def _try_flush(self) -> bool:
        """Send what waits; returns False if the host must first take what was sent."""
        following = (self._area + 1) % AREAS
        if not (self._is_open() and self._credited >= self._free_at[following]):
            return False
        self._outbox.put_answer(self._chunk())
        self._free_at[self._area] = self._sent
        self._use(following)
        return True

    def _send_rest(self) -> None:
        self._outbox.put_answer(self._chunk())
        # The record keeps them, but nothing waits any more.
        self._at = self._start

    def _chunk(self) -> bytes:
        texts = self._memory[self._start : self._at - len(SEPARATOR)]
        json = b"".join((b"[", texts, b"]"))
        self._sent += len(json) + CHUNK_OVERHEAD
        return wire.chunk(self._attempt.id, Encoded(json, False, ()))

    def _is_open(self) -> bool:
        """Return whether the window has room for a chunk."""
        try:
            while True:
                self._credited += self._credits.get_nowait()
        except Empty:
            return self._sent - self._credited < self._window

    # ---- steps that yield whenever they have to wait for credit ----

    def add_large(self, text: bytes, now: float) -> Iterator[None]:
        """Add an outcome that does not fit behind those that wait."""
        yield from self._flush()
        if len(text) > self._area_bytes:
            json = b"[%b]" % text[: -len(SEPARATOR)]
            yield from self._send_alone(Encoded(json, False, ()))
        else:
            while not self.try_add(text, now):
                yield from self._flush()

    def tagged(self, value: Encoded) -> Iterator[None]:
        """Send an outcome with tags, whose buffers are its own."""
        yield from self._flush()
        yield from self._send_alone(value)

    def last(self) -> Iterator[None]:
        """Send the outcomes that wait, since all items have ended."""
        while True:
            with self._lock:
                if self._at == self._start:
                    return
                if self._is_open():
                    self._send_rest()
                    return
            yield

    def _flush(self) -> Iterator[None]:
        """Send the outcomes that wait."""
        while True:
            with self._lock:
                if self._at == self._start or self._try_flush():
                    return
            yield

    def _send_alone(self, value: Encoded) -> Iterator[None]:
        """Send one outcome past the record. Before the next item begins, the system has it, or the
        host.
        """
        while True:
            with self._lock:
                if self._is_open():
                    break
            yield
        chunk = wire.chunk(self._attempt.id, value, shared=self._shared)
        with self._lock:
            is_written = self._outbox.put_answer(chunk)
            self._sent += value.size + CHUNK_OVERHEAD
            self._next += 1
            self._record.note_first(self._area, self._next)
        while not is_written:
            with self._lock:
                self._is_open()
                if self._credited >= self._sent:
                    return
            yield

    # ---- waits ----

    def _wait_for(self, steps: Iterator[None]) -> None:
        """Take all steps, on the thread that runs the items."""
        for _ in steps:
            self._await_credit()

    async def wait_for_async(self, steps: Iterator[None]) -> None:
        """Take all steps in a task, while other tasks of the loop go on."""
        for _ in steps:
            if self._attempt.stop_code is not None:
                raise CallCancelled(self._attempt.stop_code)
            news = self._news or self._listen()
            # Cleared before the look, so that credit which comes meanwhile is not missed.
            news.clear()
            if self._credits.empty():
                await news.wait()

    def _listen(self) -> asyncio.Event:
        """Have credit wake this task."""
        import asyncio

        loop = asyncio.get_running_loop()
        news = self._news = asyncio.Event()

        def on_credit(nbytes: int) -> None:
            self._credits.put(nbytes)
            loop.call_soon_threadsafe(news.set)

        self._attempt.on_credit = on_credit
        return news

    def _await_credit(self) -> None:
        """Wait until the host has taken more."""
        interruption = self._interruption
        try:
            # From here to the `finally` CallCancelled may come up at any point.
            interruption.armed = self._attempt
            interruption.check(self._attempt)
            credit = self._credits.get()
        finally:
            interruption.armed = None
        self._credits.put(credit)
