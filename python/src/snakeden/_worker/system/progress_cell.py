"""The record of what the worker runs, for a host that survives it: a file that both have open. The
twin of src/pool/workers/progress_file.ts.

It begins with numbers of 4 bytes: the id of the call that begins, and for a bulk call the index of
the item that begins (`NO_ITEM` before the first), the id of the call, and for each of two areas the
index of its first outcome and its length. The areas follow. They have outcomes of items that have
ended and that the host may not have received.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Final

__all__ = [
    "AREAS",
    "AREA_BYTES",
    "NO_ITEM",
    "PROGRESS_BYTES",
    "ProgressCell",
    "make_progress_cell",
    "open_progress_cell",
]

AREAS: Final = 2
AREA_BYTES: Final = 131_072
NO_ITEM: Final = 0xFFFF_FFFF
_CALL: Final = 0
_ITEM: Final = 1
_BULK_CALL: Final = 2
_FIRST: Final = 3
_LENGTH: Final = 4
_AREA_CELLS: Final = 2
_HEADER_BYTES: Final = 32
PROGRESS_BYTES: Final = _HEADER_BYTES + AREAS * AREA_BYTES
"""The length of the file, which the host makes."""


class ProgressCell:
    """Writes the record. All that was written survives the death of this process at any moment."""

    __slots__ = ("cells", "memory", "note", "note_item")

    def __init__(self, memory: mmap.mmap | bytearray) -> None:
        self.memory: Final = memory
        """The file. Outcomes are written from `start_of` an area on."""
        cells = self.cells = memoryview(memory)[:_HEADER_BYTES].cast("I")
        """The numbers at the beginning of the file."""

        def note(call_id: int) -> None:
            cells[_CALL] = call_id

        def note_item(index: int) -> None:
            cells[_ITEM] = index

        self.note: Final[Callable[[int], None]] = note
        """Notes that a call begins."""
        self.note_item: Final[Callable[[int], None]] = note_item
        """Notes that an item of the bulk call begins."""

    def note_bulk(self, call_id: int) -> None:
        """Note that the call that has begun is a bulk call, before its first item begins."""
        cells = self.cells
        # What follows belongs to no call until it is complete.
        cells[_BULK_CALL] = 0
        cells[_ITEM] = NO_ITEM
        for area in range(AREAS):
            self.note_first(area, 0)
        cells[_BULK_CALL] = call_id

    def start_of(self, area: int) -> int:
        """Return the place of an area in the file."""
        return _HEADER_BYTES + area * AREA_BYTES

    def length_of(self, area: int) -> int:
        """Return the place of the length of an area in `cells`."""
        return _LENGTH + area * _AREA_CELLS

    def note_first(self, area: int, index: int) -> None:
        """Note that an area is empty, and that its first outcome will be that of an item."""
        self.cells[self.length_of(area)] = 0
        self.cells[_FIRST + area * _AREA_CELLS] = index


def open_progress_cell(path: str) -> ProgressCell | None:
    """Open the file of the record; None if it cannot be mapped."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return ProgressCell(mmap.mmap(descriptor, PROGRESS_BYTES))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


def make_progress_cell() -> ProgressCell:
    """Return a record that nobody else can read."""
    return ProgressCell(bytearray(PROGRESS_BYTES))
