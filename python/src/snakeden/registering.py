"""Tools that a worker registers while it runs, by `current_call().tools`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Registering", "RegistrationSource"]


class RegistrationSource(Protocol):
    """The call that registers tools; the worker has it in `_worker/calls/attempt.py`."""

    def register_tool(
        self, function: Callable[..., Any], *, name: str | None, session: bool | None
    ) -> str:
        """Register a function as a tool; see `Registering.register`."""

    def unregister_tool(self, name: str, *, session: bool | None) -> None:
        """End a tool; see `Registering.unregister`."""


class Registering:
    """Registers tools of this worker on behalf of a call."""

    __slots__ = ("_registration",)

    def __init__(self, source: RegistrationSource) -> None:
        self._registration = source

    def register(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        session: bool | None = None,
    ) -> str:
        """Make a function of this worker a tool, and return its name. It can be called by that name
        from everywhere as soon as this returns. This waits for the host, also on an event loop.

        The tool is like one of the adapter: arguments are checked and converted from the type
        hints, generators stream, and the options of `@tool` count. Its calls run in this worker and
        wait for it. It ends with the worker, and that of a session also with the session.

        Args:
            function: A function or a method, sync or async, or a generator of either kind.
            name: The name of the tool. Default: the name in its `@tool`, or that of the function. A
                lambda needs one.
            session: True if only calls of the session of this call may see the tool, False if all
                may. Default: True if the call has a session.

        Raises:
            TypeError: `function` is not a function, or `name` is not a string.
            ValueError: The name is not allowed, the function cannot be a tool, or the call has no
                session.
            HostError: `tool_exists`: the adapter or another worker of the pool has a tool of this
                name. `invalid_tool`: the worker has too many tools. `unknown_session`: the session
                is not open. `shutting_down`: the worker is being replaced.
            RuntimeError: The call has ended.
        """
        return self._registration.register_tool(function, name=name, session=session)

    def unregister(self, name: str, *, session: bool | None = None) -> None:
        """End a tool that this worker has registered.

        Args:
            name: The name of the tool.
            session: True if it is one of the session, False if it is one for all. Default: that of
                the session, if this worker has registered one of this name for it.

        Raises:
            HostError: `unknown_tool`: the worker has registered no such tool.
            RuntimeError: The call has ended.
        """
        self._registration.unregister_tool(name, session=session)
