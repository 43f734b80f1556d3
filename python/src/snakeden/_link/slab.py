"""The large buffers of a worker's link: two files, one a direction. The twin of
src/bridge/shared_memory/slab.ts.

What the host sent is read in place, through a map. A place goes back to the host when the last
object that shows its memory is gone: an array, a slice of it, a memoryview. So a tool may keep an
array for as long as it likes, and nothing counts by call.

What the worker sends is written by position, not through a map. That is as fast; it lets other
threads run; and the files are sparse, so a full disk (or a container's 64 MiB of /dev/shm) is an
error here, while a map would end the process with SIGBUS.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import weakref
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from snakeden._link.slab_space import SlabSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["PlaceRef", "SharedMemory", "Slab"]


class PlaceRef(weakref.ref[Any]):
    """Watches the memory of one place in the file to the worker."""

    __slots__ = ("offset",)

    offset: int


class Slab:
    """Both files of a worker. `view` belongs to whoever reads the link, the rest to any thread."""

    def __init__(
        self,
        to_worker_path: str,
        to_host_path: str,
        *,
        nbytes: int,
        on_release: Callable[[PlaceRef], object],
    ) -> None:
        """Open and map what the host made.

        Args:
            to_worker_path: File that the host writes.
            to_host_path: File that the host reads.
            nbytes: Length of each.
            on_release: Told of each place of `view` that is not in use any more, exactly once, on
                any thread, and inside of garbage collection. It has to be one of C, such as
                `deque.append`: CallCancelled may come up in a function of Python, and whatever
                comes up in a destructor is lost.

        Raises:
            OSError: They cannot be opened or mapped.
            ValueError: The file to the worker is shorter than `nbytes`.
        """
        to_worker = os.open(to_worker_path, os.O_RDWR)
        try:
            # Writable, because ctypes shows no other memory; what leaves `view` is read-only.
            self._map = mmap.mmap(to_worker, nbytes)
        finally:
            os.close(to_worker)
        self._to_host = os.open(to_host_path, os.O_RDWR)
        self._nbytes = nbytes
        self._on_release = on_release
        # By offset. A dead one stays until its place is used again: to remove it would take Python
        # code in a destructor.
        self._places: dict[int, PlaceRef] = {}
        self._space = SlabSpace(nbytes)
        self._lock = threading.Lock()
        self._forgotten = False

    def view(self, offset: int, length: int) -> memoryview:
        """The bytes that the host put at a place, read-only and without a copy.

        Raises:
            ValueError: No place of this slab, or one that is still in use.
        """
        if length < 1 or offset < 0 or offset + length > self._nbytes:
            raise ValueError(f"{length} bytes at {offset} of {self._nbytes} of shared memory")
        older = self._places.get(offset)
        if older is not None and older() is not None:
            raise ValueError(f"the shared memory at {offset} is still in use")
        # What is derived from a memoryview keeps the object alive whose memory it shows, and not
        # the memoryview; so each place has an object of its own.
        owner = _array_type(length).from_buffer(self._map, offset)
        place = PlaceRef(owner, self._on_release)
        place.offset = offset
        self._places[offset] = place
        return memoryview(owner).toreadonly().cast("B")

    def write(self, data: bytes | bytearray | memoryview) -> int | None:
        """Copy bytes to where the host sees them; returns their offset, or None when there is no
        room, or the system refuses it, such as a full disk. `data` has to be contiguous.
        """
        if self._forgotten:
            return None
        view = memoryview(data).cast("B")
        with self._lock:
            offset = self._space.allocate(len(view))
        if offset is None:
            return None
        try:
            done = 0
            while done < len(view):
                done += os.pwrite(self._to_host, view[done:], offset + done)
        except BaseException as error:
            # Also when the call is cancelled meanwhile.
            self.release(offset)
            if isinstance(error, OSError):
                return None
            raise
        return offset

    def release(self, offset: int) -> None:
        """Take a place of `write` back: the host has read it, or will never hear of it. One that is
        not in use is ignored.
        """
        with self._lock:
            self._space.release(offset)

    def forget(self) -> None:
        """Tell no more of places, and take none. For a forked child: its arrays are those of the
        worker, and so is the file that it would write.
        """
        self._forgotten = True
        self._places.clear()

    def close(self) -> None:
        """Close the files. The map stays for as long as views of it are in use."""
        self.forget()
        del self._map
        os.close(self._to_host)


class SharedMemory(msgspec.Struct, frozen=True, kw_only=True):
    """A slab, and which buffers go through it."""

    slab: Slab
    min_bytes: int = 1
    """Smaller buffers travel in the message."""

    def takes_any_of(self, buffers: Iterable[bytes | memoryview]) -> bool:
        """Return whether one of the buffers is large enough."""
        return any(len(buffer) >= self.min_bytes for buffer in buffers)


@lru_cache(maxsize=64)
def _array_type(length: int) -> type[ctypes.Array[ctypes.c_char]]:
    return ctypes.c_char * length
