"""The frames between the host and a warden: one byte for the kind, four for the length, the
payload. src/process/guard/frames.ts is the twin of this file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

__all__ = ["HEADER", "Kind", "Splitter", "amount", "frame"]

HEADER: Final = struct.Struct("<cI")
_AMOUNT: Final = struct.Struct("<I")


class Kind:
    """The kinds of frames."""

    # From the host.
    LAUNCH: Final = b"L"
    """The program to start, as JSON."""
    SWEEP: Final = b"W"
    """In place of a launch: kill all processes with this `NAME=value` in their environment."""
    INPUT: Final = b"I"
    """Bytes for the standard input of the program."""
    INPUT_END: Final = b"E"
    STOP: Final = b"S"
    """Milliseconds until all processes are killed."""
    TAKEN: Final = b"T"
    """Bytes of output that were taken, so that as many more may be sent."""

    # To the host.
    HELLO: Final = b"h"
    """The first frame. Without it, no program was started."""
    STARTED: Final = b"s"
    """The pids of the program and of the warden, as JSON."""
    FAILED: Final = b"f"
    """The reason why the program was not started, as JSON."""
    STDOUT: Final = b"o"
    STDERR: Final = b"e"
    INPUT_TAKEN: Final = b"t"
    """Bytes of input that the program has read, so that as many more may be sent."""
    INPUT_CLOSED: Final = b"c"
    """The program reads no more input."""
    ENDED: Final = b"z"
    """The end, as JSON. No process of the job is left."""


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """Return a whole frame."""
    return HEADER.pack(kind, len(payload)) + payload


def amount(value: int | bytes) -> bytes:
    """Return the payload of a number, or of the length of some bytes."""
    return _AMOUNT.pack(value if isinstance(value, int) else len(value))


def amount_in(payload: bytes) -> int:
    """Return the number in a payload."""
    value: int = _AMOUNT.unpack(payload)[0]
    return value


class Splitter:
    """Splits a stream of bytes into frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def push(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Add bytes. Yields the frames that are whole, as kind and payload."""
        self._bytes += data
        at = 0
        try:
            while len(self._bytes) - at >= HEADER.size:
                kind, length = HEADER.unpack_from(self._bytes, at)
                end = at + HEADER.size + length
                if len(self._bytes) < end:
                    break
                payload = bytes(self._bytes[at + HEADER.size : end])
                at = end
                yield kind, payload
        finally:
            del self._bytes[:at]
