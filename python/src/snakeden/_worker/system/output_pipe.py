"""The bytes of an output stream of the worker, with the marks that output.py describes."""

from __future__ import annotations

import fcntl
import io
import itertools
import os
import select
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from threading import get_ident
from typing import Any, Final, Protocol

__all__ = ["NOBODY", "CopiedPipe", "OutputPipe"]

NOBODY: Final = 0
"""The owner of output that belongs to no call."""
_UNKNOWN: Final = -1
_LOWEST_FD: Final = 10
_WHOLE: Final = select.PIPE_BUF
"""The most bytes that a pipe takes as a whole."""
_numbers = itertools.count(1)
_write = io.BufferedWriter.write
_flush = io.BufferedWriter.flush


class PipeOutput(Protocol):
    """Both streams, as their pipes see them."""

    is_marked: bool
    """True while a call that was marked has not ended."""

    @property
    def nonce(self) -> str:
        """The text of all marks; empty if nothing is marked."""

    is_beside: bool
    """True if calls run side by side."""

    def note_written(self, owner: int, descriptor: int) -> None:
        """Note that a call, beside others, has written to a pipe."""

    @property
    def main(self) -> int | None:
        """The main thread."""

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held by other threads than the main one while they write."""

    def owner(self) -> int:
        """Return the number of the call for which the present thread writes."""

    def is_apart(self) -> bool:
        """Return whether what is written for nobody must keep clear of other output."""


class OutputPipe(io.BufferedWriter):
    """The bytes of a stream, with marks. It closes only with the process, since later calls of this
    worker need it open.
    """

    def __init__(self, descriptor: int, output: PipeOutput) -> None:
        super().__init__(io.FileIO(descriptor, "wb", closefd=False))
        self._output = output
        self._descriptor = descriptor
        # The pipe that the host reads, even if a tool closes or redirects the descriptor.
        self._host = _duplicate(descriptor)
        # The file that the descriptor refers to at the beginning of a call.
        self._meant = self._host
        self._owner = _UNKNOWN
        self._is_touched = False  # True if the call that runs was marked here.
        self._parts: dict[tuple[int, int], bytes] = {}
        """The unfinished lines of what is written apart, by thread and owner: a thread may write
        for several calls in turns. No lock guards it, since an interrupted call would leave it
        locked: each step changes one line alone.
        """
        self._writers = threading.local()
        self._has_parts = False

    def write(self, data: Any, /) -> int:
        """Write as the base class does, after a mark unless this call wrote last."""
        output = self._output
        if output.is_beside:
            owner = output.owner()
            output.note_written(owner, self._descriptor)
            return self.write_apart(data, owner)
        # The main thread begins and ends calls itself.
        if get_ident() == output.main:
            return self._write(data, output.owner())
        with output.lock:
            return self._write(data, output.owner())

    def _write(self, data: Any, owner: int) -> int:
        if owner != self._owner or owner == NOBODY:
            if owner == NOBODY and self._output.is_apart():
                return self.write_apart(data, owner)
            if owner != self._owner:
                self.own(owner)
        try:
            return _write(self, data)
        except BrokenPipeError:
            if not self._give_up():
                raise
            return _write(self, data)

    def flush(self) -> None:
        """Flush as the base class does; a thread that writes apart has lines of its own only."""
        output = self._output
        if output.is_beside:
            self.flush_apart(output.owner())
            return
        if self._has_parts and output.owner() == NOBODY and output.is_apart():
            self.flush_apart(NOBODY)
            return
        try:
            _flush(self)
        except BrokenPipeError:
            if not self._give_up():
                raise
            _flush(self)

    def _give_up(self) -> bool:
        """Drop all output from now on, since the host does not read the pipe any more: the process
        that carries it was killed. Returns False if a tool has redirected the descriptor.
        """
        if not _is_same(self._descriptor, self._host):
            return False
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, self._descriptor)
        os.dup2(nowhere, self._host, inheritable=False)
        os.close(nowhere)
        return True

    def write_apart(self, data: Any, owner: int) -> int:
        """Write the lines that are complete, each with its owner; keep the rest."""
        self._has_parts = True
        text = bytes(data)
        key = (self._writer(), owner)
        *lines, rest = (self._parts.pop(key, b"") + text).split(b"\n")
        if rest:
            self._parts[key] = rest
        if lines:
            self._put_apart(lines, owner)
        return len(text)

    def flush_apart(self, owner: int) -> None:
        """Write the line that the present thread has begun for an owner."""
        rest = self._parts.pop((self._writer(), owner), b"")
        if rest:
            self._put_apart([rest], owner)

    def end_lines(self, owner: int | None = None) -> None:
        """Write the lines that any threads have begun: for an owner, or for all of them."""
        self._end_lines(lambda _writer, its: owner is None or its == owner)

    def forget_lines(self) -> None:
        """Forget the lines that are unfinished: this is a forked copy of the process."""
        self._parts = {}

    def _end_lines(self, accepts: Callable[[int, int], bool]) -> None:
        for key in list(self._parts):
            if accepts(*key) and (rest := self._parts.pop(key, b"")):
                self._put_apart([rest], key[1])

    def _writer(self) -> int:
        """Return the number of the present thread, which no other thread of the pipe ever had."""
        writers = self._writers
        try:
            number: int = writers.number
        except AttributeError:
            number = writers.number = next(_numbers)
            # Goes with the thread.
            writers.end = _Ending(lambda: self._end_lines(lambda writer, _its: writer == number))
        return number

    def _put_apart(self, lines: list[bytes], owner: int) -> None:
        nonce = self._output.nonce
        # What is redirected is not for the host.
        is_marked = nonce and _is_same(self._descriptor, self._host)
        end = f"\x1e{nonce}:of={owner}\n".encode() if is_marked else b"\n"
        if is_marked and self._output.is_beside:
            # No lock keeps others from writing between two parts of a line.
            lines = [it for line in lines for it in _pieces(line, _WHOLE - len(end))]
        left = end.join([*lines, b""])
        while left:
            # At most PIPE_BUF bytes are written as a whole, and few lines are longer.
            cut = left.rfind(b"\n", 0, _WHOLE) + 1 or left.find(b"\n") + 1
            with suppress(OSError):
                written = os.write(self._descriptor, left[:cut])
                if written < cut:
                    os.write(self._descriptor, left[written:cut])
            left = left[cut:]

    def own(self, owner: int) -> None:
        """Mark that the output that follows belongs to a call."""
        with suppress(OSError, ValueError):
            super().flush()
        self._owner = owner
        if owner != NOBODY:
            self._output.is_marked = self._is_touched = True
            self.repair()
        self.mark(str(owner))

    def mark(self, text: str) -> None:
        """Write a mark past the buffer, to the pipe that the host reads."""
        nonce = self._output.nonce
        if nonce:
            with suppress(OSError):
                os.write(self._host, f"\x1e{nonce}:{text}\n".encode())

    def end(self, number: int) -> bool:
        """Mark that a call has ended, if it was marked; returns whether it was."""
        if not self._is_touched:
            return False
        with suppress(OSError, ValueError):
            super().flush()
        self._is_touched = False
        self._owner = NOBODY
        self.mark(f"end={number}")
        return True

    def end_beside(self, number: int) -> None:
        """Mark that a call has ended that ran beside others, and has written."""
        self.mark(f"end={number}")

    def repair(self) -> None:
        """Restore the descriptor."""
        if not _is_same(self._descriptor, self._meant):
            with suppress(OSError):
                os.dup2(self._meant, self._descriptor)

    def adopt(self) -> None:
        """Take the descriptor as the pipe that the host reads."""
        os.dup2(self._descriptor, self._host, inheritable=False)
        self._meant = self._host

    def accept(self) -> None:
        """Keep the present file of the descriptor for later calls."""
        if not _is_same(self._descriptor, self._meant):
            with suppress(OSError):
                self._meant = _duplicate(self._descriptor)

    def close(self) -> None:
        """Write out the buffer, and stay open."""
        with suppress(OSError, ValueError):
            self.flush()


class CopiedPipe(OutputPipe):
    """A pipe in a child that a tool has forked: it only writes apart. What the buffer had at the
    fork is written by the parent.
    """

    def write(self, data: Any, /) -> int:
        """Write whole lines, each with its owner."""
        return self.write_apart(data, self._output.owner())

    def flush(self) -> None:
        """Write the line that is unfinished."""
        self.flush_apart(self._output.owner())


class _Ending:
    """Calls a function when a thread has ended that had it among its own variables."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._pid = os.getpid()

    def __del__(self) -> None:
        # Python itself may be about to end.
        with suppress(Exception):
            # In a forked copy of the process all other threads seem to end.
            if os.getpid() == self._pid:
                self._call()


def _pieces(line: bytes, size: int) -> list[bytes]:
    return [line[at : at + size] for at in range(0, len(line), size)] or [line]


def _duplicate(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _LOWEST_FD)


def _is_same(descriptor: int, other: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.fstat(other))
    except OSError:
        return False
