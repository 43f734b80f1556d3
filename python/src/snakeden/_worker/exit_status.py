"""Exit statuses of a worker process, in one place.

A tool can end the process with any of these numbers. So the worker announces START_FAILED, REFUSED
and LINK_LOST before it exits (output.py), and the host reads their meaning only then.
"""

from typing import Final

OK: Final = 0
"""Stopped as asked: Stop on the link, or SIGTERM or SIGHUP to a worker that serves."""
INTERNAL: Final = 1
"""A fault of the worker itself; the traceback is on stderr."""
USAGE: Final = 2
"""Started without the address of a host."""
START_FAILED: Final = 3
"""The adapter could not be loaded; StartFailed said why."""
REFUSED: Final = 4
"""The host refused the hello; the reason is on stderr."""
LINK_LOST: Final = 5
"""The host could not be reached, or the link ended without Stop."""
SIGNALLED: Final = 128
"""Ended by a signal before it was ready: this plus the number of the signal, as in a shell."""
