"""The record of the call that the worker starts, for a host that survives it: the first 4 bytes of
a file that both have open. The twin of src/pool/workers/progress_file.ts.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Final

__all__ = ["open_progress_cell"]

_BYTES: Final = 8


def open_progress_cell(path: str) -> Callable[[int], None] | None:
    """Return a function that notes the id of a call; None if the file cannot be mapped.

    A note survives the death of this process at any moment.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        cells = memoryview(mmap.mmap(descriptor, _BYTES)).cast("I")
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)

    def note(call_id: int) -> None:
        cells[0] = call_id

    return note
