"""A host for tests of the guard: starts it as a program, and speaks to its wardens."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from snakeden._guard.frames import Kind, Splitter, amount, frame

GUARD = Path(__file__).parents[2] / "src" / "snakeden" / "_guard" / "guard.py"

ALTERED = """
import runpy, sys
guard, change, path = sys.argv[1:]
code = compile(open(guard).read(), guard, "exec")
names = {"__name__": "__main__", "__file__": guard}
sys.argv = [guard, path]
head, main = open(guard).read().rsplit("if __name__", 1)
exec(compile(head, guard, "exec"), names)
exec(change, names)
names["main"](path)
"""
"""Runs the guard after a change of its modules."""


class Job:
    """A connection to a warden."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(30)
        self._socket.connect(str(path))
        self._splitter = Splitter()
        self._waiting: list[tuple[bytes, bytes]] = []
        self.output = b""

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def launch(self, *command: str, **more: Any) -> Job:
        asked = {"command": command, "cwd": "/", "env": {"PATH": os.environ["PATH"]}, **more}
        # The guard may have refused the connection already.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(frame(Kind.LAUNCH, json.dumps(asked).encode()))
        return self

    def shell(self, script: str, **more: Any) -> Job:
        return self.launch("/bin/sh", "-c", script, **more)

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        self._socket.sendall(frame(kind, payload))

    def stop(self, grace_ms: int) -> None:
        self.send(Kind.STOP, amount(grace_ms))

    def until(self, kind: bytes) -> Any:
        """Return the payload of the next frame of a kind."""
        return self.until_one_of(kind)

    def until_one_of(self, *kinds: bytes) -> Any:
        """Return the payload of the next frame of some kinds."""
        while True:
            while self._waiting:
                found, payload = self._waiting.pop(0)
                if found in (Kind.STDOUT, Kind.STDERR):
                    self.output += payload
                    # The warden may have ended already.
                    with suppress(BrokenPipeError, ConnectionResetError):
                        self.send(Kind.TAKEN, amount(payload))
                if found in kinds:
                    return json.loads(payload) if payload[:1] == b"{" else payload
            data = self._socket.recv(1 << 16)
            assert data, f"the connection ended before {kinds!r}"
            self._waiting += self._splitter.push(data)

    def pid(self, word: str) -> int:
        """Wait for a line of output with a word, and return the number behind it."""
        while True:
            for line in self.output.decode().splitlines():
                if line.startswith(f"{word} "):
                    return int(line.split()[1])
            self.until(Kind.STDOUT)


@contextmanager
def running_guard(folder: Path, *, change: str = "") -> Iterator[Path]:
    """Run a guard. Yields the path of its socket. `change` is code that alters its modules."""
    path = folder / "g.sock"
    altered = ["-c", ALTERED, str(GUARD), change] if change else [str(GUARD)]
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", *altered, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert guard.stdin is not None
    assert guard.stdout is not None
    try:
        assert guard.stdout.readline().startswith(b"ready")
        yield path
    finally:
        guard.stdin.close()
        guard.wait(30)
        guard.stdout.close()


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def until_gone(*pids: int) -> None:
    end = time.monotonic() + 20
    while any(map(is_running, pids)):
        assert time.monotonic() < end, [it for it in pids if is_running(it)]
        time.sleep(0.01)
