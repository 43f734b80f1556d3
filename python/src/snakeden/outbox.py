"""What waits to be sent: gathers while the link writes, and leaves in frames.

Results, failures and chunks are never dropped and keep their order. The newest progress of a call
replaces an older one that was not sent. Log entries are dropped beyond a bound, and the next one
says how many. Pongs go first.

Every step a producer takes is one that an exception from a signal handler can leave half done
without harm, because a cancelled call may be interrupted in the middle of `progress()` or of
logging.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

__all__ = ["Outbox"]

FRAME_BYTES: Final = 1 << 20
"""A frame takes messages until it has this many bytes; one message alone may be larger."""
MAX_LOG_ENTRIES: Final = 1_000
MAX_LOG_BYTES: Final = 1 << 20

_NUDGE: Final = b""


class Outbox:
    """An iterator of frames for the link's writer; anything may be put from any thread."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        # Reentrant: a finalizer that the garbage collector runs in here may log.
        self._lock = threading.RLock()
        self._urgent: deque[bytes] = deque()
        self._progress: dict[int, bytes] = {}
        self._logs: deque[bytes] = deque()
        self._log_bytes = 0
        self._dropped = 0
        self._held: bytes | None = None
        self._ending = False
        self.put: Callable[[bytes], None] = self._queue.put
        """Add a message that must arrive, in order."""

    def put_urgent(self, message: bytes) -> None:
        """Add a message that goes ahead of what waits."""
        self._urgent.append(message)
        self._queue.put(_NUDGE)

    def put_progress(self, call_id: int, message: bytes) -> None:
        """Add a report; replaces the call's older one when that was not sent yet."""
        with self._lock:
            waits = call_id in self._progress
            self._progress[call_id] = message
        if not waits:
            self._queue.put(_NUDGE)

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
            self._queue.put(_NUDGE)

    def close(self) -> None:
        """Send what waits, then end."""
        self._queue.put(None)

    def __iter__(self) -> Outbox:
        return self

    def __next__(self) -> bytes:
        """The next frame; blocks until there is something to send.

        Raises:
            StopIteration: Closed, and everything was sent.
        """
        while True:
            messages = self._gather()
            asides = self._take_asides()
            # Asides were put before a result that is in `messages`, so they have to be in front of
            # it.
            if asides or messages:
                return b"".join((*asides, *messages))
            if self._ending:
                raise StopIteration

    def _gather(self) -> list[bytes]:
        """What the queue holds, up to the size of a frame; waits when it holds nothing."""
        messages: list[bytes] = []
        size = 0
        item: bytes | None
        if self._held is not None:
            messages.append(self._held)
            size = len(self._held)
            self._held = None
        elif self._ending:
            return messages
        else:
            item = self._queue.get()
            if item is None:
                self._ending = True
                return messages
            if item:
                messages.append(item)
                size = len(item)
        while size < FRAME_BYTES and not self._ending:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if item is None:
                self._ending = True
            elif size and size + len(item) > FRAME_BYTES:
                self._held = item
                break
            elif item:
                messages.append(item)
                size += len(item)
        return messages

    def _take_asides(self) -> list[bytes]:
        """Pongs, reports and log entries."""
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
        return asides
