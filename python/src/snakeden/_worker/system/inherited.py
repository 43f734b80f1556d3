"""Handle what a worker inherits from its host besides stdin, stdout and stderr."""

from __future__ import annotations

import os
import stat
from typing import Final

__all__ = ["close_inherited_sockets"]

_FIRST: Final = 3


def close_inherited_sockets() -> None:
    """Close sockets that the host has left open across the exec, such as its gRPC listener: a tool
    could take connections from that socket, or shut it down for all workers.
    """
    for name in os.listdir("/dev/fd"):
        descriptor = int(name)
        try:
            if descriptor >= _FIRST and stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.close(descriptor)
        except OSError:
            continue  # The descriptor of the listing itself, which is closed by now.
