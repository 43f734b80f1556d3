"""The link as a plain Unix socket: each frame follows its length, 4 bytes, little-endian. The twin
of src/bridge/carriers/socket/socket_carrier.ts.

Passing a call from a reader thread to the main thread costs more than a small tool takes, so the
main thread itself reads while it has nothing to run. A second thread, the relief, reads while the
main thread runs a tool. It wakes at every tick. If the main thread has not come back to read, the
relief takes the *turn*, and reads what has arrived. Only the holder of the turn reads and handles
messages, which keeps their order. The relief never waits for bytes with the turn, since the main
thread would have to wake it before it could read itself.

After some ticks in one tool, the relief waits for bytes instead of ticks, so that a long tool is
not disturbed. It does so at once when a tool waits for an answer of the host.

The main thread also writes answers itself (`Outbox.put_answer`), and mostly what its tool asks the
host for (`Outbox.put_now`). A writer thread sends everything else.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from snakeden._link.frame_reader import HEADER, FrameReader
from snakeden._link.link import LinkLostError

if TYPE_CHECKING:
    from snakeden._link.gen.link_pb2 import HostMessage
    from snakeden._link.outbox import Outbox

__all__ = ["SocketLink"]

_JOINED_BYTES: Final = 1 << 16
"""The size up to which a frame is joined with its length."""
_IDLE_SECONDS: Final = 1
_TICK_SECONDS: Final = 0.003
"""The interval at which the relief checks on the main thread. It reads after two at most."""
_LONG_BUSY_TICKS: Final = 5
"""If the main thread has run one tool for this many ticks, the relief waits for bytes."""
_LONG_IDLE_TICKS: Final = 30
"""If the main thread has waited for this many ticks, the relief sleeps until it has work again."""


class SocketLink:
    """See `snakeden._link.link.Link`."""

    confirms = True

    def __init__(self, path: str, outbox: Outbox) -> None:
        """Connect to the socket at `path`."""
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # A site module may have called socket.setdefaulttimeout().
        self._socket.settimeout(None)
        try:
            self._socket.connect(path)
        except OSError as error:
            raise LinkLostError(f"the link to {path} cannot be opened: {error.strerror}") from None
        self._unwritten: memoryview | None = None
        """The rest of a frame whose beginning was written. Belongs to who writes."""
        self._outbox = outbox
        outbox.write_with(self._write, self._end_writing, begin_write=self._begin_write)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)
        # A signal that comes just before a wait for bytes does not end the wait, so waits are
        # bounded.
        self._wait_for_bytes(seconds=_IDLE_SECONDS)
        self._read = FrameReader(self._socket, path).read
        self._on_message: Callable[[HostMessage], None] = lambda _message: None
        self._on_end: Callable[[str | None], None] = lambda _reason: None
        self._ended = False
        self._turn = threading.Lock()
        """The turn: its holder reads."""
        self._waiting = False
        """True while the main thread has the turn and nothing to do."""
        self._relieved = False
        """True once the relief has handled messages, until the main thread has come to read. Only
        the holder of the turn uses it.
        """
        self._is_on_loop = False
        """True if an event loop reads on the main thread."""
        self._watching = False
        """True while the relief waits for bytes, and perhaps a moment longer."""
        self._waits = 0
        """The number of times the main thread came to read."""
        self._bell = threading.Lock()
        """Wakes the relief before its tick when it is released."""
        self._bell.acquire()
        self._naps: SimpleQueue[None] = SimpleQueue()
        self._napping = False

    def receive(self) -> Sequence[HostMessage] | None:
        """See `Link.receive`."""
        while (messages := self._read()) is not None:
            if messages:
                return messages
        return None

    def start(
        self, on_message: Callable[[HostMessage], None], on_end: Callable[[str | None], None]
    ) -> None:
        """See `Link.start`."""
        self._on_message = on_message
        self._on_end = on_end
        threading.Thread(target=self._relieve, name="snakeden-relief", daemon=True).start()

    def wait(self) -> None:
        """See `Link.wait`. Reads and handles messages."""
        self._waits += 1
        if self._watching:
            self._watching = False
            self._nudge()
        if not self._turn.acquire(blocking=False):
            # The relief handles messages. It may add calls, so do not block afterwards.
            self._turn.acquire()
            self._turn.release()
            return
        try:
            if self._relieved:
                # The relief may have added a call after the main thread has looked for one.
                self._relieved = False
                return
            self._waiting = True
            # Reads without poll(), which would add some microseconds.
            self._pump()
        finally:
            self._waiting = False
            self._turn.release()
        if self._napping:
            self._napping = False
            self._naps.put(None)

    def attend(self) -> None:
        """See `Link.attend`. The main thread is busy, so nobody may be reading. An event loop reads
        by itself as soon as the code that has asked awaits the answer.
        """
        if not self._is_on_loop:
            self.ring()

    def on_loop(self) -> LoopSocketLink:
        """See `Link.on_loop`."""
        self._is_on_loop = True
        return LoopSocketLink(self)

    # ---- for LoopSocketLink ----

    def ring(self) -> None:
        """Wake the relief, since the main thread waits for a message elsewhere."""
        if not self._turn.locked():
            try:
                self._bell.release()
            except RuntimeError:
                return  # It rings already.

    def fileno(self) -> int:
        """Return the descriptor of the socket; -1 in a forked child."""
        return self._socket.fileno()

    def read_arrived(self) -> bool:
        """Read and handle what has arrived, unless the relief does. Returns False at the end."""
        if self._turn.acquire(False):
            try:
                if not self._ended:
                    self._pump(socket.MSG_DONTWAIT)
            finally:
                self._turn.release()
        return not self._ended

    def rest(self) -> None:
        """Note that the main thread waits for bytes without the turn."""
        self._waits += 1
        self._waiting = True
        if self._watching:
            self._watching = False
            self._nudge()

    def resume(self) -> None:
        """Note that the main thread runs something."""
        self._waiting = False
        if self._napping:
            self._napping = False
            self._naps.put(None)

    # ---- ending ----

    def wake(self) -> None:
        """See `Link.wake`."""
        try:
            # A signal handler may have interrupted the wait for bytes. Python then waits again, and
            # this option makes that wait short.
            self._wait_for_bytes(microseconds=1)
        except OSError:
            return  # A tool has closed what is not its own; the reader finds out.
        self._nudge()

    def finish(self, seconds: float) -> None:
        """See `Link.finish`. The kernel delivers all that was written, even after the end of this
        process.
        """
        self._outbox.join(seconds)

    def after_fork_in_child(self) -> None:
        """See `Link.after_fork_in_child`. With a copy of the socket in a child, the stream would
        not end with the worker.
        """
        self._ended = True
        os.close(self._socket.detach())

    def _nudge(self) -> None:
        """End the wait of the relief."""
        try:
            os.write(self._wake_write, b"\0")
        except OSError:
            return  # Full, so it will end; or closed by a tool, which the reader finds out.

    # ---- the relief's thread ----

    def _relieve(self) -> None:
        idle_ticks = busy_ticks = 0
        # The main thread is busy from the beginning, since it loads the adapter.
        seen = self._waits
        rung = False
        while not self._ended:
            if self._waiting:
                busy_ticks = 0
                idle_ticks += 1
                if idle_ticks > _LONG_IDLE_TICKS:
                    idle_ticks = 0
                    self._sleep_until_there_is_work()
            else:
                idle_ticks = 0
                busy_ticks = busy_ticks + 1 if seen == self._waits else 0
                if rung:
                    seen = self._waits
                if rung or busy_ticks > 0:
                    self._read_for_main(seen, is_long=rung or busy_ticks > _LONG_BUSY_TICKS)
            seen = self._waits
            rung = self._bell.acquire(timeout=_TICK_SECONDS)

    def _sleep_until_there_is_work(self) -> None:
        self._napping = True
        # Checked after `_napping` is set. The main thread checks `_napping` after it has stopped
        # waiting, so one of the two sees the other.
        if self._waiting:
            self._naps.get()
        self._napping = False

    def _read_for_main(self, seen: int, *, is_long: bool) -> None:
        """Read what has arrived; if `is_long`, until the main thread comes to read."""
        while seen == self._waits and not self._ended:
            self._watching = is_long
            # Checked after `_watching` is set, as in `_sleep_until_there_is_work`.
            pause = _IDLE_SECONDS * 1000 if is_long and seen == self._waits else 0
            ready = [descriptor for descriptor, _ in self._poll.poll(pause)]
            self._watching = False
            if self._wake_read in ready:
                os.read(self._wake_read, 64)
            if self._socket.fileno() not in ready:
                if not is_long:
                    return
            elif self._turn.acquire(blocking=False):
                try:
                    # Otherwise the main thread may have read the bytes.
                    if seen == self._waits:
                        self._relieved = True
                        self._pump()
                finally:
                    self._turn.release()

    # ---- with the turn ----

    def _pump(self, flags: int = 0) -> None:
        """Wait for messages, unless `flags` of the socket say otherwise, and handle them."""
        if self._ended:
            # No more messages come, and `on_end` has been called.
            time.sleep(_TICK_SECONDS)
            return
        reason: str | None = None
        try:
            messages = self._read(flags)
            if messages is not None:
                for message in messages:
                    self._on_message(message)
                return
        except LinkLostError as error:
            reason = str(error)
        except Exception:
            reason = f"the reader failed: {traceback.format_exc()}"
        self._ended = True
        self._on_end(reason)

    def _wait_for_bytes(self, seconds: int = 0, microseconds: int = 0) -> None:
        """Set the longest time that a read waits."""
        timeval = struct.pack("@ll", seconds, microseconds)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)

    def _end_writing(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    # ---- with the outbox's lock ----

    def _begin_write(self, frame: bytes) -> bool:
        """Write what the system takes at once; returns False if `_write` must write the rest."""
        data = memoryview(len(frame).to_bytes(HEADER, "little") + frame)
        try:
            count = self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            count = 0
        except OSError:
            return True  # The reader finds out why the stream ended.
        if count == len(data):
            return True
        self._unwritten = data[count:]
        return False

    def _write(self, frame: bytes) -> None:
        header = len(frame).to_bytes(HEADER, "little")
        try:
            if self._unwritten is not None:
                rest, self._unwritten = self._unwritten, None
                self._socket.sendall(rest)
            if not frame:
                return
            if len(frame) < _JOINED_BYTES:
                self._socket.sendall(header + frame)
            else:
                self._socket.sendall(header)
                self._socket.sendall(frame)
        except OSError as error:
            if error.errno is None:
                # A signal handler of a tool has raised it, such as TimeoutError.
                raise
            # The reader finds out why the stream ended.
            return


class LoopSocketLink:
    """See `snakeden._link.link.LoopLink`."""

    def __init__(self, link: SocketLink) -> None:
        self.fileno = link.fileno
        self.read = link.read_arrived
        self.rest = link.rest
        self.resume = link.resume
        self.attend = link.ring
