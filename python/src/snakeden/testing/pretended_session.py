"""The variables of a session in memory, which answer a tool in a test as the host would."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Any, Final

from snakeden._values.packing import pack, unpack
from snakeden.errors import CallCancelled, HostError

__all__ = ["ANSWERED_AFTER_THE_END", "Answer", "Changes", "PretendedVariables", "conflict"]

ANSWERED_AFTER_THE_END: Final = ("session.changes", "session.leave_changes")
"""Methods that the host answers also when the session has ended."""


class Answer:
    """A `Reply` that is there."""

    done = True

    def __init__(self, value: Any) -> None:
        self._value = value

    def wait(self) -> Any:
        """Wait for the answer and return it."""
        return self._value

    async def wait_async(self) -> Any:
        """Wait as `wait` does, on an event loop."""
        return self._value

    def when_done(self, step: Callable[[], None]) -> None:
        """Call `step` once the answer is there."""
        step()

    def leave(self) -> None:
        """Do nothing, since nobody waits."""


class Changes:
    """A `Reply` that is there when there is a change."""

    def __init__(self, store: PretendedVariables, args: dict[str, Any]) -> None:
        self._store = store
        self._args = args
        self._is_left = False

    @property
    def done(self) -> bool:
        """True once `wait` returns or raises at once."""
        try:
            return self._answer() is not None
        except (CallCancelled, HostError, RuntimeError):
            return True

    def wait(self) -> Any:
        """Wait for the answer and return it."""
        news: SimpleQueue[None] = SimpleQueue()
        with self._store.waking(lambda: news.put(None)):
            while (answer := self._answer()) is None:
                news.get()
        return answer

    async def wait_async(self) -> Any:
        """Wait as `wait` does, on an event loop."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        with self._store.waking(lambda: loop.call_soon_threadsafe(woken.set)):
            while (answer := self._answer()) is None:
                await woken.wait()
                woken.clear()
        return answer

    def when_done(self, step: Callable[[], None]) -> None:
        """Call `step` once the answer is there."""
        waking = ExitStack()

        def look() -> None:
            if self.done:
                waking.close()
                step()

        if self.done:
            step()
        else:
            waking.enter_context(self._store.waking(look))

    def leave(self) -> None:
        """Wake those who wait."""
        self._is_left = True
        self._store.notify()

    def _answer(self) -> Any:
        if self._is_left:
            raise RuntimeError("session.changes: nobody waits for the answer any more")
        return self._store.changes(self._args)


class PretendedVariables:
    """The variables of one session. It checks versions, but neither types nor constraints."""

    def __init__(self, values: Mapping[str, Any], check: Callable[[], None]) -> None:
        """Hold variables; `check` raises when nobody may wait for changes any more."""
        self._check = check
        self._variables: dict[str, dict[str, Any]] = {}
        self._log: list[dict[str, Any]] = []
        """All changes; the position of each is its number."""
        self.has_ended = False
        """True once the session has ended."""
        self._wakers: list[Callable[[], object]] = []
        self._lock = threading.RLock()
        for name, value in values.items():
            self._set({"name": name, "value": pack(value)})

    def values(self) -> dict[str, Any]:
        """Return a copy of the values by name."""
        return {name: unpack(it["value"]) for name, it in self._variables.items()}

    def answer(self, method: str, args: dict[str, Any]) -> Any:
        """Return the answer to a method of the host."""
        with self._lock:
            variables = self._variables
            if method == "session.get_vars":
                return [variables.get(name) for name in args["names"]]
            if method == "session.set_vars":
                return [self._set(it) for it in args["variables"]]
            if method == "session.delete_vars":
                return [self._delete(name) for name in args["names"]]
            if method == "session.list_vars":
                return {"names": sorted(variables), "cursor": None}
            if method == "session.position":
                return {"position": self._position()}
            if method in ("session.keep_local", "session.leave_changes"):
                return None
        raise RuntimeError(f"{method}: running_call() has no host to ask")

    def changes(self, args: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer to session.changes; None as long as there is no change."""
        self._check()
        with self._lock:
            seen = _place_of(args["after"])
            if seen == len(self._log) and not self.has_ended:
                return None
            return {
                "changes": self._log[seen:],
                "after": self._position(),
                "ended": self.has_ended,
            }

    def end(self) -> None:
        """End the session for those who follow its changes."""
        self.has_ended = True
        self.notify()

    def notify(self) -> None:
        """Wake all who wait for changes."""
        for wake in list(self._wakers):
            wake()

    @contextmanager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        """Call `wake` whenever something may have changed."""
        self._wakers.append(wake)
        try:
            yield
        finally:
            self._wakers.remove(wake)

    def _position(self) -> str:
        return f"test.{len(self._log)}"

    def _changed(self, kind: str, name: str) -> int:
        version = len(self._log) + 1
        position = f"test.{version}"
        self._log.append({"kind": kind, "name": name, "version": version, "position": position})
        self.notify()
        return version

    def _delete(self, name: str) -> bool:
        if self._variables.pop(name, None) is None:
            return False
        self._changed("deleted", name)
        return True

    def _set(self, item: dict[str, Any]) -> dict[str, Any]:
        name, expected = item["name"], item.get("ifVersion")
        before = self._variables.get(name)
        version = 0 if before is None else before["version"]
        if expected is not None and expected != version:
            return {"error": conflict("variable", name, version=version)}
        kind = item.get("type") or _type_of(unpack(item["value"]), before)
        version = self._changed("set", name)
        self._variables[name] = {
            "type": kind,
            "version": version,
            "constraints": item.get("constraints"),
            "value": item["value"],
        }
        return {"type": kind, "version": version}


def _place_of(position: str) -> int:
    try:
        return int(position.rpartition(".")[2])
    except ValueError:
        text = f"Cannot follow the changes: after: given {position!r}; allowed: a position"
        raise HostError("invalid_input", text) from None


def _type_of(value: object, before: Mapping[str, Any] | None) -> str:
    """Return the type of a variable that is written without one, as far as it changes the value."""
    kind = "json" if before is None else str(before["type"])
    is_float = isinstance(value, float)
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if kind in ("float", "integer") and not is_float and not is_integer:
        return "json"
    return "float" if is_float and kind in ("json", "integer") else kind


def conflict(kind: str, name: str, *, version: int) -> dict[str, Any]:
    """Return the error of a write that has expected another version."""
    return {
        "code": "version_conflict",
        "message": f"Cannot change the {kind} {name!r}: its version is {version}",
        "details": {"currentVersion": version or None},
        "retryable": False,
    }
