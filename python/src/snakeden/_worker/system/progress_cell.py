"""The record of what the worker runs, for a host that survives it: a file that both have open. The
twin of src/pool/workers/progress_file.ts.

It begins with numbers of 4 bytes: the ids of the calls that have begun last, one for each call that
may run at a time. Records of bulk calls follow, each with numbers of its own: the index of the item
that begins (`NO_ITEM` before the first), the id of the bulk call, and for each of two areas the
index of its first outcome and its length. The areas of all records are at the end. They have
outcomes of items that have ended and that the host may not have received.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = [
    "AREAS",
    "NO_ITEM",
    "BulkRecord",
    "Layout",
    "Progress",
    "layout_of",
    "make_progress",
    "open_progress",
]

AREAS: Final = 2
AREA_BYTES: Final = 131_072
"""The most bytes of an area."""
_ALL_AREA_BYTES: Final = 1_048_576
"""The most bytes of all areas together, unless one record alone has more."""
_MAX_RECORDS: Final = 256
NO_ITEM: Final = 0xFFFF_FFFF
_ITEM: Final = 0
_BULK_CALL: Final = 1
_FIRST: Final = 2
_LENGTH: Final = 3
_AREA_CELLS: Final = 2
_RECORD_BYTES: Final = 32


class Layout(NamedTuple):
    """The places of the parts in the file of a worker."""

    records: int
    """The number of records, and so of bulk calls that may run at a time."""
    records_at: int
    areas_at: int
    area_bytes: int
    nbytes: int
    """The length of the file."""


def layout_of(capacity: int) -> Layout:
    """Return the layout for a worker that runs `capacity` calls at a time."""
    records = min(capacity, _MAX_RECORDS)
    area_bytes = min(AREA_BYTES, _ALL_AREA_BYTES // (records * AREAS) // 1024 * 1024)
    records_at = -(-4 * capacity // _RECORD_BYTES) * _RECORD_BYTES
    areas_at = records_at + records * _RECORD_BYTES
    nbytes = areas_at + records * AREAS * area_bytes
    return Layout(records, records_at, areas_at, area_bytes, nbytes)


class BulkRecord:
    """The record of one bulk call at a time."""

    __slots__ = ("_areas_at", "area_bytes", "cells", "memory", "note_item")

    def __init__(self, memory: mmap.mmap | bytearray, layout: Layout, *, index: int) -> None:
        self.memory: Final = memory
        """The file. Outcomes are written from `start_of` an area on."""
        self.area_bytes: Final = layout.area_bytes
        self._areas_at = layout.areas_at + index * AREAS * layout.area_bytes
        start = layout.records_at + index * _RECORD_BYTES
        cells = self.cells = memoryview(memory)[start : start + _RECORD_BYTES].cast("I")
        """The numbers of the record."""

        def note_item(index: int) -> None:
            cells[_ITEM] = index

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
        return self._areas_at + area * self.area_bytes

    def length_of(self, area: int) -> int:
        """Return the place of the length of an area in `cells`."""
        return _LENGTH + area * _AREA_CELLS

    def note_first(self, area: int, index: int) -> None:
        """Note that an area is empty, and that its first outcome will be that of an item."""
        self.cells[self.length_of(area)] = 0
        self.cells[_FIRST + area * _AREA_CELLS] = index


class Progress:
    """Writes the record. All that was written survives the death of this process at any moment."""

    __slots__ = ("_cells", "_layout", "_memory")

    def __init__(self, memory: mmap.mmap | bytearray, capacity: int) -> None:
        self._memory = memory
        self._layout = layout_of(capacity)
        self._cells = memoryview(memory)[: 4 * capacity].cast("I")

    def note_of(self, place: int) -> Callable[[int], None]:
        """Return the function that notes that a call begins, in one of the places for calls that
        run at a time.
        """
        cells = self._cells

        def note(call_id: int) -> None:
            cells[place] = call_id

        return note

    @property
    def records(self) -> int:
        """The number of records, and so of bulk calls that may run at a time."""
        return self._layout.records

    def record_of(self, place: int) -> BulkRecord:
        """Return the record of the bulk calls in a place, which must be less than `records`."""
        return BulkRecord(self._memory, self._layout, index=place)


def open_progress(path: str, capacity: int) -> Progress | None:
    """Open the file of the record; None if there is no path, or it cannot be mapped."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return Progress(mmap.mmap(descriptor, layout_of(capacity).nbytes), capacity)
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


def make_progress(capacity: int) -> Progress:
    """Return a record that nobody else can read."""
    return Progress(bytearray(layout_of(capacity).nbytes), capacity)
