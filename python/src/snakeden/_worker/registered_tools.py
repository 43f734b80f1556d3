"""The tools that this worker has registered while it runs. Twin of registration_methods.ts.

The host routes the calls of a tool to the worker that has registered it. A tool of a session
belongs to the life of the session, and ends when the host says that this has ended.
"""

from __future__ import annotations

import inspect
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from snakeden._tools.adapter_loader import LoadedTool
from snakeden.errors import AdapterError
from snakeden.tool import ToolMark, mark_of
from snakeden.tool_name import tool_name_problem

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.reply import Reply

__all__ = ["RegisteredTools"]

_MAX_ENDED: Final = 1_000
"""The most lives that are known to have ended before their tools were there."""


class Ask(Protocol):
    """Asks the host for something on behalf of a call.

    `on_answer` is called with the answer or the exception, also if the call has ended by then.
    """

    def __call__(
        self, attempt: Attempt, method: str, *, args: object, on_answer: Callable[[Any], None]
    ) -> Reply: ...


ProblemOf = Callable[[str, Callable[..., Any]], str]


class _Registered(NamedTuple):
    """A tool, and the life of the session that it belongs to, as soon as that is known."""

    tool: LoadedTool
    life: str | None = None


class RegisteredTools:
    """The registered tools of a worker. Any thread may use it."""

    __slots__ = ("_ask", "_ended", "_lock", "_problem_of", "_tables")

    def __init__(self, ask: Ask, *, problem_of: ProblemOf = lambda _name, _function: "") -> None:
        """Register by `ask`; `problem_of` returns why the profile cannot run a function."""
        self._ask = ask
        self._problem_of = problem_of
        self._tables: dict[str, dict[str, _Registered]] = {}
        """By session and name; those for all are under the empty session."""
        self._ended: deque[str] = deque(maxlen=_MAX_ENDED)
        """Lives that have ended, of which there were no tools. Some may be on their way."""
        # Reentrant, since the garbage collector may run a finalizer here.
        self._lock = threading.RLock()

    def find(self, name: str, session_id: str) -> LoadedTool | None:
        """Return the tool that a call of a session runs; those of the session go first."""
        tables = self._tables
        if not tables:
            return None
        found = tables.get(session_id, {}).get(name) or tables.get("", {}).get(name)
        return None if found is None else found.tool

    def register(
        self,
        attempt: Attempt,
        function: Callable[..., Any],
        *,
        name: str | None,
        session: bool | None,
    ) -> str:
        """See `Registering.register`."""
        tool = _loaded(function, name)
        if problem := self._problem_of(tool.name, function):
            raise ValueError(f"register(): {problem}; make it `async def`")
        session_id = _session_of(attempt, session)
        # It is there before the host knows it: a call may arrive before the answer.
        is_first = self._put(tool, session_id, replace=False)
        args = {"tools": [_described(tool)], "session": session_id != ""}

        def on_answer(answer: Any) -> None:
            # Also if the call was cancelled meanwhile: the host may have registered it.
            if not isinstance(answer, Exception):
                self._put(tool, session_id, life=None if answer is None else answer["life"])
            elif is_first:
                self._drop(tool.name, session_id)

        self._ask(attempt, "tools.register", args=args, on_answer=on_answer).wait_anywhere()
        return tool.name

    def unregister(self, attempt: Attempt, name: str, *, session: bool | None) -> None:
        """See `Registering.unregister`."""
        if session is None:
            session = name in self._tables.get(attempt.session_id or "-", {})
        session_id = _session_of(attempt, session)
        args = {"names": [name], "session": session}

        def on_answer(answer: Any) -> None:
            if not isinstance(answer, Exception):
                self._drop(name, session_id)

        self._ask(attempt, "tools.unregister", args=args, on_answer=on_answer).wait_anywhere()

    def end(self, lives: Iterable[str]) -> None:
        """Drop the tools of lives of sessions that have ended."""
        with self._lock:
            for life in lives:
                ended = [
                    (session_id, name)
                    for session_id, table in self._tables.items()
                    for name, it in table.items()
                    if it.life == life
                ]
                for session_id, name in ended:
                    self._drop(name, session_id)
                if not ended:
                    self._ended.append(life)

    def _put(
        self, tool: LoadedTool, session_id: str, *, life: str | None = None, replace: bool = True
    ) -> bool:
        """Add a tool, unless there is one and it must not be replaced, or its life has ended."""
        with self._lock:
            if life is not None and life in self._ended:
                self._drop(tool.name, session_id)
                return False
            table = self._tables.setdefault(session_id, {})
            if not replace and tool.name in table:
                return False
            table[tool.name] = _Registered(tool, life)
            return True

    def _drop(self, name: str, session_id: str) -> None:
        with self._lock:
            table = self._tables.get(session_id, {})
            table.pop(name, None)
            if not table:
                self._tables.pop(session_id, None)


def _loaded(function: Callable[..., Any], name: str | None) -> LoadedTool:
    """Read a function as a tool."""
    if not inspect.isroutine(function):
        kind = "a class" if inspect.isclass(function) else f"an object of {_kind(function)}"
        raise TypeError(f"register() takes a function or a method, not {kind}")
    if name is not None and not isinstance(name, str):
        raise TypeError(f"register(name=...): {tool_name_problem(name)}")
    mark = mark_of(function) or ToolMark()
    own_name = str(getattr(function, "__name__", ""))
    name = name if name is not None else mark.name or own_name
    if name == "<lambda>":
        raise ValueError('register() cannot name a lambda; give it a name: register(..., name="f")')
    problem = tool_name_problem(name)
    if problem:
        raise ValueError(f"register(): the tool name {name!r} is not allowed: {problem}")
    try:
        return LoadedTool(name, function, mark=mark)
    except AdapterError as error:
        raise ValueError(f"register(): {error}") from None


def _session_of(attempt: Attempt, session: bool | None) -> str:
    """Return the id of the session that is to see a tool; empty for all callers."""
    if session is False:
        return ""
    if session and not attempt.session_id:
        raise ValueError(
            f"register(session=True): the call {attempt.call_id} of '{attempt.tool}' has no session"
        )
    return attempt.session_id


def _described(tool: LoadedTool) -> dict[str, object]:
    schema = tool.schema
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": schema.input_schema,
        "outputSchema": schema.output_schema,
        "streams": schema.streams,
        "idempotent": tool.idempotent,
        "timeoutMs": tool.timeout_ms,
        "stallTimeoutMs": tool.stall_timeout_ms,
        "mediaType": tool.media_type,
    }


def _kind(value: object) -> str:
    return type(value).__name__
