"""The table of processes as `ps` prints it, for systems without /proc, such as macOS."""

from __future__ import annotations

import os
import re
import sys
from typing import Final

from snakeden._guard.process import Process

__all__ = ["ps_table"]

_COLUMNS: Final = "pid=,ppid=,pgid=,stat=,rss=,time=,lstart=,command="
_WITH_ENVIRONMENT: Final = "e" if sys.platform == "linux" else "-E"
_LINE: Final = re.compile(
    r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+(\S+)\s+((?:\S+\s+){4}\S+)\s?(.*)$"
)


def ps_table() -> dict[int, tuple[Process, str]]:
    """Return all processes by pid, each with its arguments and its environment as one text."""
    found: dict[int, tuple[Process, str]] = {}
    pid_of_ps, text = _output()
    for line in text.splitlines():
        if (fields := _LINE.match(line)) is None:
            continue
        pid, parent, group, state, kilobytes, time, start, command = fields.groups()
        process = Process(
            pid=int(pid),
            parent=int(parent),
            # The number of a session is not printed everywhere.
            group=int(group),
            session=int(group),
            start=hash(start),
            is_dead=state.startswith("Z"),
            is_stopped=state.startswith("T"),
            cpu_ms=milliseconds(time),
            rss_bytes=int(kilobytes) * 1024,
        )
        if process.pid != pid_of_ps:
            found[process.pid] = (process, command)
    return found


def milliseconds(text: str) -> float:
    """Return a time such as `1-02:03:04` or `3:04.05` in milliseconds."""
    days, _, rest = text.rpartition("-")
    seconds = 0.0
    for part in rest.split(":"):
        seconds = seconds * 60 + float(part)
    return (int(days or 0) * 86_400 + seconds) * 1000


def _output() -> tuple[int, str]:
    reading, writing = os.pipe()
    arguments = ["ps", _WITH_ENVIRONMENT, "-A", "-ww", "-o", _COLUMNS]
    try:
        pid = os.posix_spawnp(
            "ps",
            arguments,
            {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C"},
            file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)],
        )
    finally:
        os.close(writing)
    with open(reading, "rb") as file:
        text = file.read()
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass
    return pid, text.decode("utf-8", "replace")
