"""Test tools in plain Python, without a host: `current_call()` works inside of `running_call()`,
which can also pretend that the call has a session and host tools, and the worker a device.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from snakeden._values.packing import pack, unpack
from snakeden.call import CURRENT, Call
from snakeden.device import PRETENDED, Device
from snakeden.errors import CallCancelled, HostError
from snakeden.files.file import File
from snakeden.session.programs import program_from_host, program_to_host
from snakeden.session.source import Reply
from snakeden.testing.pretended_files import PretendedFiles, given_file
from snakeden.testing.pretended_session import (
    ANSWERED_AFTER_THE_END,
    Answer,
    Changes,
    PretendedVariables,
    conflict,
)
from snakeden.testing.pretended_tools import PretendedTools
from snakeden.tool import mark_of
from snakeden.tool_name import tool_name_problem

__all__ = ["RunningCall", "given_file", "running_call"]


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
        tools: Mapping[str, Callable[..., Any]] | None = None,
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
        self._files = PretendedFiles()
        self._store = PretendedVariables(variables or {}, self._check)
        self._tools = PretendedTools(tools or {}, self._check)
        self._programs: dict[str, dict[str, Any]] = {
            name: {"version": 1, "program": program_to_host(self, **program)}
            for name, program in (programs or {}).items()
        }
        self.registered: dict[str, Callable[..., Any]] = {}
        """The functions that the tool has registered, by the names of their tools."""
        self.session_local: dict[str, Any] = {}
        """The `session.local` of the tool."""
        self._steps: list[Callable[[], None]] = []
        self._last_steps: list[Callable[[], None]] = []
        self._view = Call(self)

    def local(self) -> dict[str, Any]:
        """Return what tools keep with the session."""
        self.ask("session.keep_local", {})
        return self.session_local

    @property
    def files(self) -> list[File]:
        """The files that the tool has made: real ones, which stay as long as this object."""
        return self._files.made

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
        item = {"name": name, "value": pack(value)}
        self._store.answer("session.set_vars", {"variables": [item]})

    def delete_variable(self, name: str) -> None:
        """Delete a variable of the session, as another call or the library would."""
        self._store.answer("session.delete_vars", {"names": [name]})

    def end_session(self) -> None:
        """End the session: its changes end, and everything else fails with `unknown_session`."""
        self._store.end()

    def cancel(self) -> None:
        """Set `current_call().cancelled`, and raise `CallCancelled` where the tool asks the host.
        A worker would raise it anywhere in the tool.
        """
        self.stop_code = "cancelled"
        self._store.notify()

    def end(self) -> None:
        """End the call."""
        self.ended = True
        self._store.notify()
        for step in self._last_steps:
            step()
        self._tools.end()

    def check(self) -> None:
        """Raise RuntimeError if the call has ended."""
        if self.ended:
            raise RuntimeError(f"call {self.call_id} of '{self.tool}' has ended")

    def _check(self) -> None:
        self.check()
        if self.stop_code is not None:
            raise CallCancelled(self.stop_code)

    def _check_scope(self, session: bool | None) -> None:
        self._check()
        if session and not self.session_id:
            raise ValueError(f"session=True: the call {self.call_id} has no session")

    def report(self, report: dict[str, Any]) -> None:
        """Keep a report of progress."""
        self.reports.append(report)

    def ask(self, method: str, args: Any) -> Reply:
        """Answer what a tool asks the host for."""
        self._check()
        if method.startswith("files."):
            return self._files.ask(method, args, check=self._check)
        if method.startswith("tools."):
            return self._tools.ask(method, args)
        if method == "session.changes":
            return Changes(self._store, args)
        if self._store.has_ended and method not in ANSWERED_AFTER_THE_END:
            message = f"There is no session {self.session_id!r}"
            raise HostError("unknown_session", message)
        if method.endswith(("_program", "_programs")):
            return Answer(self._answer_of_programs(method, args))
        return Answer(self._store.answer(method, args))

    def _answer_of_programs(self, method: str, args: dict[str, Any]) -> Any:
        programs = self._programs
        if method == "session.list_programs":
            return {"names": sorted(programs), "cursor": None}
        name = args["name"]
        if method == "session.delete_program":
            return programs.pop(name, None) is not None
        before = programs.get(name)
        if method == "session.get_program":
            return before and {**deepcopy(before), "isOwn": True}
        version = 0 if before is None else before["version"]
        if args.get("ifVersion", version) != version:
            error = conflict("program", name, version=version)
            raise HostError(error["code"], error["message"], details=error["details"])
        programs[name] = {"version": version + 1, "program": deepcopy(args["program"])}
        return {"version": version + 1}

    def register_tool(
        self, function: Callable[..., Any], *, name: str | None, session: bool | None
    ) -> str:
        """Keep a function that the tool registers."""
        self._check_scope(session)
        mark = mark_of(function)
        marked = None if mark is None else mark.name
        given = str(name or marked or getattr(function, "__name__", ""))
        if problem := tool_name_problem(given):
            raise ValueError(f"register(): the tool name {given!r} is not allowed: {problem}")
        if given in self.registered:
            message = f"Cannot register the tool {given!r}: there is a tool of this name"
            raise HostError("tool_exists", message, details={"tool": given})
        self.registered[given] = function
        return given

    def unregister_tool(self, name: str, *, session: bool | None) -> None:
        """Forget a function that the tool has registered."""
        self._check_scope(session)
        if self.registered.pop(name, None) is None:
            message = f"Cannot unregister the tool {name!r}: it is not registered"
            raise HostError("unknown_tool", message, details={"tool": name})

    def before_answer(
        self, step: Callable[[], None], _step_async: Callable[[], Awaitable[None]]
    ) -> None:
        """Run a step at the end of the call."""
        self._steps.append(step)

    def at_end(self, step: Callable[[], None]) -> None:
        """Run a step when the call has ended."""
        self._last_steps.append(step)

    def pack(self, value: object) -> Any:
        """Return a copy of a value in the form in which it would reach the host."""
        return pack(value)

    def unpack(self, packed: Any) -> Any:
        """Return the value of a packed one."""
        return unpack(packed)

    def view(self) -> Call:
        """Return what `current_call()` returns."""
        return self._view

    def conclude(self) -> None:
        """Run the steps before the answer."""
        for step in self._steps:
            step()


@contextmanager
def running_call(
    *,
    tool: str = "tool",
    call_id: str = "test-1",
    request_id: str = "",
    session_id: str = "",
    session: Mapping[str, Any] | None = None,
    programs: Mapping[str, Mapping[str, Any]] | None = None,
    tools: Mapping[str, Callable[..., Any]] | None = None,
    timeout_ms: float | None = None,
    device: Device | None = None,
) -> Iterator[RunningCall]:
    """Have `current_call()` return a call until the end of the `with` block.

    with running_call() as call:
        assert list(Texts().train(epochs=2)) == [...]
    assert call.reports[-1] == {"fraction": 1.0}

    With a `session`, `current_call().session` has these variables, in memory and without checks of
    types and constraints. Values are sent as to a host, so a tuple is read as a list:

    with running_call(session={"epochs": 1}) as call:
        Texts().train_more()
    assert call.variables == {"epochs": 2}

    Its `programs` are given as `Programs.put` takes them, and are not checked either:

    with running_call(programs={"sum": {"tool": "add", "args": {"a": 1}}}):
        assert current_call().session.programs["sum"]["tool"] == "add"

    `call.change_variable(name, value)` changes one as others would, for tools that follow changes.

    Its `tools` are functions that answer as host tools; generators stream, and each kind may
    be asynchronous. What they raise reaches the tool as `HostToolError`, with the code
    `host_tool_failed` or that of a `HostError`:

    with running_call(tools={"lookup": lambda id: {"id": id, "name": "Ada"}}):
        assert current_call().tools.lookup(id=3)["name"] == "Ada"

    Files that the tool makes are real ones, in a temporary folder:

    with running_call() as call:
        Texts().clean(Path("rows.csv"))
    assert call.files[0].name == "clean.csv"
    assert call.files[0].path.read_text() == "..."

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
        tools=tools,
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
