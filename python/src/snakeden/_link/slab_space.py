"""The allocator of a slab. The twin of src/bridge/shared_memory/slab_space.ts."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

__all__ = ["SlabSpace"]

PLACE_ALIGN_BYTES: Final = 4096
"""The alignment of places, so that an array is aligned for every dtype."""


class SlabSpace:
    """The allocator of one file of a slab. It uses the lowest gap that is large enough, since
    memory that was used before is several times faster than memory that the system must first
    provide. Only taken places are kept; gaps are computed, so they never need to be merged.
    """

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        # Two parallel lists, ordered by offset. Places never overlap.
        self._offsets: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        """Return the number of taken places."""
        return len(self._offsets)

    def allocate(self, nbytes: int) -> int | None:
        """Take a place. Returns its offset, or None if no gap is large enough."""
        needed = max(1, -(-nbytes // PLACE_ALIGN_BYTES)) * PLACE_ALIGN_BYTES
        offset = 0
        index = 0
        for begin, end in zip(self._offsets, self._ends, strict=True):
            if begin - offset >= needed:
                break
            offset = end
            index += 1
        if self.nbytes - offset < needed:
            return None
        self._offsets.insert(index, offset)
        self._ends.insert(index, offset + needed)
        return offset

    def release(self, offset: int) -> bool:
        """Release a place. Returns False if no taken place begins there, for example after a
        release.
        """
        index = bisect_left(self._offsets, offset)
        if index == len(self._offsets) or self._offsets[index] != offset:
            return False
        del self._offsets[index], self._ends[index]
        return True
