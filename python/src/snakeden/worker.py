"""The worker process: `python -m snakeden.worker --connect unix:/run/bridge.sock --worker-id
default-1`.

Started by the host. Exit statuses are in exit_status.py.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
from typing import NoReturn

from snakeden import exit_status, host_guard, output

__all__ = ["main"]


def main() -> NoReturn:
    """Serve until the host says stop, goes away, or the process is told to end."""
    parser = argparse.ArgumentParser(
        prog="python -m snakeden.worker",
        description="One worker of a Snakeden pool. The host starts it.",
    )
    parser.add_argument("--connect", required=True, metavar="ADDRESS", help="unix:/path/of.sock")
    parser.add_argument("--worker-id", required=True, metavar="ID", help="such as default-1")
    options = parser.parse_args()
    # Before anything slow: a host that is killed meanwhile must not leave us behind.
    host_guard.arm()
    # Out of the environment at once, so that neither tools nor their children can see it.
    token = os.environ.pop("SNAKEDEN_TOKEN", "")
    output.prepare()
    if sys.stderr is not None:
        faulthandler.enable()

    from snakeden.worker_life import WorkerLife

    life = WorkerLife(options.connect, options.worker_id, token)
    try:
        status = life.run()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = exit_status.INTERNAL
    life.leave(status)


if __name__ == "__main__":
    main()
