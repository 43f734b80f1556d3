"""The host tools, by name. The twin of src/tools/host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from snakeden.errors import HostError, HostToolError
from snakeden.host_tools.info import HostToolInfo
from snakeden.host_tools.source import NUMBERS, ToolSource, cancel, failure, shown
from snakeden.host_tools.streams import AsyncHostStream, HostStream
from snakeden.registering import Registering
from snakeden.running_loop import running_loop
from snakeden.session.source import Reply

__all__ = ["HostTool", "HostTools"]


class HostTool:
    """One host tool: `tools.lookup`, or `tools["lookup"]`.

    Nothing is asked of the host until it is called, so a name that does not exist is found out
    then.
    """

    __slots__ = ("_name", "_tools")

    def __init__(self, tools: HostTools, name: str) -> None:
        self._tools = tools
        self._name = name

    def __call__(self, args: Mapping[str, Any] | None = None, /, **kwargs: Any) -> Any:
        """Call the tool and return its result, as `HostTools.call` does."""
        return self._tools.call(self._name, args, **kwargs)

    async def acall(self, args: Mapping[str, Any] | None = None, /, **kwargs: Any) -> Any:
        """Call the tool and return its result, as `HostTools.acall` does."""
        return await self._tools.acall(self._name, args, **kwargs)

    def stream(self, args: Mapping[str, Any] | None = None, /, **kwargs: Any) -> HostStream:
        """Return the items of the tool, as `HostTools.stream` does."""
        return self._tools.stream(self._name, args, **kwargs)

    def astream(self, args: Mapping[str, Any] | None = None, /, **kwargs: Any) -> AsyncHostStream:
        """Return the items of the tool, as `HostTools.astream` does."""
        return self._tools.astream(self._name, args, **kwargs)

    def __repr__(self) -> str:
        return f"<host tool {self._name!r}>"


class HostTools(Registering):
    """The host tools that the call may use; also registers tools of this worker. Get them by
    `current_call().tools`.

    `tools.lookup(id=3)` calls the host tool `lookup`; `tools["my-tool"](id=3)` calls one whose name
    is no Python name, or is that of a method here. In asynchronous tools, write
    `await tools.lookup.acall(id=3)`: all methods whose names begin with `a` are for them, and the
    others refuse to block an event loop. Threads that the tool starts may use the same object.

    Arguments and results may be anything that arguments and results of tools may be, such as bytes
    and numpy arrays. Tools that the host does not expose to the pool do not exist here.

    Whatever calls a tool raises `HostToolError`, whose `code` says why: `unknown_tool`,
    `invalid_arguments` (with `issues`), `host_tool_failed` if the tool has thrown, and others. It
    raises `CallCancelled` when the call is cancelled, and RuntimeError when it has ended.
    """

    __slots__ = ("_listing", "_source")

    def __init__(self, source: ToolSource) -> None:
        super().__init__(source)
        self._source = source
        self._listing: dict[str, HostToolInfo] | None = None
        """The tools by name, once they were asked for."""

    # ---- one tool ----

    def __getattr__(self, name: str) -> HostTool:
        if name.startswith("_"):
            # No tool has such a name, but copy, pickle and others look for such attributes.
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return HostTool(self, name)

    def __getitem__(self, name: str) -> HostTool:
        if not isinstance(name, str):
            raise TypeError(f"tools[...]: given {name!r}; allowed: the name of a host tool")
        return HostTool(self, name)

    # ---- calls ----

    def call(self, name: str, args: Mapping[str, Any] | None = None, /, **kwargs: Any) -> Any:
        """Call a host tool and return its result; the list of its items if it streams.

        Args:
            name: The name of the tool.
            args: The arguments by name. Default: the keyword arguments.
            **kwargs: The arguments, if `args` is not given.

        Raises:
            HostToolError: The tool does not exist, refuses its arguments, or has failed.
            CallCancelled: The call was cancelled, or its deadline passed.
            InvalidValueError, ResultTooLargeError: An argument cannot travel.
            RuntimeError: The call has ended, or an event loop runs on this thread.
        """
        self._refuse_on_event_loop(f"{shown(name)}(...)", f"await {shown(name)}.acall(...)")
        source, number = self._source, next(NUMBERS)
        reply = source.ask(
            "tools.call", {"id": number, "name": name, "args": _arguments(name, args, named=kwargs)}
        )
        try:
            return reply.wait()
        except HostError as error:
            raise self._failure(name, error) from error.__cause__
        except BaseException:
            _leave(source, reply, number=number)
            raise

    async def acall(
        self, name: str, args: Mapping[str, Any] | None = None, /, **kwargs: Any
    ) -> Any:
        """Call a host tool as `call` does, while other tasks of the event loop go on. The tool is
        stopped if the task is cancelled.
        """
        source, number = self._source, next(NUMBERS)
        reply = source.ask(
            "tools.call", {"id": number, "name": name, "args": _arguments(name, args, named=kwargs)}
        )
        try:
            return await reply.wait_async()
        except HostError as error:
            raise self._failure(name, error) from error.__cause__
        except BaseException:
            _leave(source, reply, number=number)
            raise

    def stream(
        self, name: str, args: Mapping[str, Any] | None = None, /, **kwargs: Any
    ) -> HostStream:
        """Start a host tool that streams, and return its items as an iterator.

        Returns at once: an error, such as `unknown_tool`, or `not_implemented` for a tool that does
        not stream, is raised by the first step of the iterator.
        """
        self._refuse_on_event_loop(
            f"{shown(name)}.stream(...)", f"async for item in {shown(name)}.astream(...)"
        )
        return HostStream(self._source, name, args=_arguments(name, args, named=kwargs))

    def astream(
        self, name: str, args: Mapping[str, Any] | None = None, /, **kwargs: Any
    ) -> AsyncHostStream:
        """Start a host tool as `stream` does, and return its items for `async for`. It needs no
        `await`.
        """
        return AsyncHostStream(self._source, name, args=_arguments(name, args, named=kwargs))

    # ---- the list of tools, which is kept for the call ----

    def names(self) -> list[str]:
        """Return the names of all tools, in a fixed order.

        The host is asked once in a call, and again after it has not known a tool.
        """
        return list(self._listed())

    def describe(self, name: str) -> HostToolInfo:
        """Return the description, the schemas and the other data of a tool.

        Raises:
            HostToolError: `unknown_tool`.
        """
        return self._listed().get(name) or self._described(name, self._ask_list().wait())

    async def anames(self) -> list[str]:
        """Return the names of all tools, as `names` does."""
        return list(await self._alisted())

    async def adescribe(self, name: str) -> HostToolInfo:
        """Return the description of a tool, as `describe` does."""
        known = (await self._alisted()).get(name)
        return known or self._described(name, await self._ask_list().wait_async())

    def __contains__(self, name: object) -> bool:
        return name in self._listed()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._listed())

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return "<the host tools>"

    def _listed(self) -> dict[str, HostToolInfo]:
        self._source.check()
        listing = self._listing
        if listing is None:
            self._refuse_on_event_loop(
                "The list of host tools", "await tools.anames() or await tools.adescribe(name)"
            )
            listing = self._keep(self._ask_list().wait())
        return listing

    async def _alisted(self) -> dict[str, HostToolInfo]:
        self._source.check()
        listing = self._listing
        return self._keep(await self._ask_list().wait_async()) if listing is None else listing

    def _ask_list(self) -> Reply:
        return self._source.ask("tools.list", {})

    def _keep(self, answer: Mapping[str, Any]) -> dict[str, HostToolInfo]:
        tools = map(HostToolInfo.from_host, answer["tools"])
        listing = self._listing = {it.name: it for it in tools}
        return listing

    def _described(self, name: str, answer: Mapping[str, Any]) -> HostToolInfo:
        """Return a tool that was not known, from the answer of the host to another request."""
        listing = self._keep(answer)
        if name in listing:
            return listing[name]
        near = get_close_matches(str(name), listing, n=3, cutoff=0.6)
        known = f"there are {', '.join(listing)}" if listing else "there are none"
        hint = f"did you mean {' or '.join(near)}?" if near else known
        text = f'There is no host tool "{name}"; {hint}'
        raise HostToolError("unknown_tool", text, tool=str(name))

    def _failure(self, name: str, error: HostError) -> HostToolError:
        if error.code == "unknown_tool":
            self._listing = None
        return failure(name, error)

    def _refuse_on_event_loop(self, what: str, instead: str) -> None:
        # Before anything is asked for, so that the tool has no effect that nobody waits for.
        if running_loop() is not None:
            raise RuntimeError(
                f"{what} would block the event loop of this thread until the host answers; "
                f"use {instead}"
            )


def _leave(source: ToolSource, reply: Reply, *, number: int) -> None:
    """Have the host stop a call for which nobody waits any more."""
    if not reply.done:
        # First, so that a request that waits for its place is not sent after the other.
        reply.leave()
        cancel(source, number)


def _arguments(
    tool: str, args: Mapping[str, Any] | None, *, named: dict[str, Any]
) -> dict[str, Any]:
    if args is None:
        return named
    if not isinstance(args, Mapping):
        raise TypeError(
            f"{shown(tool)}: given {type(args).__name__} as its arguments; "
            "allowed: keyword arguments, as in lookup(id=3), or one mapping with all of them"
        )
    if named:
        raise TypeError(f"{shown(tool)}: given a mapping and keyword arguments; allowed: either")
    return args if type(args) is dict else dict(args)
