"""Messages that wait to be sent. They gather while the link writes, and leave in frames.

Results, failures and chunks are never dropped and keep their order. A progress report replaces an
older one of its call that was not sent yet. Log entries above a limit are dropped, and the next
entry says how many. Pongs go first.

The sender (the writer thread, or the main thread with an answer or an ask) holds `_sending` from
before it takes messages until they are written, which keeps their order. Except in `put_answer`, a
signal handler may raise at any step and do no harm: cancelling a call may interrupt it in the
middle of `progress()` or of logging.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import get_ident
from typing import TYPE_CHECKING, Final

from snakeden._link import wire

if TYPE_CHECKING:
    from snakeden._link.slab import PlaceRef

__all__ = ["Outbox"]

FRAME_BYTES: Final = 1 << 20
"""The size of a frame. A single message may be larger."""
NOW_BYTES: Final = 16_384
"""The largest message of `put_now`. Linux takes it as a whole or not at all, so an exception of a
signal handler does not leave a part of it on the link.
"""
MAX_LOG_ENTRIES: Final = 1_000
MAX_LOG_BYTES: Final = 1 << 20


class Outbox:
    """A queue of messages from any thread. It passes frames to the function of `write_with`, or to
    whoever iterates over it.
    """

    def __init__(self) -> None:
        self.released: deque[PlaceRef] = deque()
        """Places in shared memory that are no longer in use. Appending a place wakes no thread: the
        next message reports it to the host.
        """
        self._messages: deque[bytes] = deque()
        self._news: SimpleQueue[None] = SimpleQueue()
        self._sending = threading.Lock()
        self._write: Callable[[bytes], None] | None = None
        self._begin_write: Callable[[bytes], bool] | None = None
        self._writer: threading.Thread | None = None
        self._turning: int = 0
        """The thread that calls `write_waiting` whenever it has added messages; 0 if none does."""
        self.on_written: Callable[[], None] | None = None
        """Called on the writer thread when nothing waits any more, for `write_waiting`."""
        # Reentrant, since the garbage collector may run a finalizer here, and that may log.
        self._lock = threading.RLock()
        self._urgent: deque[bytes] = deque()
        self._progress: dict[int, bytes] = {}
        self._logs: deque[bytes] = deque()
        self._log_bytes = 0
        self._dropped = 0
        self._ending = False
        self._is_begun = False
        """True if a part of a frame was written, and the writer has to write the rest."""

    @property
    def confirms(self) -> bool:
        """True if the system has an answer when `put_answer` returns."""
        return self._write is not None

    def put(self, message: bytes) -> None:
        """Add a message that must arrive, in order. Does nothing after `close`."""
        if self._ending:
            return
        self._messages.append(message)
        if self._turning == 0 or get_ident() != self._turning:
            self._news.put(None)

    def put_answer(self, message: bytes) -> bool:
        """Add an answer, which must arrive. With `write_with`, it is written when this returns,
        unless this thread gathers messages, and the system does not take it at once. Returns
        whether it was written.

        Only for code in which no signal handler raises.
        """
        write = self._write
        if write is None:
            self.put(message)
            return False
        if self._turning and self._turning == get_ident():
            self._messages.append(message)
            return self.write_waiting()
        with self._sending:
            if self._messages or self._urgent or self._progress or self._logs or self.released:
                self._messages.append(message)
                while frame := self._take():
                    write(frame)
            else:
                write(message)
        return True

    def put_now(self, message: bytes) -> None:
        """Add a message that must arrive, in order. With `write_with`, a small one is written when
        this returns if nothing else waits, which spares a change of threads.

        Only for code that CallCancelled does not interrupt. A signal handler of a tool may raise.
        """
        write = self._write
        if (
            write is None
            or self._ending
            or self._turning
            or len(message) > NOW_BYTES
            or self._messages
            or self._urgent
            or self._progress
            or self._logs
            or self.released
            # Also true if a finalizer comes here on a thread that is writing.
            or self._sending.locked()
        ):
            self.put(message)
            return
        with self._sending:
            write(message)

    def gather_on_this_thread(self) -> None:
        """Wake the writer no more for messages that this thread adds by `put`, since it calls
        `write_waiting` whenever it has added some. Does nothing without `begin_write`.
        """
        if self._begin_write is not None:
            self._turning = get_ident()

    def gather_no_more(self) -> None:
        """Wake the writer for all messages again, from the thread of `gather_on_this_thread`."""
        self._turning = 0
        self._news.put(None)

    def write_waiting(self) -> bool:
        """Write the messages that wait, as far as the system takes them at once. The writer thread
        writes the rest. Returns True if the system has all that was added before on this thread.
        """
        if not (self._messages or self._urgent or self._progress or self._logs or self.released):
            if not (self._sending.locked() or self._is_begun):
                return True
            # A message that another thread has taken is written when that releases the lock. The
            # writer waits for it, and says so.
            self._news.put(None)
            return False
        begin_write = self._begin_write
        if begin_write is not None and not self._is_begun and self._sending.acquire(False):
            try:
                while frame := self._take():
                    if not begin_write(frame):
                        self._is_begun = True
                        break
                else:
                    return True
            finally:
                self._sending.release()
        self._news.put(None)
        return False

    def put_urgent(self, message: bytes) -> None:
        """Add a message that is sent before all waiting ones."""
        self._urgent.append(message)
        self._news.put(None)

    def put_progress(self, call_id: int, message: bytes) -> None:
        """Add a progress report. It replaces an older one of the call that was not sent yet."""
        with self._lock:
            waits = call_id in self._progress
            self._progress[call_id] = message
        if not waits:
            self._news.put(None)

    @property
    def has_log_room(self) -> bool:
        """False if `put_log` would drop an entry now."""
        return len(self._logs) < MAX_LOG_ENTRIES and self._log_bytes < MAX_LOG_BYTES

    def put_log(self, make: Callable[[int], bytes]) -> None:
        """Add a log entry, which `make` builds from the number of entries dropped before it. Drops
        it if too many wait.
        """
        with self._lock:
            if not self.has_log_room:
                self._dropped += 1
                return
            message = make(self._dropped)
            self._dropped = 0
            self._logs.append(message)
            self._log_bytes += len(message)
            is_first = len(self._logs) == 1
        if is_first:
            self._news.put(None)

    def close(self) -> None:
        """Send all waiting messages, then end."""
        self._ending = True
        self._news.put(None)

    def write_with(
        self,
        write: Callable[[bytes], None],
        end: Callable[[], None],
        *,
        begin_write: Callable[[bytes], bool] | None = None,
    ) -> None:
        """Pass all frames to `write`, one at a time, from a writer thread or from the thread of
        `put_answer`. After `close`, call `end` once everything is written.

        `begin_write` writes what the system takes at once, and returns False if that is not all of
        the frame. Then the next call of `write` begins with the rest; its frame may be empty.
        """
        self._write = write
        self._begin_write = begin_write

        def run() -> None:
            while True:
                ending = self._ending
                with self._sending:
                    if self._is_begun:
                        write(b"")
                        self._is_begun = False
                    while frame := self._take():
                        write(frame)
                if ending:
                    end()
                    return
                if self.on_written is not None:
                    self.on_written()
                self._wait()

        self._writer = threading.Thread(target=run, name="snakeden-writer", daemon=True)
        self._writer.start()

    def join(self, seconds: float) -> None:
        """After `close`, wait at most `seconds` until everything is written."""
        if self._writer is not None:
            self._writer.join(seconds)

    def __iter__(self) -> Iterator[bytes]:
        """Yield frames as messages gather. After `close`, end once all are taken."""
        while True:
            ending = self._ending
            while frame := self._take():
                yield frame
            if ending:
                return
            self._wait()

    def _wait(self) -> None:
        """Block until a message was added. Clears `_news` before the messages are taken, so none is
        missed.
        """
        self._news.get()
        while not self._news.empty():
            self._news.get()

    def _take(self) -> bytes:
        """Return the next frame; empty if nothing waits."""
        messages = self._gather()
        # Asides were added before a result in `messages`, so they must precede it.
        asides = self._take_asides()
        if asides:
            return b"".join((*asides, *messages))
        return messages[0] if len(messages) == 1 else b"".join(messages)

    def _gather(self) -> list[bytes]:
        """Return waiting messages, up to the size of a frame."""
        waiting = self._messages
        messages: list[bytes] = []
        size = 0
        while waiting:
            message = waiting.popleft()
            if size and size + len(message) > FRAME_BYTES:
                waiting.appendleft(message)
                break
            messages.append(message)
            size += len(message)
        return messages

    def _take_asides(self) -> list[bytes]:
        """Return pongs, progress reports, log entries and releases."""
        asides: list[bytes] = []
        while self._urgent:
            asides.append(self._urgent.popleft())
        if self._progress or self._logs:
            with self._lock:
                asides.extend(self._progress.values())
                asides.extend(self._logs)
                self._progress.clear()
                self._logs.clear()
                self._log_bytes = 0
        released = self.released
        if released:
            asides.append(wire.release([released.popleft().offset for _ in range(len(released))]))
        return asides
