"""The ends of workers. The template is their parent; once it is gone, the reaper is."""

from __future__ import annotations

import os
import signal

from snakeden._guard.process_exit import exit_of
from snakeden._template.messages import HostChannel

__all__ = ["WakeUp", "end_group", "report"]


def end_group(pid: int) -> None:
    """Kill what a worker has left in its group, before its id can belong to somebody else."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def report(host: HostChannel, pid: int, *, status: int, launch: int = 0) -> None:
    """Tell the host that a worker has ended. `launch` is the number of its launch, if known."""
    host.say("ended", pid=pid, id=launch, exit=exit_of(status))


class WakeUp:
    """A pipe that gets a byte when a child has ended."""

    def __init__(self) -> None:
        self.descriptor, self._wake = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def clear(self) -> None:
        """Take the bytes."""
        try:
            while len(os.read(self.descriptor, 4096)) == 4096:
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        """Return to the behaviour of a process that has just started."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self.descriptor)
        os.close(self._wake)
