"""Kill our own process group at once when the host dies, which closes our standard input.

On Linux the kernel does it: O_ASYNC with F_SETSIG=SIGKILL on the pipe sends SIGKILL to the group
when the writer closes, even while a C call holds the GIL or the process is stopped. On every
system, a thread also waits for the end of file. The host never writes to the pipe, because that
would kill the worker too.

The pipe moves to another descriptor that children do not inherit, and descriptor 0 becomes empty,
so that neither tools nor their children can read it.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import sys
import threading
from typing import Final, Literal

__all__ = ["arm"]

_F_SETSIG: Final = 10  # Linux; Python's fcntl module does not name it.
_LOWEST_FD: Final = 10

Mode = Literal["kernel", "thread", "none"]


def arm(*, owns_group: bool = False) -> Mode:
    """Arm the guard on descriptor 0.

    With `owns_group`, the process group is only the worker's, though a wrapper such as bwrap leads
    it. Returns the mode: `none` if standard input is no pipe of a host.
    """
    import fcntl

    try:
        kind = os.fstat(0).st_mode
    except OSError:
        return "none"
    is_pipe = stat.S_ISFIFO(kind)
    if not is_pipe and not stat.S_ISSOCK(kind):
        return "none"
    guard = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, _LOWEST_FD)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    # Only its own group: a worker started by hand shares the group of the terminal.
    if owns_group and os.getpgrp() == 0:
        # Its leader is outside of our namespace, whose first process the host kills with the group.
        os.setpgid(0, 0)
    own_group = owns_group or os.getpgrp() == os.getpid()
    mode: Mode = "thread"
    if is_pipe and sys.platform == "linux" and _arm_kernel(guard, own_group):
        mode = "kernel"
    # A second guard for kernels that accept the request but never signal, as in some sandboxes.
    threading.Thread(
        target=_wait_for_end, args=(guard, own_group), name="snakeden-guard", daemon=True
    ).start()
    return mode


def _arm_kernel(guard: int, own_group: bool) -> bool:
    import fcntl

    owner = -os.getpgrp() if own_group else os.getpid()
    try:
        fcntl.fcntl(guard, fcntl.F_SETOWN, owner)
        fcntl.fcntl(guard, _F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(guard, fcntl.F_GETFL)
        fcntl.fcntl(guard, fcntl.F_SETFL, flags | os.O_ASYNC)
    except OSError:
        return False
    # The host may have gone before the signal was requested.
    poll = select.poll()
    poll.register(guard, 0)
    if any(event & select.POLLHUP for _, event in poll.poll(0)):
        _kill(own_group)
    return True


def _wait_for_end(guard: int, own_group: bool) -> None:
    while True:
        try:
            if not os.read(guard, 4096):
                break
        except OSError:
            # A tool closed the descriptor. The end of the link still ends the worker.
            return
    _kill(own_group)


def _kill(own_group: bool) -> None:
    if own_group:
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
