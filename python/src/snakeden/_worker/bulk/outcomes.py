"""Send the outcomes of a bulk call while its other items run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from snakeden._link import wire
from snakeden._values.values import Encoded
from snakeden._worker.bulk.texts import SEPARATOR
from snakeden._worker.calls.streams import CHUNK_OVERHEAD
from snakeden._worker.system.progress_cell import AREAS, BulkRecord

if TYPE_CHECKING:
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
        self._free_at = [0] * AREAS
        """The credit with which the host has taken what each area has."""
        self._area = self._start = self._at = self._limit = self._full = self._length_cell = 0
        self._due = -inf
        """The time at which the outcomes that wait are sent; in the past while none wait."""
        self._use(0)
        attempt.on_credit = self._credits.put

    def add(self, text: bytes, now: float) -> None:
        """Add the outcome of an item that has ended, with a separator behind it. Waits while the
        host takes nothing.

        Raises:
            CallCancelled: The bulk call was stopped while it waited.
        """
        with self._lock:
            at = self._at
            end = at + len(text)
            if end <= self._limit:
                self._memory[at:end] = text
                self._at = end
                self._cells[self._length_cell] = end - self._start
                self._next += 1
                if now < self._due and end < self._full:
                    return
                if at == self._start:
                    self._due = now + FLUSH_SECONDS
                    self._look_at(now + LATE_SECONDS)
                elif not self._try_flush():
                    self._due = now + FLUSH_SECONDS
                return
        self._add_large(text, now)

    def add_tagged(self, value: Encoded) -> None:
        """Send an outcome with tags, whose buffers are its own. Waits as `add` does."""
        self.flush()
        self._send_alone(value)

    def flush(self) -> None:
        """Send the outcomes that wait. Waits as `add` does."""
        while True:
            with self._lock:
                if self._at == self._start or self._try_flush():
                    return
            self._await_credit()

    def finish(self) -> None:
        """Send the outcomes that wait, since all items have ended. Waits for the window alone."""
        while True:
            with self._lock:
                if self._at == self._start:
                    return
                if self._is_open():
                    self._outbox.put_answer(self._chunk())
                    # The record keeps them, but nothing waits any more.
                    self._at = self._start
                    return
            self._await_credit()

    def abandon(self) -> None:
        """Send the outcomes that wait, since no others follow. Waits for nothing: the host takes
        all that a stopped call sends.
        """
        with self._lock:
            if self._at > self._start:
                self._outbox.put_answer(self._chunk())

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

    # ---- for the thread that runs the items ----

    def _add_large(self, text: bytes, now: float) -> None:
        """Add an outcome that does not fit behind those that wait."""
        self.flush()
        if len(text) <= self._area_bytes:
            self.add(text, now)
        else:
            json = b"[%b]" % text[: -len(SEPARATOR)]
            self._send_alone(Encoded(json, False, ()))

    def _send_alone(self, value: Encoded) -> None:
        """Send one outcome past the record. Before the next item begins, the system has it, or the
        host.
        """
        while True:
            with self._lock:
                if self._is_open():
                    break
            self._await_credit()
        chunk = wire.chunk(self._attempt.id, value, shared=self._shared)
        with self._lock:
            self._outbox.put_answer(chunk)
            self._sent += value.size + CHUNK_OVERHEAD
            self._next += 1
            self._record.note_first(self._area, self._next)
        while not self._outbox.confirms:
            with self._lock:
                self._is_open()
                if self._credited >= self._sent:
                    return
            self._await_credit()

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
