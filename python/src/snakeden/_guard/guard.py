"""The guard, as a program: `python -I -S guard.py SOCKET`.

It listens on the socket, and forks a warden for each connection. At the end of its standard input,
which the host holds open, it ends everything, and itself. A warden that was killed leaves its
processes to the guard, which kills them. It closes the connection of a warden only when none of
its processes is left.
"""

from __future__ import annotations

import errno
import gc
import os
import select
import signal
import socket
import sys
import time
import types
from typing import Final

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if __name__ == "__main__":
    # Stands for the package, whose own __init__ needs more than the standard library.
    _stub = types.ModuleType("snakeden")
    _stub.__path__ = [_PACKAGE]
    sys.modules["snakeden"] = _stub

from snakeden._guard import system, tree  # noqa: E402
from snakeden._guard.frames import Kind, frame  # noqa: E402
from snakeden._guard.killing import Killer  # noqa: E402
from snakeden._guard.process import Process  # noqa: E402
from snakeden._guard.program import launch_error  # noqa: E402
from snakeden._guard.warden import Warden  # noqa: E402

_BACKLOG: Final = 512
_ROUND_MS: Final = 5
_END_MS: Final = 3000
"""The time in which wardens end their jobs at the end of the host, before the guard does it."""


class Guard:
    """Accepts connections, and forks their wardens."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._wardens: dict[int, socket.socket] = {}
        # A connection stays open here until no process of its warden is left.
        self._lost: list[socket.socket] = []
        self._killer = Killer(self._orphans, children=self._orphaned_children)
        # Wardens hold the reading end: its end tells them that the guard is gone.
        self._life, self._alive = os.pipe()
        self._woken, self._wake = _signal_pipe()
        # Closed for a moment when no other descriptor is left.
        self._reserve = os.open(os.devnull, os.O_RDONLY)

    def run(self) -> None:
        """Run until the end of standard input."""
        poll = select.poll()
        for it in (0, self._listener.fileno(), self._woken):
            poll.register(it, select.POLLIN)
        while True:
            events = dict(poll.poll(_ROUND_MS if self._lost else None))
            if self._woken in events:
                os.read(self._woken, 4096)
            self._reap()
            if self._lost:
                self._end_orphans()
            if 0 in events and not os.read(0, 4096):
                break
            if self._listener.fileno() in events:
                self._accept()
        self._listener.close()
        self._end()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            # Out of descriptors, or the host has left already.
            print(f"cannot accept a connection: {error}", file=sys.stderr, flush=True)
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._refuse_next(error)
            return
        try:
            pid = os.fork()
        except OSError as error:
            _refuse(connection, error)
            return
        if pid == 0:
            self._become_warden(connection)
        self._wardens[pid] = connection

    def _refuse_next(self, error: OSError) -> None:
        """Refuse a connection that cannot be kept, so that it does not wait."""
        os.close(self._reserve)
        try:
            connection, _ = self._listener.accept()
            _refuse(connection, error)
        except OSError:
            time.sleep(_ROUND_MS / 1000)
        finally:
            self._reserve = os.open(os.devnull, os.O_RDONLY)

    def _become_warden(self, connection: socket.socket) -> None:
        """Turn this process, which was just forked, into a warden."""
        status = 1
        try:
            # Out of the group of the guard, which the host kills.
            os.setsid()
            is_subreaper = system.become_subreaper()
            signal.set_wakeup_fd(-1)
            for it in (self._listener, *self._wardens.values(), *self._lost):
                it.close()
            for descriptor in (self._alive, self._woken, self._wake, self._reserve):
                os.close(descriptor)
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.dup2(0, 1)
            warden = Warden(connection, life=self._life, signals=_signal_pipe())
            warden.run(is_subreaper=is_subreaper)
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                if pid in self._wardens:
                    # Its job has stopped it, so that it cannot end the job.
                    os.kill(pid, signal.SIGKILL)
                continue
            connection = self._wardens.pop(pid, None)
            if connection is None:
                continue
            if status == 0:
                # It has ended when no process of its job was left.
                connection.close()
            else:
                self._lost.append(connection)

    def _orphans(self) -> list[Process]:
        return tree.below(os.getpid(), spared=self._wardens.keys())

    def _orphaned_children(self) -> list[int]:
        return [it for it in tree.own_children() if it not in self._wardens]

    def _end_orphans(self) -> None:
        self._killer.kill()
        self._reap()
        # Nobody but us removes a process from the list of our children.
        if self._orphans():
            return
        for it in self._lost:
            it.close()
        self._lost.clear()

    def _end(self) -> None:
        """Wait for the wardens, and kill what is left then."""
        end = time.monotonic() + _END_MS / 1000
        killer = Killer(lambda: tree.below(os.getpid()), children=tree.own_children)
        while True:
            if self._lost:
                self._end_orphans()
            if time.monotonic() > end:
                killer.kill()
            self._reap()
            if not self._wardens and not self._lost:
                return
            select.select([self._woken], [], [], _ROUND_MS / 1000)


def _signal_pipe() -> tuple[int, int]:
    """Return a pipe that gets a byte when a child has ended."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading, writing


def main(path: str) -> None:
    """Run the guard on the socket at `path`."""
    os.closerange(3, 1 << 16)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    system.wake_at_end_of(0)
    is_subreaper = system.become_subreaper()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Of a guard that was killed. The host starts only one at a time.
    _remove(path)
    listener.bind(path)
    listener.listen(_BACKLOG)
    # Keeps the pages of a warden shared with the guard.
    gc.collect()
    gc.freeze()
    guard = Guard(listener)
    print(f"ready subreaper={'yes' if is_subreaper else 'no'}", flush=True)
    try:
        guard.run()
    finally:
        _remove(path)


def _refuse(connection: socket.socket, error: OSError) -> None:
    """Tell the host that no warden can be forked."""
    said = launch_error("fork", error).as_json()
    with connection:
        connection.setblocking(False)
        try:
            connection.sendall(frame(Kind.HELLO) + frame(Kind.FAILED, said))
        except OSError:
            # The host has left.
            pass


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


if __name__ == "__main__":
    main(sys.argv[1])
