"""Cut the bytes of a socket into frames: each follows its length."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from snakeden._link.gen.link_pb2 import HostFrame
from snakeden._link.link import LinkLostError

if TYPE_CHECKING:
    from snakeden._link.gen.link_pb2 import HostMessage

__all__ = ["HEADER", "FrameReader"]

HEADER: Final = 4
"""The bytes of the length of a frame, little-endian."""
_READ_BYTES: Final = 1 << 16


class FrameReader:
    """Reads the frames of the host. Belongs to the thread that may read."""

    def __init__(self, stream: socket.socket, path: str) -> None:
        """Read from `stream`, which was connected to `path`."""
        self._socket = stream
        self._path = path
        # Kept, since memory of this size would be returned to the system each time it is freed.
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._end = 0
        """The number of bytes of an incomplete frame at the beginning of the buffer."""
        self._large: memoryview | None = None
        """The body of a frame that is larger than the buffer, until it is complete."""
        self._large_end = 0
        """The number of its bytes that were read."""

    def read(self, flags: int = 0) -> Sequence[HostMessage] | None:
        """Return the messages of one read, possibly none; None at the end of the stream. `flags`
        are those of the socket.

        Raises:
            LinkLostError: The link broke.
        """
        known = self._end
        large = self._large
        try:
            if large is not None:
                count = self._socket.recv_into(large[self._large_end :], 0, flags)
            elif known:
                count = self._socket.recv_into(self._buffer[known:], 0, flags)
            else:
                count = self._socket.recv_into(self._buffer, 0, flags)
        except BlockingIOError:
            return ()
        except OSError as error:
            raise LinkLostError(f"the link to {self._path} broke: {error.strerror}") from None
        if count:
            return self._cut(known + count) if large is None else self._extend(large, count)
        if known or large is not None:
            raise LinkLostError(f"the link to {self._path} broke inside of a frame")
        return None

    def _cut(self, end: int) -> Sequence[HostMessage]:
        """Return the messages of all complete frames in the buffer up to `end`."""
        buffer = self._buffer
        messages: Sequence[HostMessage] = ()
        at = 0
        while end - at >= HEADER:
            start = at + HEADER
            stop = start + int.from_bytes(buffer[at:start], "little")
            if stop > end:
                if stop - at > len(buffer):
                    self._large = memoryview(bytearray(stop - start))
                    self._large[: end - start] = buffer[start:end]
                    self._large_end = end - start
                    at = end
                break
            frame = HostFrame.FromString(bytes(buffer[start:stop]))
            messages = _joined(messages, frame.messages)
            at = stop
        rest = self._end = end - at
        if rest:
            # Copied first, since source and destination may overlap.
            buffer[:rest] = bytes(buffer[at:end])
        return messages

    def _extend(self, large: memoryview, count: int) -> Sequence[HostMessage]:
        """Return the messages of a frame that is larger than the buffer, once all of it is there.
        The host is writing it.
        """
        self._large_end += count
        if self._large_end < len(large):
            return ()
        self._large = None
        return HostFrame.FromString(bytes(large)).messages


def _joined(messages: Sequence[HostMessage], more: Sequence[HostMessage]) -> Sequence[HostMessage]:
    return [*messages, *more] if messages else more
