"""Sinks for the items of a result: chunks to the host, or one list."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Final

from snakeden._link import wire
from snakeden._values.values import Encoded, ValueLimits, encode
from snakeden.errors import ResultTooLargeError

if TYPE_CHECKING:
    from snakeden._link.slab import SharedMemory
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption

__all__ = ["Collector", "Sender"]

CHUNK_OVERHEAD: Final = 64
"""The weight of a chunk beyond its JSON and buffers, in bytes."""

SIGN_INTERVAL: Final = 0.02
"""The shortest time between two signs of a collector, in seconds."""

PAUSE_INTERVAL: Final = 0.002
"""The time after which a stream lets other tasks run, in seconds."""

_SIGN: Final = encode(None)


class Sender:
    """Sends chunks while those that the host has not credited weigh less than the window."""

    def __init__(
        self,
        attempt: Attempt,
        put: Callable[[bytes], None],
        *,
        window: int,
        limits: ValueLimits,
        max_list_items: int | None = None,
        interruption: Interruption,
        shared: SharedMemory | None = None,
    ) -> None:
        """Send the chunks of `attempt` by `put`; the window is in bytes. For `max_list_items` see
        `encode`.
        """
        self._call_id = attempt.id
        self._put = put
        self._interruption = interruption
        self._shared = shared
        self._window = max(1, window)
        self._max_bytes = limits.max_bytes
        self._max_depth = limits.max_depth
        self._max_list_items = max_list_items
        self._owed = 0
        self._pause_at = -inf
        self._credits: SimpleQueue[int] = SimpleQueue()
        self._wake: Callable[[], object] | None = None
        attempt.on_credit = self._on_credit

    def _on_credit(self, nbytes: int) -> None:
        """Open the window further; called by the reader of the link."""
        self._credits.put(nbytes)
        if self._wake is not None:
            self._wake()

    def send(self, item: object) -> None:
        """Send one chunk."""
        value = encode(
            item,
            max_depth=self._max_depth,
            max_bytes=self._max_bytes,
            max_list_items=self._max_list_items,
            where="chunk",
        )
        shared = self._shared
        if shared is not None and value.tagged and shared.takes_any_of(value.buffers):
            self._send_shared(value, shared)
        else:
            self._put(wire.chunk(self._call_id, value))
        self._owed += value.size + CHUNK_OVERHEAD

    def _send_shared(self, value: Encoded, shared: SharedMemory) -> None:
        """Send a chunk through shared memory. The host must learn of a place that was taken, so no
        exception may come up in between. A separate method, since a closure would slow every chunk.
        """
        self._interruption.shield(
            lambda: self._put(wire.chunk(self._call_id, value, shared=shared))
        )

    def wait(self) -> None:
        """Wait until the window is open; a cancelled call is interrupted here like anywhere in its
        tool.
        """
        while self._owed >= self._window:
            self._owed -= self._credits.get()

    async def wait_async(self) -> None:
        """Wait as `wait` does, while other tasks of the loop go on."""
        if self._owed < self._window:
            if self._interruption.shares_loop and monotonic() >= self._pause_at:
                import asyncio

                # A generator that awaits nothing would hold up all other calls of the loop.
                await asyncio.sleep(0)
                self._pause_at = monotonic() + PAUSE_INTERVAL
            return
        import asyncio

        loop = asyncio.get_running_loop()
        signalled = asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(signalled.set)
        try:
            while True:
                while not self._credits.empty():
                    self._owed -= self._credits.get()
                if self._owed < self._window:
                    return
                await signalled.wait()
                signalled.clear()
        finally:
            self._wake = None

    def finish(self, returned: object) -> Encoded:
        """Return the result of the stream: the value that the generator returned."""
        return encode(
            returned,
            max_depth=self._max_depth,
            max_bytes=self._max_bytes,
            max_list_items=self._max_list_items,
        )


class Collector:
    """Gathers chunks into one list, each encoded as it comes, so that an endless generator meets
    the limit.
    """

    def __init__(
        self,
        limits: ValueLimits,
        *,
        max_list_items: int | None = None,
        sign: Callable[[Encoded], object] | None = None,
    ) -> None:
        """Gather chunks. The host sees none of them, so `sign` sends it an empty report of progress
        now and then, which shows that the tool is at work.
        """
        self._sign = sign
        self._next_sign = monotonic() + SIGN_INTERVAL
        self._max_list_items = max_list_items
        self._max_bytes = limits.max_bytes
        self._max_depth = limits.max_depth - 1
        self._texts: list[bytes] = []
        self._buffers: list[bytes | memoryview] = []
        self._tagged = False
        self._size = 2
        self._attached = 0

    def send(self, item: object) -> None:
        """Take one chunk."""
        where = f"result[{len(self._texts)}]"
        value = encode(
            item,
            max_depth=self._max_depth,
            max_bytes=self._max_bytes,
            where=where,
            buffers=self._buffers,
            max_list_items=self._max_list_items,
        )
        self._texts.append(value.json)
        self._tagged = self._tagged or value.tagged
        self._size += len(value.json) + 1
        buffers = self._buffers
        while self._attached < len(buffers):
            # The generator goes on, and may write to the array that it has yielded.
            buffers[self._attached] = bytes(buffers[self._attached])
            self._size += len(buffers[self._attached])
            self._attached += 1
        if 0 < self._max_bytes < self._size:
            raise ResultTooLargeError(self._size, self._max_bytes, what="list of chunks")
        if self._sign is not None and monotonic() >= self._next_sign:
            self._next_sign = monotonic() + SIGN_INTERVAL
            self._sign(_SIGN)

    def wait(self) -> None:
        """Return at once: a list has no window."""

    async def wait_async(self) -> None:
        """Let other tasks run."""
        import asyncio

        await asyncio.sleep(0)

    def finish(self, _returned: object) -> Encoded:
        """Return the list of all chunks, without the value that the generator returned."""
        return Encoded(b"[" + b",".join(self._texts) + b"]", self._tagged, self._buffers)
