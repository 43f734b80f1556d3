"""The streams that a warden carries: pipes of the program, and the connection to the host.

Each direction has a window: so many bytes may be on their way before the other side has taken
some. So the frames that stop a job, or tell its end, never wait behind others.
"""

from __future__ import annotations

import os
import select
import socket
from collections import deque
from collections.abc import Iterator
from typing import Final

from snakeden._guard.frames import HEADER

__all__ = ["InputPipe", "Outbox", "OutputPipe"]

OUTPUT_WINDOW: Final = 1 << 20
_READ_BYTES: Final = 1 << 16
_MAX_REST_BYTES: Final = 1 << 21
"""A pipe holds less. Bounds what is read from one that a process elsewhere still holds open."""


class Outbox:
    """The frames on their way to the host."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting: deque[memoryview] = deque()
        self._on_the_way = 0
        self.is_broken = False
        """True once the host is gone."""

    @property
    def is_empty(self) -> bool:
        """True when everything was written."""
        return not self._waiting

    @property
    def has_room(self) -> bool:
        """True while output may be sent."""
        return not self._waiting and self._on_the_way < OUTPUT_WINDOW

    def taken(self, count: int) -> None:
        """Note that the host has taken so many bytes of output."""
        self._on_the_way -= count

    def send(self, *parts: bytes) -> None:
        """Send bytes now, or as soon as the connection takes them."""
        if self.is_broken:
            return
        if self._waiting:
            self._waiting.extend(map(memoryview, parts))
            return
        sent = self._write(parts)
        for part in parts:
            if sent < len(part):
                self._waiting.append(memoryview(part)[sent:])
                sent = 0
            else:
                sent -= len(part)

    def send_output(self, kind: bytes, data: bytes) -> None:
        """Send output of the program."""
        self._on_the_way += len(data)
        self.send(HEADER.pack(kind, len(data)), data)

    def flush(self) -> None:
        """Write what the connection takes now."""
        while self._waiting:
            part = self._waiting[0]
            sent = self._write((part,))
            if sent < len(part):
                self._waiting[0] = part[sent:]
                return
            self._waiting.popleft()

    def flush_whole(self) -> None:
        """Write everything, unless the host goes."""
        poll = select.poll()
        poll.register(self._connection, select.POLLOUT)
        while self._waiting and not self.is_broken:
            poll.poll()
            self.flush()

    def _write(self, parts: tuple[bytes | memoryview, ...]) -> int:
        try:
            return self._connection.sendmsg(parts)
        except BlockingIOError:
            return 0
        except OSError:
            self.is_broken = True
            self._waiting.clear()
            return sum(map(len, parts))


class _Pipe:
    """One end of a pipe of the program, which is watched from time to time."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._is_watched = False

    def unwatch(self, poll: select.poll) -> None:
        """Watch it no longer."""
        if self._is_watched:
            poll.unregister(self.descriptor)
            self._is_watched = False

    def close(self) -> None:
        """Close it. It is not watched any more."""
        os.close(self.descriptor)

    def _watch(self, poll: select.poll, mask: int) -> None:
        if mask == 0:
            self.unwatch(poll)
        elif not self._is_watched:
            poll.register(self.descriptor, mask)
            self._is_watched = True


class OutputPipe(_Pipe):
    """Standard output or standard error of the program."""

    def __init__(self, descriptor: int, *, kind: bytes) -> None:
        super().__init__(descriptor)
        self.kind = kind

    def watch(self, poll: select.poll, has_room: bool) -> None:
        """Watch it while there is room for what it brings."""
        self._watch(poll, select.POLLIN if has_room else 0)

    def read(self) -> bytes | None:
        """Return what is there, b"" at the end, and None if nothing is there now."""
        try:
            return os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return None

    def rest(self) -> Iterator[bytes]:
        """Yield what the pipe still holds, after the last writer has ended."""
        count = 0
        while count < _MAX_REST_BYTES and (data := self.read()):
            count += len(data)
            yield data


class InputPipe(_Pipe):
    """Standard input of the program."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._waiting: deque[memoryview] = deque()
        self._is_ended = False
        self._is_broken = False

    @property
    def is_closed(self) -> bool:
        """True when all has been written, or the program reads no more."""
        return self._is_broken or (self._is_ended and not self._waiting)

    def watch(self, poll: select.poll) -> None:
        """Watch it while something waits, and for the program to close it."""
        mask = select.POLLOUT if self._waiting else select.POLLERR
        self.unwatch(poll)
        self._watch(poll, mask)

    def push(self, data: bytes) -> None:
        """Add bytes to write."""
        self._waiting.append(memoryview(data))

    def end(self) -> None:
        """Close it after the bytes so far."""
        self._is_ended = True

    def write(self) -> int:
        """Write what the pipe takes now. Returns the number of bytes."""
        count = 0
        try:
            while self._waiting:
                part = self._waiting[0]
                written = os.write(self.descriptor, part)
                count += written
                if written < len(part):
                    self._waiting[0] = part[written:]
                else:
                    self._waiting.popleft()
            self._is_broken = self._is_broken or self._has_no_reader()
        except BlockingIOError:
            pass
        except OSError:
            self._is_broken = True
        return count

    def _has_no_reader(self) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, 0)
        return any(mask & select.POLLERR for _, mask in poll.poll(0))
