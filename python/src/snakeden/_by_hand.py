"""Run a Python script for ``deno task run``, and leave no process of it behind.

Usage: ``python -I -S _by_hand.py PARENT IGNORED PYTHON FILE [ARGUMENT...]``, where PARENT is the
process id of the caller, and IGNORED names the signals that the script does not hear, as ``SIGHUP``
under ``nohup``, with commas. The script gets the standard streams and the process group of this
program, so that a terminal, ``timeout`` and a service manager reach it as they reach any program.
On Linux this program is a subreaper: whatever the script starts stays its descendant, and is killed
when the script ends. The exit status is that of the script, or 128 + n after signal n.

It imports nothing but the standard library, since it runs in any interpreter.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

GRACE_S = 15.0
"""Time for a script that was asked to stop, after which everything is killed."""

SAME_REQUEST_S = 0.5
"""Time in which further signals are copies of the first, as they come from all sides."""

AGAIN_S = 10.0
"""Time in which Ctrl-C pressed again means that the first one did not help."""

KILL_S = 5.0
"""Time in which a killed process is gone, unless it belongs to another user."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SI_KERNEL = 0x80
"""Origin of a signal that a terminal has sent to all of its foreground process group."""

_STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_WATCHED = _STOP_SIGNALS | {signal.SIGCHLD}


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _start(command: list[str]) -> int:
    """Start the script; return its process id."""
    own = os.getpid()
    pid = os.fork()
    if pid > 0:
        return pid
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        # Python ignores these two, and ignored signals stay ignored in a new program.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == own:
            os.execv(command[0], command)
    except OSError as error:
        print(f"snakeden: cannot start {command[0]}: {error.strerror}", file=sys.stderr)
    os._exit(127)


def _parents() -> dict[int, int]:
    """Map each process to its parent."""
    parents = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The name of a program may hold spaces and brackets.
                parents[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue  # It has just ended.
    return parents


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in _parents().items():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _reap() -> dict[int, int] | None:
    """Collect children that have ended, with their statuses; None if no child is left."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended or None
        if pid == 0:
            return ended
        ended[pid] = status


def _kill_all() -> None:
    """Kill every descendant, until none is left or only those of another user are."""
    until = time.monotonic() + KILL_S
    while True:
        for pid in _descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue  # It has just ended, or belongs to another user.
        if _reap() is None:
            return
        if time.monotonic() > until:
            left = ", ".join(map(str, _descendants()))
            print(f"snakeden: cannot end the processes {left}", file=sys.stderr)
            return
        signal.sigtimedwait({signal.SIGCHLD}, 0.02)


class _Requests:
    """The requests to stop, of which copies arrive from several sides."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._first: float | None = None
        self.number: int | None = None
        self.kill_at: float | None = None
        """The time at which everything is killed; None if nobody has to wait for it."""

    def take(self, info: signal.struct_siginfo, script: int) -> None:
        """Take a signal; pass it on if the script has not received it itself."""
        now = time.monotonic()
        by_terminal = info.si_code == _SI_KERNEL
        if self._first is not None:
            since = now - self._first
            if since < SAME_REQUEST_S:
                return
            # A script that lives on after Ctrl-C may be meant to, as an interactive one is. A
            # terminal that closes sends SIGHUP to whatever still runs in it.
            is_again = not by_terminal or since < AGAIN_S
            if is_again and info.si_signo != signal.SIGHUP:
                self.kill_at = now
                return
        self._first = now
        self.number = info.si_signo
        if not by_terminal and self.kill_at is None:
            self.kill_at = now + GRACE_S
        # Others have sent theirs to the whole group, to which the script belongs.
        if info.si_pid == self._parent and not by_terminal:
            os.kill(script, info.si_signo)


def _supervise(parent: int, script: int) -> int:
    """Wait for the end of the script; return the exit status."""
    requests = _Requests(parent)
    while True:
        wait = 3600.0
        if requests.kill_at is not None:
            wait = requests.kill_at - time.monotonic()
            if wait <= 0:
                _kill_all()
                return 128 + (requests.number or signal.SIGKILL)
        info = signal.sigtimedwait(_WATCHED, wait)
        if info is not None and info.si_signo != signal.SIGCHLD:
            requests.take(info, script)
        status = (_reap() or {}).get(script)
        if status is None:
            continue
        _kill_all()
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    """Run the script; return its exit status."""
    parent, ignored, *command = arguments
    for name in filter(None, ignored.split(",")):
        # They stay ignored in the script.
        signal.signal(signal.Signals[name], signal.SIG_IGN)
    if not hasattr(signal, "sigtimedwait"):
        # macOS has neither this nor subreapers.
        os.execv(command[0], command)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        return 128 + signal.SIGTERM
    return _supervise(int(parent), _start(command))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
