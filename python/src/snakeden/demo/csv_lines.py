"""The lines of a file, read in blocks so that most of the work happens in C."""

from __future__ import annotations

import codecs
import io
import os
from typing import Final

from snakeden.demo.csv_encoding import Encoding

__all__ = ["BLOCK_BYTES", "Lines", "count_line_ends"]

BLOCK_BYTES: Final = 1 << 17
MAX_LINE_CHARS: Final = 1 << 26


class Lines:
    """One pass over the lines of a file."""

    def __init__(self, path: str, encoding: Encoding, *, block_bytes: int = BLOCK_BYTES) -> None:
        """Open the file.

        Args:
            path: A regular file.
            encoding: Its encoding.
            block_bytes: The number of bytes to read at once.
        """
        self._path = path
        self._wide = encoding.wide
        self._decoder = codecs.getincrementaldecoder(encoding.name)(encoding.errors)
        self._block_bytes = block_bytes
        self._parts: list[str] = []
        self._waiting = 0
        self._ended = False
        self.bytes_read = 0
        """The number of bytes read so far."""
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        self._opened = os.fstat(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def change(self) -> str | None:
        """Return how the file has changed since it was opened; None if it has not."""
        then, now = self._opened, os.fstat(self._file.fileno())
        if (then.st_size, then.st_mtime_ns) == (now.st_size, now.st_mtime_ns):
            return None
        return (
            f"the file changed while it was read: it had {then.st_size} bytes at the start and "
            f"{now.st_size} at the end, of which {self.bytes_read} were read"
        )

    def read(self) -> list[str]:
        """Return the next lines with their ends (LF, CR or both); none at the end of the file.

        Raises:
            UnicodeDecodeError: The file is not in this encoding.
            ValueError: A NUL character, as binary files have, or a line without end.
        """
        while not self._ended:
            data = self._file.read(self._block_bytes)
            self._ended = not data
            text = self._decoder.decode(data, self._ended)
            self._refuse_nul(data, text)
            self.bytes_read += len(data)
            self._parts.append(text)
            self._waiting += len(text)
            if not self._ended and "\n" not in text and "\r" not in text:
                if self._waiting > MAX_LINE_CHARS:
                    raise ValueError(
                        f"cannot profile '{self._path}': a line is longer than "
                        f"{MAX_LINE_CHARS} characters"
                    )
                continue
            lines = _split("".join(self._parts))
            self._parts.clear()
            self._waiting = 0
            # The last line may go on, even after a CR, since an LF may follow.
            if not self._ended and lines and not lines[-1].endswith("\n"):
                self._parts.append(lines.pop())
                self._waiting = len(self._parts[0])
            if lines:
                return lines
        return []

    def _refuse_nul(self, data: bytes, text: str) -> None:
        if self._wide:
            what = "a NUL character" if "\0" in text else ""
        else:
            at = data.find(b"\0")
            what = f"a NUL byte at offset {self.bytes_read + at}" if at >= 0 else ""
        if what:
            raise ValueError(f"cannot profile '{self._path}': it is a binary file ({what})")


def _split(text: str) -> list[str]:
    lines = text.splitlines(keepends=True)
    if len(lines) - count_line_ends(text) <= (not text.endswith(("\n", "\r"))):
        return lines
    # splitlines() also splits at form feeds, U+2028 and others. The following does not, but is
    # slower.
    return io.StringIO(text, newline="").readlines()


def count_line_ends(text: str) -> int:
    """Count the line ends (LF, CR LF or CR) in a text."""
    ends = text.count("\n")
    if "\r" in text:
        ends += text.count("\r") - text.count("\r\n")
    return ends
