"""The processes below one, as /proc lists them; where there is none, as `ps` does."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Collection
from typing import Final

from snakeden._guard.process import Process
from snakeden._guard.ps import ps_table

__all__ = [
    "HAS_PROC",
    "below",
    "everything",
    "find",
    "own_children",
    "proportional_memory",
    "send",
    "usage",
]

HAS_PROC: Final = os.path.exists(f"/proc/{os.getpid()}/stat")

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICK: Final = 1000 / os.sysconf("SC_CLK_TCK")
_STAT_BYTES: Final = 1024
_HAS_CHILDREN_FILE: Final = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


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
        group=int(fields[2]),
        session=int(fields[3]),
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
        for process in children(parents.pop()):
            if process.pid in known:
                continue
            known.add(process.pid)
            found.append(process)
            parents.append(process.pid)
    return found


def own_children() -> list[int]:
    """Return the children of this process, which has one thread, where the kernel lists them.

    Their pids are not given to others before this process reaps them.
    """
    return _children_of(os.getpid(), str(os.getpid())) if _HAS_CHILDREN_FILE else []


def everything() -> list[Process]:
    """Return all processes."""
    if not HAS_PROC:
        return [it for it, _ in ps_table().values()]
    all_of_them = map(find, [int(it) for it in os.listdir("/proc") if it.isdigit()])
    return [it for it in all_of_them if it is not None]


def send(process: Process, number: int) -> bool:
    """Send a signal to this very process, and to no other one that has got its pid meanwhile.

    Returns False if it is gone.

    Raises PermissionError if it belongs to another user.
    """
    if not HAS_PROC:
        return _send_by_pid(process.pid, number)
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    except OSError:
        # The kernel, or a sandbox, has no such handles.
        return _is_same(process) and _send_by_pid(process.pid, number)
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


def proportional_memory(processes: Collection[Process]) -> int:
    """Return the resident memory, in which a page that n processes share counts 1/n in each."""
    return sum(_proportional(it) for it in processes)


def _proportional(process: Process) -> int:
    text = _read(f"/proc/{process.pid}/smaps_rollup", whole=True)
    found = None if text is None else re.search(rb"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return process.rss_bytes if found is None else int(found[1]) * 1024


def _send_by_pid(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def _is_same(process: Process) -> bool:
    now = find(process.pid)
    return now is not None and now.start == process.start


def _children(pid: int) -> list[Process]:
    """Read the lists of children that the kernel keeps for each thread."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    pids = [it for thread in threads for it in _children_of(pid, thread)]
    return [it for it in map(find, pids) if it is not None]


def _children_of(pid: int, thread: str) -> list[int]:
    text = _read(f"/proc/{pid}/task/{thread}/children", whole=True)
    return [] if text is None else [int(it) for it in text.split()]


def _children_by_parent() -> Callable[[int], list[Process]]:
    """Read the whole table once, where the kernel keeps no lists of children."""
    children: dict[int, list[Process]] = {}
    for it in everything():
        children.setdefault(it.parent, []).append(it)
    return lambda pid: children.get(pid, [])


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
