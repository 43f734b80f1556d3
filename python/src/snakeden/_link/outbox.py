"""What waits to be sent: gathers while the link writes, and leaves in frames.

Results, failures and chunks are never dropped and keep their order. The newest progress of a call
replaces an older one that was not sent. Log entries are dropped beyond a bound, and the next one
says how many. Pongs go first.

Whoever sends (a writer thread, or the main thread with an answer) holds `_sending` from before it
takes messages until they are written, so the order holds. Every step of a producer other than
`put_answer` is one that an exception from a signal handler can leave half done without harm,
because a cancelled call may be interrupted in the middle of `progress()` or of logging.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from snakeden._link import wire

if TYPE_CHECKING:
    from snakeden._link.slab import PlaceRef

__all__ = ["Outbox"]

FRAME_BYTES: Final = 1 << 20
"""A frame takes messages until it has this many bytes; one message alone may be larger."""
MAX_LOG_ENTRIES: Final = 1_000
MAX_LOG_BYTES: Final = 1 << 20


class Outbox:
    """Takes messages from any thread, and gives frames to the link that it is attached to: to
    `write_with`, or to whoever iterates over it.
    """

    def __init__(self) -> None:
        self.released: deque[PlaceRef] = deque()
        """Places of shared memory that are not in use any more; whoever appends wakes nobody, and
        the host hears of them with the next message.
        """
        self._messages: deque[bytes] = deque()
        self._news: SimpleQueue[None] = SimpleQueue()
        self._sending = threading.Lock()
        self._write: Callable[[bytes], None] | None = None
        self._writer: threading.Thread | None = None
        # Reentrant: a finalizer that the garbage collector runs in here may log.
        self._lock = threading.RLock()
        self._urgent: deque[bytes] = deque()
        self._progress: dict[int, bytes] = {}
        self._logs: deque[bytes] = deque()
        self._log_bytes = 0
        self._dropped = 0
        self._ending = False

    def put(self, message: bytes) -> None:
        """Add a message that must arrive, in order. After `close` nothing more is taken."""
        if self._ending:
            return
        self._messages.append(message)
        self._news.put(None)

    def put_answer(self, message: bytes) -> None:
        """Add a message that must arrive; with `write_with` it is written when this returns.

        For code that no signal handler interrupts by an exception.
        """
        write = self._write
        if write is None:
            self.put(message)
            return
        with self._sending:
            if self._messages or self._urgent or self._progress or self._logs or self.released:
                self._messages.append(message)
                while frame := self._take():
                    write(frame)
            else:
                write(message)

    def put_urgent(self, message: bytes) -> None:
        """Add a message that goes ahead of what waits."""
        self._urgent.append(message)
        self._news.put(None)

    def put_progress(self, call_id: int, message: bytes) -> None:
        """Add a report; replaces the call's older one when that was not sent yet."""
        with self._lock:
            waits = call_id in self._progress
            self._progress[call_id] = message
        if not waits:
            self._news.put(None)

    def put_log(self, make: Callable[[int], bytes]) -> None:
        """Add an entry that `make` builds from the number of entries dropped before it; drops it
        when too many wait.
        """
        with self._lock:
            if len(self._logs) >= MAX_LOG_ENTRIES or self._log_bytes >= MAX_LOG_BYTES:
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
        """Send what waits, then end."""
        self._ending = True
        self._news.put(None)

    def write_with(self, write: Callable[[bytes], None], end: Callable[[], None]) -> None:
        """Give all frames to `write`, one at a time, from a thread of its own or that of
        `put_answer`; and call `end` when everything was written after `close`.
        """
        self._write = write

        def run() -> None:
            while True:
                ending = self._ending
                with self._sending:
                    while frame := self._take():
                        write(frame)
                if ending:
                    end()
                    return
                self._wait()

        self._writer = threading.Thread(target=run, name="snakeden-writer", daemon=True)
        self._writer.start()

    def join(self, seconds: float) -> None:
        """Wait until `write_with` has written everything after `close`."""
        if self._writer is not None:
            self._writer.join(seconds)

    def __iter__(self) -> Iterator[bytes]:
        """The frames as they gather, until everything was taken after `close`."""
        while True:
            ending = self._ending
            while frame := self._take():
                yield frame
            if ending:
                return
            self._wait()

    def _wait(self) -> None:
        """Until something was put. Takes the news before anybody takes the messages, so none is
        overlooked.
        """
        self._news.get()
        while not self._news.empty():
            self._news.get()

    def _take(self) -> bytes:
        """The next frame; empty when nothing waits."""
        messages = self._gather()
        # Asides were put before a result that is in `messages`, so they have to be in front of it.
        asides = self._take_asides()
        if asides:
            return b"".join((*asides, *messages))
        return messages[0] if len(messages) == 1 else b"".join(messages)

    def _gather(self) -> list[bytes]:
        """What waits, up to the size of a frame."""
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
        """Pongs, reports, log entries and releases."""
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
