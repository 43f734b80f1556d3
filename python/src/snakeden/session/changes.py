"""Changes of the variables of a session, as tools follow them.

A tool that waits for a change has one ask open at the host, which answers when there is one. The
twin of src/sessions/methods/change_methods.ts.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Literal

from snakeden.errors import HostError
from snakeden.session.source import Reply, SessionSource

__all__ = ["VariableChange", "VariableChanges"]

_POLLS: Final = count(1)
"""The numbers of waits for changes."""


@dataclass(frozen=True)
class VariableChange:
    """A change of a variable of the session."""

    kind: Literal["set", "deleted", "reset"]
    """A variable was `set` or `deleted`. After a `reset`, changes were missed: read all variables
    again.
    """
    name: str | None
    """The name of the variable; None for a `reset`."""
    version: int | None
    """The version that the variable has since; None for a `reset`."""
    position: str
    """The place of this change among all changes of the session, for `changes(after=...)`."""


class VariableChanges:
    """The changes of the variables of a session, for `for` in tools and their threads, and for
    `async for` in asynchronous tools. Made by `variables.changes()`.

    It ends when the session ends, or after `close()`.
    """

    __slots__ = (
        "_after",
        "_batch",
        "_earlier",
        "_is_closed",
        "_is_over",
        "_lock",
        "_names",
        "_poll",
        "_poll_number",
        "_see",
        "_since",
        "_source",
        "_start",
        "_written",
    )

    def __init__(
        self,
        source: SessionSource,
        *,
        after: str | None,
        names: Iterable[str] | None,
        see: Callable[[Sequence[VariableChange]], None],
        earlier: Sequence[Reply],
    ) -> None:
        """Follow the changes after a position, else those from now on, without the `earlier` writes
        of the call, which may still be under way. `see` is called with all changes of the session.
        """
        self._source = source
        self._after = after
        self._names = None if names is None else frozenset(names)
        self._see = see
        self._earlier = earlier
        # Asked for now, so that no change is missed between this and the first read.
        self._start = source.ask("session.position", {})
        self._since: str | None = None
        self._written: frozenset[int] = frozenset()
        """The versions of the earlier writes."""
        self._poll: Reply | None = None
        self._poll_number = 0
        self._batch: deque[VariableChange] = deque()
        self._is_over = False
        self._is_closed = False
        # Reentrant, since the garbage collector may run a finalizer here.
        self._lock = threading.RLock()

    def __iter__(self) -> VariableChanges:
        return self

    def __next__(self) -> VariableChange:
        steps = self._steps()
        try:
            while True:
                reply = next(steps)
                try:
                    reply.wait()
                except HostError:
                    continue  # The next step raises it where it matters.
                except RuntimeError:
                    if not self._is_closed:
                        raise
        except StopIteration as end:
            change: VariableChange | None = end.value
        if change is None:
            raise StopIteration
        return change

    def __aiter__(self) -> VariableChanges:
        return self

    async def __anext__(self) -> VariableChange:
        steps = self._steps()
        try:
            while True:
                reply = next(steps)
                try:
                    await reply.wait_async()
                except HostError:
                    continue  # The next step raises it where it matters.
                except RuntimeError:
                    if not self._is_closed:
                        raise
        except StopIteration as end:
            change: VariableChange | None = end.value
        if change is None:
            raise StopAsyncIteration
        return change

    def close(self) -> None:
        """End it, also for a thread or a task that waits for the next change."""
        with self._lock:
            self._is_closed = True
            poll, self._poll = self._poll, None
            if poll is None or poll.done:
                return
            try:
                # So that the host waits no longer.
                self._source.ask("session.leave_changes", {"poll": self._poll_number})
            except RuntimeError:
                pass  # The end of the call ends all waits.
            finally:
                poll.leave()

    def check(self) -> None:
        """Raise `HostError` if the changes cannot be followed."""
        self._start.wait()

    async def acheck(self) -> None:
        """Do what `check` does, while other tasks of the event loop go on."""
        await self._start.wait_async()

    def _steps(self) -> Generator[Reply, None, VariableChange | None]:
        """Yield what must be waited for. Return the next change, or None if there is none."""
        if not self._is_closed:
            self._source.check()
        if self._since is None:
            for reply in (*self._earlier, self._start):
                if not reply.done:
                    yield reply
        while True:
            with self._lock:
                if self._is_closed:
                    return None
                if self._since is None:
                    self._begin()
                poll = self._poll
                if poll is not None and poll.done:
                    self._poll = None
                    self._take(poll.wait())
                    poll = None
                if self._batch:
                    return self._batch.popleft()
                if self._is_over:
                    return None
                if poll is None:
                    poll = self._poll = self._ask()
            yield poll

    def _begin(self) -> None:
        since: str = self._start.wait()["position"]
        written: set[int] = set()
        for reply in self._earlier:
            try:
                written.update(it["version"] for it in reply.wait() if "version" in it)
            except HostError:
                continue  # The next use of the variables raises it.
        self._earlier = ()
        self._written = frozenset(written)
        self._since = since
        if self._after is None:
            self._after = since

    def _take(self, answer: dict[str, Any]) -> None:
        changes = [
            VariableChange(it["kind"], it.get("name"), it.get("version"), it["position"])
            for it in answer["changes"]
        ]
        self._after = answer["after"]
        self._is_over = answer["ended"]
        self._see(changes)
        names = self._names
        self._batch.extend(
            it
            for it in changes
            if it.version not in self._written
            and (names is None or it.name is None or it.name in names)
        )

    def _ask(self) -> Reply:
        self._poll_number = next(_POLLS)
        return self._source.ask(
            "session.changes",
            {"since": self._since, "after": self._after, "poll": self._poll_number},
        )
