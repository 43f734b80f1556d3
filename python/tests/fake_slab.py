"""The host's side of shared memory, in the test process.

The twin of src/bridge/shared_memory/slab.ts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from snakeden._link.gen import link_pb2 as link
from snakeden._link.gen.values_pb2 import Value
from snakeden._link.slab_space import SlabSpace
from snakeden._values import values

PAGE = 4096


class FakeSlab:
    """The two files of a slab, and the taken places of the one to the worker."""

    def __init__(self, folder: Path, nbytes: int = 16 << 20, min_bytes: int = PAGE) -> None:
        self._to_worker = folder / "to_worker"
        self._to_host = folder / "to_host"
        for path in (self._to_worker, self._to_host):
            path.touch(mode=0o600)
            os.truncate(path, nbytes)
        self.space = SlabSpace(nbytes)
        self.offer = link.SharedMemory(
            to_worker_path=str(self._to_worker),
            to_host_path=str(self._to_host),
            bytes=nbytes,
            min_bytes=min_bytes,
        )

    def call(self, call_id: int, tool: str, args: Any, **fields: Any) -> dict[str, Any]:
        """Return the body of a call whose large buffers are in shared memory."""
        return {"call": link.Call(id=call_id, tool=tool, args=self.place(args), **fields)}

    def place(self, content: Any) -> Value:
        """Encode a value for the worker, with its large buffers in shared memory."""
        encoded = values.encode(content)
        value = Value(json=encoded.json, tagged=encoded.tagged)
        for index, buffer in enumerate(encoded.buffers):
            offset = None
            if len(buffer) >= self.offer.min_bytes:
                offset = self.space.allocate(len(buffer))
            if offset is None:
                value.buffers.append(bytes(buffer))
                continue
            with self._to_worker.open("r+b") as file:
                file.seek(offset)
                file.write(buffer)
            value.buffers.append(b"")
            value.shared.add(index=index, offset=offset, length=len(buffer))
        return value

    def take(self, value: Value) -> Any:
        """Decode a value that the worker sent."""
        buffers = list(value.buffers)
        for place in value.shared:
            assert buffers[place.index] == b""
            with self._to_host.open("rb") as file:
                file.seek(place.offset)
                buffers[place.index] = file.read(place.length)
        return values.decode(values.Encoded(value.json, value.tagged, buffers))


def release_of(*all_values: Value) -> dict[str, Any]:
    """Return the body that releases the places of values to the worker."""
    offsets = [place.offset for value in all_values for place in value.shared]
    return {"release": link.Release(offsets=offsets)}
