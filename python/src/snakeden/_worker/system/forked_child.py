"""The end of a copy of the worker that the code of a tool has forked."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from snakeden._worker.system.output import flush

__all__ = ["leave_forked_child"]


def leave_forked_child(error: BaseException | None) -> NoReturn:
    """End a copy of the worker in which a tool returned, or raised `error`."""
    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        status = 1
        sys.excepthook(type(error), error, error.__traceback__)
    flush()
    os._exit(status)
