"""The memory that a worker shares with its host: two files, one for each direction. The twin of
src/bridge/shared_memory/slab.ts.

Buffers of the host are read in place, through a map. A place is released when the last object that
uses its memory is gone: an array, a slice of it, a memoryview. So a tool may keep an array as long
as it likes, even after its call.

Buffers of the worker are written by position, not through a map. That is as fast, and other threads
run meanwhile. The files are sparse, so the disk, or a container's 64 MiB of /dev/shm, may be full.
A write then raises an error, while a map would end the process with SIGBUS.
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
    """A weak reference to the memory of one place in the file to the worker."""

    __slots__ = ("offset",)

    offset: int


class Slab:
    """The two files of a worker. Only the reader of the link may call `view`; any thread may call
    the other methods.
    """

    def __init__(
        self,
        to_worker_path: str,
        to_host_path: str,
        *,
        nbytes: int,
        on_release: Callable[[PlaceRef], object],
    ) -> None:
        """Open and map the files that the host created.

        Args:
            to_worker_path: The file that the host writes.
            to_host_path: The file that the host reads.
            nbytes: The length of each file.
            on_release: Called exactly once for each place of `view` that is no longer in use, on
                any thread and during garbage collection. It must be a C function, such as
                `deque.append`: CallCancelled may be raised in a Python function, and is lost in a
                destructor.

        Raises:
            OSError: If the files cannot be opened or mapped.
            ValueError: If the file to the worker is shorter than `nbytes`.
        """
        to_worker = os.open(to_worker_path, os.O_RDWR)
        try:
            # Mapped writable, since ctypes accepts no other memory. `view` returns it read-only.
            self._map = mmap.mmap(to_worker, nbytes)
        finally:
            os.close(to_worker)
        self._to_host = os.open(to_host_path, os.O_RDWR)
        self._nbytes = nbytes
        self._on_release = on_release
        # Keyed by offset. A dead reference stays until its place is used again, since removing it
        # would take Python code in a destructor.
        self._places: dict[int, PlaceRef] = {}
        self._space = SlabSpace(nbytes)
        self._lock = threading.Lock()
        self._forgotten = False

    def view(self, offset: int, length: int) -> memoryview:
        """Return the bytes that the host wrote at a place, read-only and without a copy.

        Raises:
            ValueError: If the place is outside of the file, or still in use.
        """
        if length < 1 or offset < 0 or offset + length > self._nbytes:
            raise ValueError(f"{length} bytes at {offset} of {self._nbytes} of shared memory")
        older = self._places.get(offset)
        if older is not None and older() is not None:
            raise ValueError(f"the shared memory at {offset} is still in use")
        # Whatever is derived from a memoryview keeps the object below alive, not the memoryview
        # itself. So each place has an object of its own.
        owner = _array_type(length).from_buffer(self._map, offset)
        place = PlaceRef(owner, self._on_release)
        place.offset = offset
        self._places[offset] = place
        return memoryview(owner).toreadonly().cast("B")

    def write(self, data: bytes | bytearray | memoryview) -> int | None:
        """Copy bytes into the file to the host. Returns their offset, or None if there is no room
        or the system refuses the write, for example because the disk is full. `data` must be
        contiguous.
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
            # Also reached if the call is cancelled during the write.
            self.release(offset)
            if isinstance(error, OSError):
                return None
            raise
        return offset

    def release(self, offset: int) -> None:
        """Release a place of `write` that the host has read, or that was never sent to it. Does
        nothing if the place is not in use.
        """
        with self._lock:
            self._space.release(offset)

    def forget(self) -> None:
        """Report no more releases, and write nothing. For a forked child, since the arrays and the
        file belong to the worker.
        """
        self._forgotten = True
        self._places.clear()

    def close(self) -> None:
        """Close the files. The map stays for as long as views of it are in use."""
        self.forget()
        del self._map
        os.close(self._to_host)


class SharedMemory(msgspec.Struct, frozen=True, kw_only=True):
    """A slab, and the size from which buffers go through it."""

    slab: Slab
    min_bytes: int = 1
    """Smaller buffers are sent in the message."""

    def takes_any_of(self, buffers: Iterable[bytes | memoryview]) -> bool:
        """Return whether one of the buffers is large enough."""
        return any(len(buffer) >= self.min_bytes for buffer in buffers)


@lru_cache(maxsize=64)
def _array_type(length: int) -> type[ctypes.Array[ctypes.c_char]]:
    return ctypes.c_char * length
