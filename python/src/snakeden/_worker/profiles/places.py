"""The places for the notes of calls that run at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakeden._worker.profiles.profile import ProfileParts
    from snakeden._worker.system.progress_cell import BulkRecord

__all__ = ["Places"]


class Places:
    """The places that are free. Belongs to one thread.

    Only some of them have a record for a bulk call, so other calls take those last.
    """

    def __init__(self, parts: ProfileParts) -> None:
        self._notes = [parts.note_of(place) for place in range(parts.capacity)]
        self._records: dict[int, BulkRecord] = {}
        self._note_items: dict[int, Callable[[int], None]] = {}
        self._record_of = parts.record_of
        self._note_item_of = parts.note_item_of
        self._first_without = parts.records
        """The first place without a record."""
        self._with_record = list(range(min(parts.records, parts.capacity)))
        self._without = list(range(parts.records, parts.capacity))

    @property
    def has_any(self) -> bool:
        """True if a place is free."""
        return bool(self._with_record or self._without)

    def take(self, *, is_bulk: bool) -> int | None:
        """Take a place for a call; None if there is none for it."""
        free = self._without if self._without and not is_bulk else self._with_record
        return free.pop() if free else None

    def free(self, places: list[int]) -> None:
        """Free places, and empty the list."""
        for place in places:
            (self._with_record if place < self._first_without else self._without).append(place)
        places.clear()

    def note(self, place: int, call_id: int) -> None:
        """Note that a call begins."""
        note = self._notes[place]
        if note is not None:
            note(call_id)

    def record_of(self, place: int) -> BulkRecord:
        """Return the record of the bulk call in a place."""
        if place not in self._records:
            self._records[place] = self._record_of(place)
        return self._records[place]

    def note_item_of(self, place: int) -> Callable[[int], None]:
        """Return the function that notes an item of the bulk call in a place."""
        if place not in self._note_items:
            self._note_items[place] = self._note_item_of(place)
        return self._note_items[place]
