"""Watches one job: starts its program, carries its streams, and ends all of its processes.

A warden is a fork of the guard, with one thread. It is the subreaper of its job: a descendant whose
parent ends becomes a child of the warden, whatever session it is in. So the kernel itself says when
none is left: the warden then has no child to wait for.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any, Final

from snakeden._guard import tree
from snakeden._guard.frames import Kind, Splitter, amount, amount_in, frame
from snakeden._guard.job_processes import JobProcesses
from snakeden._guard.killing import Killer
from snakeden._guard.limits import Limits
from snakeden._guard.marks import marked
from snakeden._guard.process_exit import exit_of
from snakeden._guard.program import LaunchError, Program, start
from snakeden._guard.streams import InputPipe, Outbox, OutputPipe

__all__ = ["Warden"]

_READ_BYTES: Final = 1 << 18


class Warden:
    """One job. The first cause of its end counts.

    `connection` leads to the host, `life` ends with the guard, and `signals` gets a byte when a
    child has ended.
    """

    def __init__(self, connection: socket.socket, *, life: int, signals: tuple[int, int]) -> None:
        self._connection = connection
        self._life = life
        self._woken = signals[0]
        self._splitter = Splitter()
        self._outbox = Outbox(connection)
        self._poll = select.poll()
        self._launch: dict[str, Any] | None = None
        self._mark: bytes | None = None
        self._program: Program | None = None
        self._wrapper: int | None = None
        self._input: InputPipe | None = None
        self._outputs: list[OutputPipe] = []
        self._use(JobProcesses(0, mark=b"", is_subreaper=True), limits={})
        self._cause: str | None = None
        self._status: int | None = None
        self._peak = 0
        self._has_children = False
        self._is_host_there = True
        self._kill_at: float | None = None

    def _use(self, processes: JobProcesses, *, limits: dict[str, Any]) -> None:
        self._processes = processes
        self._killer = Killer(processes.all, children=tree.own_children)
        self._limits = Limits(limits, find=processes.all)

    def run(self, *, is_subreaper: bool) -> None:
        """Run the job to its end."""
        connection = self._connection.fileno()
        self._connection.setblocking(False)
        self._poll.register(connection, select.POLLIN)
        self._poll.register(self._life, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        self._outbox.send(frame(Kind.HELLO))
        while self._launch is None and self._mark is None:
            if not self._is_host_there or self._cause is not None:
                return
            self._turn(None)
        if self._mark is not None:
            self._sweep(self._mark)
            return
        if self._launch is None or not self._start(self._launch, is_subreaper):
            self._outbox.flush_whole()
            return
        while not self._processes.are_gone(has_children=self._has_children):
            self._turn(self._timeout())
            self._reap()
            self._enforce()
        self._report()

    def _start(self, launch: dict[str, Any], is_subreaper: bool) -> bool:
        try:
            self._program = start(launch)
        except LaunchError as error:
            self._outbox.send(frame(Kind.FAILED, error.as_json()))
            return False
        pid, stdin, stdout, stderr = self._program
        self._has_children = True
        self._wrapper = pid if launch.get("isWrapped") else None
        mark = launch.get("mark", "").encode()
        processes = JobProcesses(pid, mark=mark, is_subreaper=is_subreaper)
        self._use(processes, limits=launch.get("limits") or {})
        if stdin is not None:
            self._input = InputPipe(stdin)
        self._outputs = [
            OutputPipe(stdout, kind=Kind.STDOUT),
            OutputPipe(stderr, kind=Kind.STDERR),
        ]
        pids = {"pid": pid, "wardenPid": os.getpid()}
        self._outbox.send(frame(Kind.STARTED, json.dumps(pids).encode()))
        return True

    def _sweep(self, mark: bytes) -> None:
        """Kill the processes of a job whose warden was killed together with the guard."""
        killer = Killer(lambda: [it for it in marked(mark) if not it.is_dead])
        while killer.kill():
            self._turn(killer.pause_s)
        self._outbox.send(frame(Kind.ENDED, json.dumps({"killed": killer.killed}).encode()))
        self._outbox.flush_whole()

    def _turn(self, timeout_s: float | None) -> None:
        """Wait for anything to happen, and handle it."""
        self._watch_streams()
        wait = None if timeout_s is None else max(0, timeout_s * 1000)
        events = dict(self._poll.poll(wait))
        if self._woken in events:
            os.read(self._woken, 4096)
        if self._life in events:
            self._poll.unregister(self._life)
            self._kill("guard_lost")
        mask = events.get(self._connection.fileno(), 0)
        if mask & select.POLLOUT:
            self._outbox.flush()
        if mask & ~select.POLLOUT:
            self._hear()
        if self._outbox.is_broken:
            self._lose_host()
        for it in self._outputs:
            if it.descriptor in events:
                self._carry(it)
        if self._input is not None and self._input.descriptor in events:
            self._feed()

    def _watch_streams(self) -> None:
        """Watch the streams that may go on now."""
        if self._is_host_there:
            mask = select.POLLIN | (0 if self._outbox.is_empty else select.POLLOUT)
            self._poll.register(self._connection.fileno(), mask)
        for it in self._outputs:
            it.watch(self._poll, self._outbox.has_room)
        if self._input is not None:
            self._input.watch(self._poll)

    def _timeout(self) -> float:
        """Return the seconds until something is due."""
        due = self._limits.next
        if self._kill_at is not None:
            due = min(due, self._kill_at)
        return due - time.monotonic()

    def _hear(self) -> None:
        """Read what the host has sent."""
        try:
            data = self._connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose_host()
            return
        for kind, payload in self._splitter.push(data):
            self._handle(kind, payload)

    def _handle(self, kind: bytes, payload: bytes) -> None:
        if kind == Kind.LAUNCH:
            self._launch = json.loads(payload)
        elif kind == Kind.SWEEP:
            self._mark = payload
        elif kind == Kind.INPUT and self._input is not None:
            self._input.push(payload)
            self._feed()
        elif kind == Kind.INPUT_END and self._input is not None:
            self._input.end()
            self._feed()
        elif kind == Kind.STOP:
            self._stop(amount_in(payload) / 1000)
        elif kind == Kind.TAKEN:
            self._outbox.taken(amount_in(payload))

    def _lose_host(self) -> None:
        if not self._is_host_there:
            return
        self._is_host_there = False
        self._poll.unregister(self._connection.fileno())
        self._kill("host_lost")

    def _feed(self) -> None:
        """Write input to the program."""
        stream = self._input
        if stream is None:
            return
        taken = stream.write()
        if taken:
            self._outbox.send(frame(Kind.INPUT_TAKEN, amount(taken)))
        if stream.is_closed:
            stream.unwatch(self._poll)
            stream.close()
            self._input = None
            self._outbox.send(frame(Kind.INPUT_CLOSED))

    def _carry(self, stream: OutputPipe) -> None:
        """Send output to the host."""
        data = stream.read()
        if data:
            self._outbox.send_output(stream.kind, data)
        elif data is not None:
            stream.unwatch(self._poll)
            stream.close()
            self._outputs.remove(stream)

    def _stop(self, grace_s: float) -> None:
        """Ask all processes to end, and kill them later."""
        at = time.monotonic() + grace_s
        if self._cause is None:
            self._cause = "stopped"
            self._killer.terminate(wrapper=self._wrapper)
        self._kill_at = at if self._kill_at is None else min(at, self._kill_at)

    def _kill(self, cause: str) -> None:
        """Kill all processes."""
        self._cause = self._cause or cause
        self._kill_at = time.monotonic()

    def _reap(self) -> None:
        """Take the status of every child that has ended."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._has_children = False
                return
            if pid == 0:
                return
            # Kilobytes on Linux, bytes on macOS.
            scale = 1 if sys.platform == "darwin" else 1024
            self._peak = max(self._peak, usage.ru_maxrss * scale)
            if self._program is not None and pid == self._program.pid:
                self._status = status

    def _enforce(self) -> None:
        """Check the limits, and do what is due."""
        now = time.monotonic()
        if self._status is not None and self._cause is None:
            # What the program has left behind ends with it.
            self._kill("exited")
        if now >= self._limits.next and (limit := self._limits.exceeded()) is not None:
            self._kill(limit)
        if self._kill_at is not None and now >= self._kill_at:
            self._killer.kill()
            self._kill_at = time.monotonic() + self._killer.pause_s

    def _report(self) -> None:
        """Send the rest of the output and the end. No process is left."""
        if not self._is_host_there:
            return
        for it in self._outputs:
            # Nobody writes any more. What a pipe still holds is little.
            for data in it.rest():
                self._outbox.send_output(it.kind, data)
        cause = self._cause or "exited"
        if cause == "exited" and self._limits.is_cpu_spent() and self._is_killed_for_cpu():
            cause = "cpu"
        end = {
            "exit": exit_of(self._status or 0),
            "cause": cause,
            "peakRssBytes": max(self._peak, self._limits.peak),
            "killed": self._killer.killed,
        }
        self._outbox.send(frame(Kind.ENDED, json.dumps(end).encode()))
        self._outbox.flush_whole()

    def _is_killed_for_cpu(self) -> bool:
        status = self._status or 0
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
