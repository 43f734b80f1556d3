"""The used parts of a slab. The twin of src/bridge/shared_memory/slab_space.ts."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

__all__ = ["SlabSpace"]

PLACE_ALIGN_BYTES: Final = 4096
"""Places begin at a multiple of this, so that an array in one is aligned for every dtype."""


class SlabSpace:
    """The places of one slab. The lowest gap that is large enough is used, because memory that was
    used before is several times faster than memory that the system has yet to find. What is free
    is what lies between the places, so there is nothing to join.
    """

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        # Two lists of the same order; places never overlap.
        self._offsets: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        """How many places are taken."""
        return len(self._offsets)

    def allocate(self, nbytes: int) -> int | None:
        """Take a place; returns its offset, or None when no gap is large enough."""
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
        """Give a place back; False when no place begins there, such as one given back before."""
        index = bisect_left(self._offsets, offset)
        if index == len(self._offsets) or self._offsets[index] != offset:
            return False
        del self._offsets[index], self._ends[index]
        return True
