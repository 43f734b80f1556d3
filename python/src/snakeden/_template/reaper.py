"""The reaper: forks templates, and is the parent of all workers whose template is gone.

It runs no code of users, so nothing but the host ends it. Three things lead to it: its standard
input, whose end says that the host is gone; the control connection, with lines of JSON; and a
connection for each pipe of a worker. The host opens all connections, with a first line that says
what each is for.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from typing import Any, Final, NamedTuple, NoReturn

from snakeden import environment_names as names
from snakeden._guard import system
from snakeden._guard.process_exit import exit_of
from snakeden._template.exits import WakeUp, end_group, report
from snakeden._template.messages import HostChannel
from snakeden._template.relay import Relay

__all__ = ["Place", "Reaper"]

_BACKLOG: Final = 512
_READ_BYTES: Final = 1 << 16
_HEADER_SECONDS: Final = 2
_CONTROL: Final = "control"


class Place(NamedTuple):
    """The generation and the connections that a new template has of its reaper."""

    generation: int
    channel: socket.socket
    host: HostChannel


class _Launch:
    """A worker that is to be forked."""

    def __init__(self) -> None:
        self.outputs: dict[int, socket.socket] = {}
        """The connections for its pipes, by descriptor."""
        self.held = -1
        """Its standard input, until the host holds it open."""


class Reaper:
    """See the module. Runs on the only thread of its process."""

    def __init__(self) -> None:
        self._launches: dict[int, _Launch] = {}
        self._relays: set[Relay] = set()
        self._control: socket.socket | None = None
        self._lines = b""
        self._generation = 0
        self._template = 0
        self._channel: socket.socket | None = None
        self._poll = select.poll()

    def run(self) -> Place:
        """Serve until the host is gone. Returns in a template."""
        path = os.environ.pop(names.TEMPLATE_SOCKET)
        # Workers get it anew, and what is preloaded has no use for it.
        os.environ.pop(names.ADDRESS, None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        system.become_subreaper()
        system.wake_at_end_of(0)
        # Imported here, so that no template imports it again. None of it starts a thread.
        import snakeden._link.socket_link
        import snakeden._worker.life  # noqa: F401

        gc.collect()
        gc.freeze()
        self._wake_up = WakeUp()
        listener = self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        print("ready", flush=True)
        for it in (0, listener.fileno(), self._wake_up.descriptor):
            self._poll.register(it, select.POLLIN)
        while True:
            place = self._turn()
            if place is not None:
                return place

    def _turn(self) -> Place | None:
        events = dict(self._poll.poll())
        if self._wake_up.descriptor in events:
            self._wake_up.clear()
            self._reap()
        if 0 in events and not os.read(0, 4096):
            self._end()
        if self._listener.fileno() in events:
            self._accept()
        for relay in [
            it for it in self._relays if it.pipe in events or it.socket.fileno() in events
        ]:
            if relay.carry(events):
                relay.watch(self._poll)
            else:
                self._relays.discard(relay)
                relay.end(self._poll)
        return self._hear() if self._reads_control(events) else None

    def _reads_control(self, events: dict[int, int]) -> bool:
        return self._control is not None and self._control.fileno() in events

    # ---- connections ----

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(_HEADER_SECONDS)
            try:
                self._take(connection)
            except (OSError, ValueError) as error:
                print(f"cannot accept a connection: {error}", file=sys.stderr, flush=True)
                connection.close()

    def _take(self, connection: socket.socket) -> None:
        header = b""
        while not header.endswith(b"\n"):
            byte = connection.recv(1)
            if not byte:
                raise ValueError("it ended before it said what it is for")
            header += byte
        what = header.decode().strip()
        if what == _CONTROL:
            connection.settimeout(None)
            self._control = connection
            self._host = HostChannel(connection)
            self._poll.register(connection, select.POLLIN)
            return
        launch, descriptor = map(int, what.split())
        self._launches.setdefault(launch, _Launch()).outputs[descriptor] = connection

    # ---- the host ----

    def _hear(self) -> Place | None:
        """Read what the host says. Returns in a template."""
        if self._control is None:
            return None
        try:
            data = self._control.recv(_READ_BYTES)
        except ConnectionResetError:
            # The host is gone, and has left messages unread.
            data = b""
        if not data:
            self._end()
        # After the read, so that the pipes of a worker are known that is to be forked: the host
        # connects them before it asks for that.
        self._accept()
        *lines, self._lines = (self._lines + data).split(b"\n")
        for line in lines:
            for kind, fields in json.loads(line).items():
                if kind == "template":
                    place = self._start_template(fields["generation"])
                    if place is not None:
                        return place
                elif kind == "fork":
                    self._fork(fields)
                elif kind == "held":
                    self._release(fields["id"])
                elif kind == "drop":
                    self._drop(fields["id"])
        return None

    def _start_template(self, generation: int) -> Place | None:
        """Fork a template in place of the one that runs. Returns in the template."""
        if self._template:
            # Its workers become children of this process.
            os.kill(self._template, signal.SIGKILL)
            self._template = 0
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self._generation = generation
        pair: tuple[socket.socket, ...] = ()
        try:
            pair = ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setblocking(False)
            pid = os.fork()
        except OSError as error:
            for it in pair:
                it.close()
            reason = f"cannot fork: {error.strerror}"
            self._host.say("refused", generation=generation, reason=reason, unsafe=False)
            return None
        if pid == 0:
            ours.close()
            # Not in the reaper, whose message could come after those of the template.
            self._host.say("started", generation=generation, pid=os.getpid())
            self._close_in_template()
            return Place(generation, theirs, self._host)
        theirs.close()
        self._channel = ours
        self._template = pid
        return None

    def _close_in_template(self) -> None:
        system.die_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._wake_up.close()
        self._listener.close()
        for relay in self._relays:
            relay.close()
        for launch in self._launches.values():
            for it in launch.outputs.values():
                it.close()
            if launch.held >= 0:
                os.close(launch.held)
        # The end of the host is noticed by the reaper.
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.close(empty)
        # Standard output is read for one line only.
        os.dup2(2, 1)

    def _fork(self, fields: dict[str, Any]) -> None:
        """Have the template fork a worker, with pipes of its own."""
        launch_id = fields["id"]
        launch = self._launches.get(launch_id)
        try:
            if launch is None or self._channel is None or set(launch.outputs) != {1, 2}:
                raise OSError("its pipes are not connected")
            self._hand_over(launch, fields)
        except OSError as error:
            reason = "the template is gone" if self._template == 0 else str(error)
            self._host.say("failed", id=launch_id, reason=reason)
            self._drop(launch_id)

    def _hand_over(self, launch: _Launch, fields: dict[str, Any]) -> None:
        guard = fields.pop("guard")
        os.mkfifo(guard, 0o600)
        reads = [os.open(guard, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)]
        writes = []
        try:
            launch.held = os.open(guard, os.O_RDWR | os.O_CLOEXEC)
            for _ in (1, 2):
                reading, writing = os.pipe()
                reads.append(reading)
                writes.append(writing)
            given = [reads[0], *writes]
            assert self._channel is not None
            socket.send_fds(self._channel, [json.dumps(fields).encode()], given)
        except BaseException:
            for it in (*reads, *writes):
                os.close(it)
            raise
        for it in given:
            os.close(it)
        for pipe, connection in zip(
            reads[1:], (launch.outputs.pop(1), launch.outputs.pop(2)), strict=True
        ):
            relay = Relay(pipe, connection)
            self._relays.add(relay)
            relay.watch(self._poll)

    def _release(self, launch_id: int) -> None:
        """Leave the standard input of a worker to the host."""
        launch = self._launches.pop(launch_id, None)
        if launch is not None and launch.held >= 0:
            os.close(launch.held)

    def _drop(self, launch_id: int) -> None:
        """Forget a worker that is not wanted any more, and end it if it was forked."""
        launch = self._launches.get(launch_id)
        if launch is None:
            return
        for it in launch.outputs.values():
            it.close()
        self._release(launch_id)

    # ---- ends ----

    def _reap(self) -> None:
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            pid = found.si_pid
            if pid != self._template:
                end_group(pid)
            _, status = os.waitpid(pid, 0)
            if pid == self._template:
                self._template = 0
                self._host.say("lost", generation=self._generation, exit=exit_of(status))
            else:
                report(self._host, pid, status=status)

    def _end(self) -> NoReturn:
        """End with the template. The workers have guards of their own."""
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(0)
