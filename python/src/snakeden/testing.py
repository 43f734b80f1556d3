"""Test tools in plain Python, without a host: `current_call()` works inside of `running_call()`,
which can also pretend that the call has a session, and the worker a device.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from queue import SimpleQueue
from typing import Any

from snakeden.call import CURRENT, Call
from snakeden.device import PRETENDED, Device
from snakeden.errors import CallCancelled, HostError
from snakeden.programs import program_from_host, program_to_host
from snakeden.session_source import Reply

__all__ = ["RunningCall", "running_call"]


class RunningCall:
    """A call that a test pretends to run."""

    def __init__(
        self,
        *,
        tool: str,
        call_id: str,
        request_id: str,
        session_id: str,
        timeout_ms: float | None,
        variables: Mapping[str, Any] | None = None,
        programs: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.number = 1
        self.call_id = call_id
        self.tool = tool
        self.request_id = request_id
        self.session_id = session_id
        self.deadline = None if timeout_ms is None else time.monotonic() + timeout_ms / 1000
        self.stop_code: str | None = None
        self.ended = False
        self.reports: list[dict[str, Any]] = []
        """The progress that the tool has reported, such as `{"fraction": 0.5}`."""
        self._store = _Store(variables or {}, self._check)
        self._programs: dict[str, dict[str, Any]] = {
            name: {"version": 1, "program": program_to_host(self, **program)}
            for name, program in (programs or {}).items()
        }
        self.session_local: dict[str, Any] = {}
        """The `session.local` of the tool."""
        self._steps: list[Callable[[], None]] = []
        self._last_steps: list[Callable[[], None]] = []
        self._view = Call(self)

    def local(self) -> dict[str, Any]:
        """Return what tools keep with the session."""
        self.check()
        return self.session_local

    @property
    def variables(self) -> dict[str, Any]:
        """A copy of the variables of the session, as they are now."""
        return self._store.values()

    @property
    def programs(self) -> dict[str, dict[str, Any]]:
        """A copy of the programs of the session, as they are now."""
        return {
            name: program_from_host(self, deepcopy(it["program"]))
            for name, it in self._programs.items()
        }

    def change_variable(self, name: str, value: Any) -> None:
        """Write a variable of the session, as another call or the library would."""
        self._store.answer("session.set_vars", {"variables": [{"name": name, "value": value}]})

    def delete_variable(self, name: str) -> None:
        """Delete a variable of the session, as another call or the library would."""
        self._store.answer("session.delete_vars", {"names": [name]})

    def end_session(self) -> None:
        """End the changes of the variables, as a session that ends does."""
        self._store.end()

    def cancel(self) -> None:
        """Set `current_call().cancelled`, and raise `CallCancelled` where the tool waits for a
        change of variables. A worker would raise it anywhere in the tool.
        """
        self.stop_code = "cancelled"
        self._store.notify()

    def end(self) -> None:
        """End the call."""
        self.ended = True
        self._store.notify()
        for step in self._last_steps:
            step()

    def check(self) -> None:
        """Raise RuntimeError if the call has ended."""
        if self.ended:
            raise RuntimeError(f"call {self.call_id} of '{self.tool}' has ended")

    def _check(self) -> None:
        self.check()
        if self.stop_code is not None:
            raise CallCancelled(self.stop_code)

    def report(self, report: dict[str, Any]) -> None:
        """Keep a report of progress."""
        self.reports.append(report)

    def ask(self, method: str, args: Any) -> Reply:
        """Answer what a tool asks the host for."""
        self.check()
        if method == "session.changes":
            return _Changes(self._store, args)
        if method.endswith(("_program", "_programs")):
            return _Answer(self._answer_of_programs(method, args))
        return _Answer(self._store.answer(method, args))

    def _answer_of_programs(self, method: str, args: dict[str, Any]) -> Any:
        programs = self._programs
        if method == "session.list_programs":
            return {"names": list(programs), "cursor": None}
        name = args["name"]
        if method == "session.delete_program":
            return programs.pop(name, None) is not None
        before = programs.get(name)
        if method == "session.get_program":
            return before and {**deepcopy(before), "isOwn": True}
        version = 0 if before is None else before["version"]
        if args.get("ifVersion", version) != version:
            error = _conflict("program", name, version=version)
            raise HostError(error["code"], error["message"], details=error["details"])
        programs[name] = {"version": version + 1, "program": deepcopy(args["program"])}
        return {"version": version + 1}

    def before_answer(self, step: Callable[[], None]) -> None:
        """Run a step at the end of the call."""
        self._steps.append(step)

    def at_end(self, step: Callable[[], None]) -> None:
        """Run a step when the call has ended."""
        self._last_steps.append(step)

    def pack(self, value: object) -> Any:
        """Return a copy of a value."""
        return deepcopy(value)

    def unpack(self, packed: Any) -> Any:
        """Return a copy of a value."""
        return deepcopy(packed)

    def view(self) -> Call:
        """Return what `current_call()` returns."""
        return self._view

    def conclude(self) -> None:
        """Run the steps before the answer."""
        for step in self._steps:
            step()


class _Answer:
    """A `Reply` that is there."""

    done = True

    def __init__(self, value: Any) -> None:
        self._value = value

    def wait(self) -> Any:
        return self._value

    async def wait_async(self) -> Any:
        return self._value

    def when_done(self, step: Callable[[], None]) -> None:
        step()

    def leave(self) -> None:
        pass


class _Changes:
    """A `Reply` that is there when there is a change."""

    def __init__(self, store: _Store, args: dict[str, Any]) -> None:
        self._store = store
        self._args = args
        self._is_left = False

    @property
    def done(self) -> bool:
        try:
            return self._answer() is not None
        except (CallCancelled, RuntimeError):
            return True

    def wait(self) -> Any:
        news: SimpleQueue[None] = SimpleQueue()
        with self._store.waking(lambda: news.put(None)):
            while (answer := self._answer()) is None:
                news.get()
        return answer

    async def wait_async(self) -> Any:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        with self._store.waking(lambda: loop.call_soon_threadsafe(woken.set)):
            while (answer := self._answer()) is None:
                await woken.wait()
                woken.clear()
        return answer

    def when_done(self, step: Callable[[], None]) -> None:
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
        self._is_left = True
        self._store.notify()

    def _answer(self) -> Any:
        if self._is_left:
            raise RuntimeError("session.changes: nobody waits for the answer any more")
        return self._store.changes(self._args)


class _Store:
    """The variables of one session. It checks versions, but neither types nor constraints."""

    def __init__(self, values: Mapping[str, Any], check: Callable[[], None]) -> None:
        """Hold variables; `check` raises when nobody may wait for changes any more."""
        self._check = check
        self._variables: dict[str, dict[str, Any]] = {}
        self._log: list[dict[str, Any]] = []
        """All changes; the position of each is its number."""
        self._has_ended = False
        self._wakers: list[Callable[[], object]] = []
        self._lock = threading.RLock()
        for name, value in values.items():
            self._set({"name": name, "value": deepcopy(value)})

    def values(self) -> dict[str, Any]:
        return {name: deepcopy(it["value"]) for name, it in self._variables.items()}

    def answer(self, method: str, args: dict[str, Any]) -> Any:
        with self._lock:
            variables = self._variables
            if method == "session.get_vars":
                return [variables.get(name) for name in args["names"]]
            if method == "session.set_vars":
                return [self._set(it) for it in args["variables"]]
            if method == "session.delete_vars":
                return [self._delete(name) for name in args["names"]]
            if method == "session.list_vars":
                return {"names": list(variables), "cursor": None}
            if method == "session.position":
                return {"position": self._position()}
            if method == "session.leave_changes":
                return None
        raise RuntimeError(f"{method}: running_call() has no host to ask")

    def changes(self, args: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer to session.changes; None as long as there is no change."""
        self._check()
        with self._lock:
            seen = int(args["after"].rpartition(".")[2])
            if seen == len(self._log) and not self._has_ended:
                return None
            return {
                "changes": self._log[seen:],
                "after": self._position(),
                "ended": self._has_ended,
            }

    def end(self) -> None:
        self._has_ended = True
        self.notify()

    def notify(self) -> None:
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
            return {"error": _conflict("variable", name, version=version)}
        kind = item.get("type", "json" if before is None else before["type"])
        version = self._changed("set", name)
        self._variables[name] = {
            "type": kind,
            "version": version,
            "constraints": item.get("constraints"),
            "value": item["value"],
        }
        return {"type": kind, "version": version}


def _conflict(kind: str, name: str, *, version: int) -> dict[str, Any]:
    return {
        "code": "version_conflict",
        "message": f"Cannot change the {kind} {name!r}: its version is {version}",
        "details": {"currentVersion": version or None},
        "retryable": False,
    }


@contextmanager
def running_call(
    *,
    tool: str = "tool",
    call_id: str = "test-1",
    request_id: str = "",
    session_id: str = "",
    session: Mapping[str, Any] | None = None,
    programs: Mapping[str, Mapping[str, Any]] | None = None,
    timeout_ms: float | None = None,
    device: Device | None = None,
) -> Iterator[RunningCall]:
    """Have `current_call()` return a call until the end of the `with` block.

    with running_call() as call:
        assert list(Texts().train(epochs=2)) == [...]
    assert call.reports[-1] == {"fraction": 1.0}

    With a `session`, `current_call().session` has these variables, in memory and without checks of
    types and constraints:

    with running_call(session={"epochs": 1}) as call:
        Texts().train_more()
    assert call.variables == {"epochs": 2}

    Its `programs` are given as `Programs.put` takes them, and are not checked either:

    with running_call(programs={"sum": {"tool": "add", "args": {"a": 1}}}):
        assert current_call().session.programs["sum"]["tool"] == "add"

    `call.change_variable(name, value)` changes one as others would, for tools that follow changes.

    With a `device`, `snakeden.device()` returns it until then, in all threads:

    with running_call(device=Device(kind="cuda", memory_bytes=24_000_000_000)):
        Model().setup()
    """
    if device is not None and not isinstance(device, Device):
        raise TypeError(f'device: given {device!r}; allowed: a Device, as Device(kind="cuda")')
    has_session = session is not None or programs is not None
    call = RunningCall(
        tool=tool,
        call_id=call_id,
        request_id=request_id,
        session_id=session_id or ("test-session" if has_session else ""),
        timeout_ms=timeout_ms,
        variables=session,
        programs=programs,
    )
    token = CURRENT.set(call)
    if device is not None:
        PRETENDED[call] = device
    try:
        yield call
        call.conclude()
    finally:
        PRETENDED.pop(call, None)
        call.end()
        CURRENT.reset(token)
