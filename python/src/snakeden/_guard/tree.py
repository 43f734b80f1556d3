"""The processes below one, as /proc lists them."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from typing import Final, NamedTuple

__all__ = ["Process", "below", "send", "usage"]

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICK: Final = 1000 / os.sysconf("SC_CLK_TCK")
_STAT_BYTES: Final = 1024
_HAS_CHILDREN_FILE: Final = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
_GONE: Final = (FileNotFoundError, ProcessLookupError)


class Process(NamedTuple):
    """A process at one moment."""

    pid: int
    parent: int
    start: int
    """In clock ticks since the machine started. Identifies the process, together with the pid."""
    is_dead: bool
    """True for a zombie, which has no threads and waits for its parent."""
    is_stopped: bool
    cpu_ms: float
    """CPU time of the process and of those of its children that it has waited for."""
    rss_bytes: int


def find(pid: int) -> Process | None:
    """Return the process with a pid."""
    text = _read(f"/proc/{pid}/stat")
    if text is None:
        return None
    # The name in parentheses may contain anything, so the last ")" counts.
    fields = text[text.rindex(b")") + 2 :].split()
    state, threads = fields[0], int(fields[17])
    return Process(
        pid=pid,
        parent=int(fields[1]),
        start=int(fields[19]),
        # While other threads run, a process whose first thread has ended is called a zombie, too.
        is_dead=state in b"ZX" and threads <= 1,
        is_stopped=state in b"Tt",
        cpu_ms=sum(map(int, fields[11:15])) * _TICK,
        rss_bytes=max(0, int(fields[21])) * _PAGE,
    )


def below(root: int, *, spared: Collection[int] = ()) -> list[Process]:
    """Return the descendants of a process, parents first, with those that are dead but not reaped.

    `spared` are left out, with all that is below them. A process that is forked or adopted
    meanwhile may be missing.
    """
    found: list[Process] = []
    known = {root, *spared}
    children = _children if _HAS_CHILDREN_FILE else _children_by_parent()
    parents = [root]
    while parents:
        for pid in children(parents.pop()):
            if pid in known:
                continue
            known.add(pid)
            process = find(pid)
            if process is not None:
                found.append(process)
                parents.append(pid)
    return found


def send(process: Process, number: int) -> bool:
    """Send a signal to this very process, and to no other one that has got its pid meanwhile.

    Returns False if it is gone.

    Raises PermissionError if it belongs to another user.
    """
    try:
        handle = os.pidfd_open(process.pid)
    except _GONE:
        return False
    except OSError:
        # The kernel, or a sandbox, has no such handles.
        if not _is_same(process):
            return False
        os.kill(process.pid, number)
        return True
    try:
        if not _is_same(process):
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


def usage(processes: Collection[Process]) -> tuple[int, float]:
    """Return the resident memory in bytes, and the CPU time in milliseconds."""
    return sum(it.rss_bytes for it in processes), sum(it.cpu_ms for it in processes)


def _is_same(process: Process) -> bool:
    now = find(process.pid)
    return now is not None and now.start == process.start


def _children(pid: int) -> list[int]:
    """Read the lists of children that the kernel keeps for each thread."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        text = _read(f"/proc/{pid}/task/{thread}/children", whole=True)
        if text:
            found.extend(map(int, text.split()))
    return found


class _children_by_parent:  # noqa: N801 - takes the place of a function
    """Reads all of /proc once, for kernels that have no lists of children."""

    def __init__(self) -> None:
        self._children: dict[int, list[int]] = {}
        for name in os.listdir("/proc"):
            if name.isdigit() and (process := find(int(name))) is not None:
                self._children.setdefault(process.parent, []).append(process.pid)

    def __call__(self, pid: int) -> list[int]:
        return self._children.get(pid, [])


def _read(path: str, *, whole: bool = False) -> bytes | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(file, _STAT_BYTES)
        while whole and (more := os.read(file, 1 << 16)):
            text += more
        return text or None
    except OSError:
        # The process ended between the two calls.
        return None
    finally:
        os.close(file)
