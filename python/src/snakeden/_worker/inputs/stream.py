"""The reading end of an input stream.

The host answers an ask for items as soon as there is at least one, with all that are ready. One
answer is asked for ahead, while the tool works on the items of the one before. A tool that is slow
therefore slows the producer.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from snakeden._tools.convert import converter_of, exact_converter_of
from snakeden._tools.issues import explain
from snakeden._values.input_handle import InputHandle
from snakeden.errors import ArgumentsError, HostError, Issue
from snakeden.running_loop import running_loop

if TYPE_CHECKING:
    import asyncio

    from snakeden.session.source import Reply

__all__ = ["InputSource", "InputStream"]

INPUT_NEXT: Final = "input.next"
INPUT_CANCEL: Final = "input.cancel"

_END: Final = object()
"""Stands for the end of the items."""
_MORE: Final = object()
"""Stands for items that have to be asked for."""


_PAUSE: Final = 0.001
"""The time after which a task looks again whether a thread still reads, in seconds."""


class InputSource(Protocol):
    """The call that has the stream; the worker has it in `_worker/calls/attempt.py`."""

    @property
    def tool(self) -> str:
        """The name of the tool."""

    def ask(self, method: str, args: object) -> Reply:
        """Ask the host for something; returns at once."""


class InputStream(InputHandle):
    """An iterator, synchronous and asynchronous, over the items that a caller sends.

    `close()` ends it early. An item that does not fit the hint raises ArgumentsError, and the one
    after it can still be read. An error of the caller's side raises HostError and ends it.
    """

    __slots__ = (
        "_ahead",
        "_ended",
        "_hint",
        "_id",
        "_lock",
        "_pid",
        "_ready",
        "_source",
        "_taken",
        "_turn",
        "_unchecked",
        "_where",
    )

    def __init__(self, source: InputSource, stream_id: int, *, where: str, hint: Any = Any) -> None:
        """Read the stream of `source` with this id; `where` names it in errors."""
        self._source = source
        self._id = stream_id
        self._where = where
        self._hint = hint
        self._ready: Iterator[Any] = iter(())
        """Items that were converted."""
        self._unchecked: deque[Any] = deque()
        """Items of an answer with one that does not fit, which are converted one by one."""
        self._taken = 0
        """The number of items before those that are unchecked."""
        self._ahead: Reply | None = None
        """The answer that was asked for ahead."""
        self._ended = False
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._turn: asyncio.Lock | None = None
        """Held by the task that waits for items."""

    def of(self, hint: Any) -> InputStream:
        """See `InputHandle.of`."""
        return InputStream(self._source, self._id, where=self._where, hint=hint)

    def __repr__(self) -> str:
        return f"<InputStream {self._where}>"

    # ---- synchronous ----

    def __iter__(self) -> InputStream:
        return self

    def __next__(self) -> Any:
        # A loop that returns at once takes half the time of `next` with a default.
        for item in self._ready:
            return item
        self._refuse_forked_copy()
        with self._lock:
            item = self._at_hand()
            while item is _MORE:
                self._refuse_event_loop()
                self._receive(self._asked())
                item = self._at_hand()
        if item is _END:
            raise StopIteration
        return item

    def close(self) -> None:
        """End the stream: it has no more items, and the producer is told. Does not wait."""
        if self._ended:
            return
        self._drop()
        try:
            self._source.ask(INPUT_CANCEL, {"id": self._id})
        except RuntimeError:
            return  # The call has ended, and so the host has closed the stream.

    # ---- asynchronous ----

    def __aiter__(self) -> InputStream:
        return self

    async def __anext__(self) -> Any:
        for item in self._ready:
            return item
        import asyncio

        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            while True:
                reply = None
                # A thread that reads the same stream holds the lock while it waits for items.
                if self._lock.acquire(blocking=False):
                    try:
                        item = self._at_hand()
                        if item is not _MORE:
                            break
                        reply = self._asked()
                        if reply.done:
                            self._receive(reply)
                            continue
                    finally:
                        self._lock.release()
                if reply is None:
                    self._refuse_forked_copy()
                await (asyncio.sleep(_PAUSE) if reply is None else _settled(reply))
        if item is _END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Do what `close` does."""
        self.close()

    # ---- both ----

    def _at_hand(self) -> Any:
        """Return the next item, `_MORE` or `_END`."""
        for item in self._ready:
            return item
        if self._unchecked:
            return self._checked(self._unchecked.popleft())
        return _END if self._ended else _MORE

    def _asked(self) -> Reply:
        """Return the answer with the next items, which may still be on its way."""
        if self._ahead is None:
            self._ahead = self._source.ask(INPUT_NEXT, {"id": self._id})
        return self._ahead

    def _receive(self, reply: Reply) -> None:
        """Take the items of an answer, and ask for the next ones."""
        try:
            answer = reply.wait()
        except HostError as error:
            self._failed(error)
        finally:
            # An interrupted wait can go on with the same answer.
            if reply.done:
                self._ahead = None
        if self._ended:
            return  # Closed meanwhile.
        self._convert(answer["items"])
        if answer["done"]:
            self._ended = True
        else:
            self._asked()

    def _convert(self, items: list[Any]) -> None:
        if self._hint is not Any:
            try:
                items = exact_converter_of(list[self._hint])(items)  # type: ignore[name-defined]
            except Exception:
                # Each item is tried by itself, so that the tool gets those before the wrong one.
                self._unchecked.extend(items)
                return
        self._taken += len(items)
        self._ready = iter(items)

    def _checked(self, item: Any) -> Any:
        index = self._taken
        self._taken += 1
        try:
            return converter_of(self._hint)(item)
        except Exception as error:
            issues: list[Issue] = []
            path = f"{self._where}[{index}]"
            explain(item, self._hint, path=path, issues=issues)
            issues = issues or [Issue(path, str(error))]
            raise ArgumentsError(self._source.tool, issues) from None

    def _failed(self, error: HostError) -> NoReturn:
        self._ended = True
        error.argument = self._where
        raise error

    def _drop(self) -> None:
        self._ended = True
        self._ready = iter(())
        self._unchecked.clear()

    def _refuse_forked_copy(self) -> None:
        # The thread that holds the lock is not in the copy, and never releases it there.
        if self._lock.locked() and os.getpid() != self._pid:
            raise RuntimeError(f"{self._where}: a forked copy of the worker cannot ask the host")

    def _refuse_event_loop(self) -> None:
        if running_loop() is None:
            return
        raise RuntimeError(
            f"{self._where}: a plain loop over this stream would block the event loop of this "
            "thread until the caller sends an item; use `async for`, or read it on another thread "
            "by asyncio.to_thread"
        )


async def _settled(reply: Reply) -> None:
    """Wait until the answer is there, whatever it is."""
    try:
        await reply.wait_async()
    except HostError:
        return  # Raised again by whoever takes the answer.
