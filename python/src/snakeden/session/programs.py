"""The programs that a session sees: stored calls of tools, by name.

The host has them. The twin of src/sessions/programs/program_methods.ts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from snakeden.session.source import Reply, SessionSource

__all__ = ["Programs", "program_from_host", "program_to_host"]

_KEYS: Final = {
    "tool": "tool",
    "pool": "pool",
    "timeout_ms": "timeoutMs",
    "stall_timeout_ms": "stallTimeoutMs",
    "affinity": "affinity",
    "priority": "priority",
    "metadata": "metadata",
}
"""The fields of a program beside its arguments: the names in Python, and those of the host."""


class Programs:
    """The programs that a session sees, by name: its own, and the global ones.

    A program is a dict with `tool` and `args`, and with `pool`, `timeout_ms`, `stall_timeout_ms`,
    `affinity`, `priority` and `metadata` if it has them. A read finds the program of the session,
    else the global one. Everything else is about the programs of the session alone: writes,
    versions and the list of names.

    Every use asks the host. In asynchronous tools use the methods whose names begin with `a`. They
    raise `HostError`, whose `code` says why: for example `invalid_input` or `version_conflict`.
    """

    __slots__ = ("_source",)

    def __init__(self, source: SessionSource) -> None:
        self._source = source

    # ---- like a dict ----

    def __getitem__(self, name: str) -> dict[str, Any]:
        found = self._ask("get", name=name).wait()
        if found is None:
            raise KeyError(name)
        return self._program(found)

    def __delitem__(self, name: str) -> None:
        if not self._ask("delete", name=name).wait():
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._ask("get", name=name).wait() is not None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the programs of the session, in a fixed order."""
        cursor: str | None = None
        while True:
            page = self._ask_page(cursor).wait()
            yield from page["names"]
            cursor = page["cursor"]
            if cursor is None:
                return

    def get(self, name: str, default: Any = None) -> Any:
        """Return a program as a dict, or `default` if there is none."""
        found = self._ask("get", name=name).wait()
        return default if found is None else self._program(found)

    # ---- more than a dict ----

    def put(
        self,
        name: str,
        *,
        tool: str,
        args: Mapping[str, Any] | None = None,
        pool: str | None = None,
        timeout_ms: float | None = None,
        stall_timeout_ms: float | None = None,
        affinity: str | None = None,
        priority: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        if_version: int | None = None,
    ) -> int:
        """Write a program of the session, and return its version once that is durable.

        Args:
            name: 1 to 128 letters, digits or `.` `_` `:` `-`.
            tool: The name of the tool, which need not exist until the program is run.
            args: Arguments that a run does not give itself; no bytes and no arrays.
            pool: The pool that runs the call.
            timeout_ms: The deadline of the call.
            stall_timeout_ms: The time that the tool may show nothing; 0 for no limit.
            affinity: `hint`, `strict_queue` or `strict_fail_fast`.
            priority: -10 to 10; higher goes first.
            metadata: Data about the program, as JSON.
            if_version: Writes only if the session has the program in this version; with 0, only if
                it has none of this name.

        Raises:
            HostError: `version_conflict`, `invalid_input`, and others.
        """
        program = program_to_host(
            self._source,
            tool=tool,
            args=args,
            pool=pool,
            timeout_ms=timeout_ms,
            stall_timeout_ms=stall_timeout_ms,
            affinity=affinity,
            priority=priority,
            metadata=metadata,
        )
        return int(self._ask_put(name, program, if_version=if_version).wait()["version"])

    def version(self, name: str) -> int:
        """Return the version of a program of the session; 0 if it has none of this name."""
        return _version(self._ask("get", name=name).wait())

    # ---- the same, for asynchronous tools ----

    async def aget(self, name: str, default: Any = None) -> Any:
        """Return a program as a dict, or `default` if there is none."""
        found = await self._ask("get", name=name).wait_async()
        return default if found is None else self._program(found)

    async def aput(
        self,
        name: str,
        *,
        tool: str,
        args: Mapping[str, Any] | None = None,
        pool: str | None = None,
        timeout_ms: float | None = None,
        stall_timeout_ms: float | None = None,
        affinity: str | None = None,
        priority: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        if_version: int | None = None,
    ) -> int:
        """Write a program as `put` does."""
        program = program_to_host(
            self._source,
            tool=tool,
            args=args,
            pool=pool,
            timeout_ms=timeout_ms,
            stall_timeout_ms=stall_timeout_ms,
            affinity=affinity,
            priority=priority,
            metadata=metadata,
        )
        return int(
            (await self._ask_put(name, program, if_version=if_version).wait_async())["version"]
        )

    async def adelete(self, name: str) -> bool:
        """Delete a program of the session; returns False if it had none of this name."""
        return bool(await self._ask("delete", name=name).wait_async())

    async def aversion(self, name: str) -> int:
        """Return the version of a program of the session; 0 if it has none of this name."""
        return _version(await self._ask("get", name=name).wait_async())

    async def anames(self) -> list[str]:
        """Return the names of the programs of the session, in a fixed order."""
        names: list[str] = []
        cursor: str | None = None
        while True:
            page = await self._ask_page(cursor).wait_async()
            names += page["names"]
            cursor = page["cursor"]
            if cursor is None:
                return names

    # ---- the host ----

    def _program(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return program_from_host(self._source, found["program"])

    def _ask(self, what: str, **args: Any) -> Reply:
        return self._source.ask(f"session.{what}_program", args)

    def _ask_put(self, name: str, program: dict[str, Any], *, if_version: int | None) -> Reply:
        expected = {} if if_version is None else {"ifVersion": if_version}
        return self._ask("put", name=name, program=program, **expected)

    def _ask_page(self, cursor: str | None) -> Reply:
        return self._source.ask("session.list_programs", {"cursor": cursor})


def _version(found: Mapping[str, Any] | None) -> int:
    return found["version"] if found is not None and found["isOwn"] else 0


def program_to_host(
    source: SessionSource, *, args: Mapping[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """Return a program as the host takes it; a field that is None is left out."""
    program = {host: fields[key] for key, host in _KEYS.items() if fields.get(key) is not None}
    return program if args is None else {**program, "args": source.pack(args)}


def program_from_host(source: SessionSource, program: Mapping[str, Any]) -> dict[str, Any]:
    """Return a program of the host as a dict with the names of `Programs.put`."""
    packed = program.get("args")
    args = {} if packed is None else source.unpack(packed)
    fields = {key: program[host] for key, host in _KEYS.items() if host in program}
    return {**fields, "args": args}
