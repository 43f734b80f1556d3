"""The record of the call that the worker starts, for a host that survives it: the first 4 bytes of
a file that both have open. The next 4 bytes are the index of the item that it starts, if that is a
bulk call. The twin of src/pool/workers/progress_file.ts.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["ProgressCell", "open_progress_cell"]

_BYTES: Final = 8


class ProgressCell(NamedTuple):
    """The functions that write the record. It survives the death of this process at any moment."""

    note: Callable[[int], None]
    """Notes the id of a call."""
    note_item: Callable[[int], None]
    """Notes the index of an item."""


def open_progress_cell(path: str) -> ProgressCell | None:
    """Open the file of the record; None if it cannot be mapped."""
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

    def note_item(index: int) -> None:
        cells[1] = index

    return ProgressCell(note, note_item)
