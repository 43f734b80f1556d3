r"""Standard output and error of the worker: read line by line by the host, and never a reason for
`print` to fail.

The host needs to know which call a line belongs to. So a *mark* is written into the pipe before
the output of another call, `\x1e<nonce>:<number of the call>\n`, with 0 for no call, and when a
call that was marked ends, `\x1e<nonce>:end=<number of the call>\n`. Marks are made where Python
writes. Output of native code and child processes, which bypass Python, follows the last mark.
Therefore each call that begins a while after such a mark is marked at its start, whether it writes
or not. A mark in front of every call would cost more than a small tool does. A call whose output
the host keeps is marked at its start, unless its tool was quick the last time: then it is marked
once it takes a millisecond or two (late_marks.py).

A thread that a tool starts writes for the call in which it first writes, until that ends. What it
writes then must not end up in the call that runs meanwhile, nor tear a line of that. The same holds
for a forked child, which may outlive its call, and shares the pipes. So both write whole lines past
the buffer, each with its owner at its end: `\x1e<nonce>:of=<number of the call>\n`. Such a mark
says nothing about other lines.

Where calls run side by side, all of them write whole lines past the buffer. What native code and
child processes print then belongs to no call, and nor does what a thread prints that a tool starts
without the context of its call.

A tool can end the process with any exit status, also with one of exit_status.py. So the worker
announces its own status by the mark `\x1e<nonce>:exit=<status>\n` on stderr.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from contextlib import suppress
from math import inf
from typing import Any, Final, Protocol, TextIO

from snakeden._worker.system.late_marks import LateMarks
from snakeden._worker.system.output_pipe import NOBODY, CopiedPipe, OutputPipe
from snakeden.call import CURRENT

__all__ = ["MARK_SECONDS", "Output", "flush", "prepare"]

MARK_SECONDS: Final = 0.05
"""The age of the last mark at a start from which the next call is marked at its start."""
_QUICK_SECONDS: Final = 0.0003
"""The time up to which a tool is quick: it cannot have started a process that has written."""
_MOST_QUICK: Final = 10_000


class CallMessage(Protocol):
    """The message of a call, as the streams see it."""

    @property
    def tool(self) -> str:
        """The name of the tool."""

    @property
    def keeps_output(self) -> bool:
        """True if the host keeps the output of the call."""


class RunningCall(Protocol):
    """A call that runs, as the streams see it."""

    @property
    def number(self) -> int:
        """Its number in the pool."""

    @property
    def ended(self) -> bool:
        """True once it was answered."""

    @property
    def message(self) -> CallMessage:
        """Its message."""


class CallOutput(Protocol):
    """The streams of the worker, as those see them who run calls: `Output`, or `ThreadOutput` where
    calls run side by side.
    """

    @property
    def is_marked(self) -> bool:
        """See `Output.is_marked`."""

    @property
    def is_late(self) -> bool:
        """See `Output.is_late`."""

    def begin(self, attempt: RunningCall, now: float, /) -> None:
        """See `Output.begin`."""

    def end(self) -> int:
        """See `Output.end`."""

    def took(self, tool: str, seconds: float, /) -> None:
        """See `Output.took`."""


class _Text(io.TextIOWrapper):
    """The text of a stream. Changes that a tool makes to it last for its call only."""

    def __init__(self, pipe: OutputPipe, output: Output) -> None:
        super().__init__(
            pipe,
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            line_buffering=True,
            write_through=True,
        )
        self._output = output

    def close(self) -> None:
        """Write out the buffer, and stay open."""
        with suppress(OSError, ValueError):
            self.flush()

    def detach(self) -> Any:
        """Return the bytes of the stream, which stays usable."""
        self.close()
        return self.buffer

    def reconfigure(self, **settings: Any) -> None:
        """Reconfigure as the base class does, until the call has ended."""
        self._output.is_changed = True
        super().reconfigure(**settings)

    def restore(self) -> None:
        """Undo `reconfigure`."""
        super().reconfigure(
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            line_buffering=True,
            write_through=True,
        )


class Output:
    """Both streams of the worker. Calls begin and end on the main thread."""

    def __init__(self, nonce: str = "") -> None:
        self.nonce = nonce
        self.is_marked = False
        """True while a call that was marked has not ended."""
        self.is_changed = False
        """True when a tool has reconfigured a stream."""
        self.is_beside = False
        """True if calls run side by side."""
        self._beside: set[int] = set()
        """The numbers of the calls that run, if they do so side by side."""
        self._written: set[tuple[int, int]] = set()
        """The calls of these that have written, each with the descriptor."""
        pipes = self._pipes = (OutputPipe(1, self), OutputPipe(2, self))
        texts = self._texts = (_Text(pipes[0], self), _Text(pipes[1], self))
        sys.stdout = sys.__stdout__ = texts[0]  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = texts[1]  # type: ignore[misc]
        self._stdout: TextIO = texts[0]
        self._stderr: TextIO = texts[1]
        self._disabled = logging.root.manager.disable
        self._marked_at = -inf
        self._running: RunningCall | None = None
        self._quick: set[str] = set()
        self._threads = threading.local()
        self._late_marks = LateMarks(self._look)
        self._seen: RunningCall | None = None
        self.is_late = False
        """True while a call is marked that has begun without a mark."""
        self.main: Final = threading.main_thread().ident
        # Reentrant, since a finalizer may print at any step.
        self.lock = threading.RLock()
        """Held by other threads than the main one while they write, and by that only while a call
        begins or ends. So no call that is interrupted leaves it locked.
        """

    def loaded(self) -> None:
        """Keep the streams as the adapter has left them: each call begins with these."""
        self._stdout = getattr(sys, "stdout", None) or self._stdout
        self._stderr = getattr(sys, "stderr", None) or self._stderr
        self._disabled = logging.root.manager.disable
        self.is_changed = False
        for pipe in self._pipes:
            pipe.accept()

    def begin(self, attempt: RunningCall, now: float) -> None:
        """Begin a call; `now` is on the clock of `time.perf_counter()`."""
        self._running = attempt
        self._restore()
        message = attempt.message
        # The items of a bulk call begin one by one, and follow the mark of the first.
        is_wanted = message.keeps_output and not self.is_marked
        if now - self._marked_at >= MARK_SECONDS or (is_wanted and message.tool not in self._quick):
            self._marked_at = now
            if logging.root.manager.disable != self._disabled:
                logging.disable(self._disabled)
            with self.lock:
                for pipe in self._pipes:
                    pipe.own(attempt.number)
        elif is_wanted:
            self._late_marks.watch()

    def _restore(self) -> None:
        """Undo what tools have done to the streams."""
        try:
            is_kept = sys.stdout is self._stdout and sys.stderr is self._stderr
        except AttributeError:  # A tool deleted one of them.
            is_kept = False
        if not is_kept:
            sys.stdout, sys.stderr = self._stdout, self._stderr
        if self.is_changed:
            self.is_changed = False
            for text in self._texts:
                text.restore()

    # ---- calls that run side by side ----

    def run_side_by_side(self) -> None:
        """Expect calls that run side by side from now on, in place of `begin` and `end`."""
        self.is_beside = True

    def begin_beside(self, attempt: RunningCall) -> None:
        """Begin a call. What tools have done to the streams lasts while any call runs."""
        if not self._beside:
            self._restore()
            if logging.root.manager.disable != self._disabled:
                logging.disable(self._disabled)
        self._beside.add(attempt.number)

    def note_written(self, owner: int, descriptor: int) -> None:
        """Note that a call has written to a pipe."""
        if owner != NOBODY:
            self._written.add((owner, descriptor))

    def end_beside(self, number: int) -> int:
        """End a call, and with it the lines that its threads have begun to print. Returns what
        `end` does.
        """
        self._beside.discard(number)
        pipes = 0
        for descriptor, pipe in enumerate(self._pipes, 1):
            pipe.end_lines(number)
            if (number, descriptor) in self._written:
                self._written.discard((number, descriptor))
                pipe.end_beside(number)
                pipes |= descriptor
        return pipes

    # ---- calls that run one at a time ----

    def end(self) -> int:
        """End the call that was marked, and with it the line that it has begun to print. Returns
        the pipes that it was marked in, as bits: 1 for stdout, 2 for stderr.
        """
        with self.lock:
            self.is_marked = False
            running = self._running
            number = NOBODY if running is None else running.number
            stdout, stderr = (pipe.end(number) for pipe in self._pipes)
        return int(stdout) + 2 * int(stderr)

    def _look(self) -> bool:
        """Mark the call that runs if it did so the last time, too, and the host keeps its output.
        Returns false if there is no such call.
        """
        running = self._running
        seen, self._seen = self._seen, running
        if running is None or not self.is_kept:
            return False
        if running is seen and not self.is_marked:
            with self.lock:
                # Before the look at `ended`: the main thread sets that, and then looks here.
                self.is_late = True
                if self._running is running and not running.ended and not self.is_marked:
                    for pipe in self._pipes:
                        pipe.own(running.number)
                self.is_late = False
        return True

    def took(self, tool: str, seconds: float) -> None:
        """Note the time that a call took whose output the host keeps."""
        quick = self._quick
        if seconds > _QUICK_SECONDS:
            quick.discard(tool)
        elif tool not in quick:
            if len(quick) >= _MOST_QUICK:
                quick.clear()
            quick.add(tool)

    @property
    def is_kept(self) -> bool:
        """True while a call runs whose output the host keeps; if calls run side by side, true for
        the thread of one.
        """
        running = self._running
        if self.is_beside:
            call = CURRENT.get(None)
            message = getattr(call, "message", None)
            return call is not None and not call.ended and bool(getattr(message, "keeps_output", 0))
        return running is not None and not running.ended and running.message.keeps_output

    def owner(self) -> int:
        """Return the number of the call for which the present thread writes; 0 for none."""
        call = CURRENT.get(None)
        if call is not None:
            return NOBODY if call.ended else call.number
        running = self._running
        # None where calls run side by side.
        if running is None or running.ended:
            return NOBODY
        thread = threading.current_thread()
        if thread is threading.main_thread():
            return running.number
        local = self._threads
        try:
            first = local.first
        except AttributeError:
            # The threads of the worker itself write for nobody.
            first = local.first = None if thread.name.startswith("snakeden-") else running
        return running.number if first is running else NOBODY

    def is_apart(self) -> bool:
        """Return whether what is written for nobody must keep clear of the output of a call."""
        running = self._running
        is_running = running is not None and not running.ended
        return is_running or threading.current_thread() is not threading.main_thread()

    def repair(self) -> None:
        """Open again what was closed or redirected of the descriptors."""
        for pipe in self._pipes:
            pipe.repair()

    def adopt(self, nonce: str) -> None:
        """Write to the descriptors as they are now, with marks of this nonce: the process was
        forked from one that had others.
        """
        self.nonce = nonce
        self.lock = threading.RLock()
        for pipe in self._pipes:
            pipe.adopt()

    def end_lines(self) -> None:
        """Write the lines that threads have begun to print, since the worker ends."""
        for pipe in self._pipes:
            pipe.end_lines()

    def announce_exit(self, status: int) -> int:
        """Tell the host that the worker's own code is about to exit with this status; returns it.

        Safe on any thread: the buffers are left alone.
        """
        self._pipes[1].mark(f"exit={status}")
        return status

    def after_fork_in_child(self) -> None:
        """Write apart: parent and child share the pipes, and do not know each other's marks."""
        self.lock = threading.RLock()
        self._late_marks.forget()
        for pipe in self._pipes:
            pipe.forget_lines()
            pipe.__class__ = CopiedPipe


def prepare(nonce: str = "") -> Output:
    """Write whole lines, as UTF-8, and escape what cannot be encoded. Without a nonce nothing is
    marked.
    """
    for descriptor in (1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            if nowhere != descriptor:
                os.close(nowhere)
    flush()
    return Output(nonce)


def flush() -> None:
    """Write out the buffers, if they are still read."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except (OSError, ValueError, AttributeError):
            continue
