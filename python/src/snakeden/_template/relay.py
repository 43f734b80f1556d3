"""One pipe of a worker, whose output the reaper carries to the host. The host cannot read a pipe
that another process has made, and a socket in place of the pipe would be another kind of file to
tools: /dev/stderr cannot be opened then.
"""

from __future__ import annotations

import os
import select
import socket
from typing import Final

__all__ = ["Relay"]

_READ_BYTES: Final = 1 << 16


class Relay:
    """Carries bytes from a pipe to a connection, as fast as the host reads."""

    def __init__(self, pipe: int, connection: socket.socket) -> None:
        self.pipe: Final = pipe
        self.socket: Final = connection
        self._rest = b""
        self._is_watched = False
        os.set_blocking(pipe, False)
        connection.setblocking(False)

    def watch(self, poll: select.poll) -> None:
        """Wait for what comes next."""
        waits = bool(self._rest)
        if not waits:
            poll.register(self.pipe, select.POLLIN)
        elif self._is_watched:
            # Its end would be reported again and again until the host has read the rest.
            poll.unregister(self.pipe)
        self._is_watched = not waits
        # The end of the connection is reported in any case.
        poll.register(self.socket, select.POLLOUT if waits else 0)

    def carry(self, events: dict[int, int]) -> bool:
        """Handle what was waited for. Returns False at the end of either side."""
        at_socket = events.get(self.socket.fileno(), 0)
        if at_socket & (select.POLLHUP | select.POLLERR):
            return False
        try:
            if self._rest:
                if at_socket:
                    self._send(self._rest)
                return True
            if not events.get(self.pipe, 0):
                return True
            data = os.read(self.pipe, _READ_BYTES)
            if data:
                self._send(data)
            return bool(data)
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _send(self, data: bytes) -> None:
        try:
            self._rest = data[self.socket.send(data) :]
        except BlockingIOError:
            self._rest = data

    def end(self, poll: select.poll) -> None:
        """Watch no more, and close both sides."""
        if self._is_watched:
            poll.unregister(self.pipe)
        poll.unregister(self.socket)
        self.close()

    def close(self) -> None:
        """Close both sides, in this process."""
        os.close(self.pipe)
        self.socket.close()
