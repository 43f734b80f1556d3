"""The variables of a session, which outlive the call, the worker and the host.

The host has the variables. Reads are kept for the call. A write by `variables[name] = value` is not
waited for: it is confirmed before the call is answered, and its error is raised by the next use of
the variables, or fails the call. The twin of src/sessions/session_methods.ts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from snakeden.errors import HostError
from snakeden.running_loop import running_loop
from snakeden.session.on_change import WithChanges
from snakeden.session.pending_writes import PendingWrites, batches, parts, to_set
from snakeden.session.source import Reply, SessionSource

__all__ = ["Variables"]

_ARRAYS: Final = ("tensor", "embedding")
"""Types whose values the host may change, such as a list to an array."""


class _Entry(NamedTuple):
    """A variable as the host has it."""

    type: str
    version: int
    packed: Any


class Variables(WithChanges):
    """The variables of a session, by name.

    Works in tools and in threads that they start. In asynchronous tools use the methods whose names
    begin with `a`; the others refuse to wait for the host on an event loop. Reads return a copy
    each time, and what was read or written once is not asked for again in the same call.

    Every method that waits for the host raises `HostError`, whose `code` says why: for example
    `unknown_session`, `invalid_variable` or `version_conflict`.
    """

    __slots__ = ("_has_written",)

    def __init__(self, source: SessionSource) -> None:
        super().__init__()
        self._source = source
        self._entries: dict[str, _Entry | None] = {}
        """The variables that are known; None for one that does not exist."""
        self._changes = 0
        """The number of writes and removals so far."""
        self._has_written = False
        self._lock = threading.RLock()
        """Guards what is known. Nobody waits for the host with it."""
        self._writes = PendingWrites(source, lock=self._lock, on_write=self._on_write)

    # ---- like a dict ----

    def __getitem__(self, name: str) -> Any:
        return self._value(name, self._known([name])[0])

    def __setitem__(self, name: str, value: object) -> None:
        self._confirm_answered()
        item = to_set(name, self._source.pack(value))
        if self._writes.is_full:
            if running_loop() is not None:
                raise RuntimeError(
                    "variables[name] = value: too many writes wait for the host; in a loop of an "
                    "asynchronous tool, await variables.aflush() at times"
                )
            self._make_room()
        self._writes.add(item)
        self._before_answer()

    def __delitem__(self, name: str) -> None:
        self.flush()
        if not self._deleted(name, self._ask("delete", names=[name]).wait()):
            raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._known([name])[0] is not None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of all variables, in a fixed order."""
        self.flush()
        cursor: str | None = None
        while True:
            page = self._ask("list", cursor=cursor).wait()
            yield from page["names"]
            cursor = page["cursor"]
            if cursor is None:
                return

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a variable, or `default` if it does not exist."""
        entry = self._known([name])[0]
        return default if entry is None else self._value(name, entry)

    # ---- more than a dict ----

    def set(
        self,
        name: str,
        value: object,
        *,
        type: str | None = None,  # noqa: A002
        constraints: Mapping[str, Any] | None = None,
        if_version: int | None = None,
    ) -> int:
        """Write a variable, and return its version once that is durable.

        Args:
            name: 1 to 128 letters, digits or `.` `_` `:` `-`.
            value: Anything that a result may hold.
            type: `float`, `integer`, `string`, `boolean`, `choice`, `json`, `tensor`, `embedding`
                or `module`. Default: the type that the variable has, else one that fits the value.
            constraints: Limits on this value and later ones, such as `{"min": 0}`. Default: those
                that the variable has.
            if_version: Writes only if the variable has this version; with 0, only if it does not
                exist.

        Raises:
            HostError: `version_conflict`, `invalid_variable`, and others.
        """
        self.flush()
        packed = self._source.pack(value)
        number = self._write(
            [to_set(name, packed, type=type, constraints=constraints, ifVersion=if_version)]
        )
        versions = self._confirm(number)
        return self.version(name) if versions is None else versions[0]

    def version(self, name: str) -> int:
        """Return the version of a variable; 0 if it does not exist."""
        entry = self._known([name])[0]
        return 0 if entry is None else entry.version

    def get_many(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the variables of these names that exist, by one message to the host, or by some if
        the values are long.
        """
        wanted = list(names)
        return self._values(wanted, self._known(wanted))

    def set_many(self, values: Mapping[str, object]) -> None:
        """Write variables by one message to the host; returns when all are durable.

        Raises:
            HostError: Some of them were refused: the error is that of the first. The others are
                written.
        """
        self.flush()
        for part in batches(values, self._source.pack):
            self._make_room()
            self._write(part)
        self.flush()

    def flush(self) -> None:
        """Wait until all writes are durable. The end of the call does that too.

        Raises:
            HostError: A write was refused.
        """
        self._source.check()
        self._writes.send()
        while number := self._writes.oldest:
            self._confirm(number)

    # ---- the same, for asynchronous tools ----

    async def aget(self, name: str, default: Any = None) -> Any:
        """Return the value of a variable, or `default` if it does not exist."""
        entry = (await self._aknown([name]))[0]
        return default if entry is None else self._value(name, entry)

    async def aset(
        self,
        name: str,
        value: object,
        *,
        type: str | None = None,  # noqa: A002
        constraints: Mapping[str, Any] | None = None,
        if_version: int | None = None,
    ) -> int:
        """Write a variable as `set` does."""
        await self.aflush()
        packed = self._source.pack(value)
        number = self._write(
            [to_set(name, packed, type=type, constraints=constraints, ifVersion=if_version)]
        )
        await self._await_writes()
        versions = self._confirm(number)
        return await self.aversion(name) if versions is None else versions[0]

    async def adelete(self, name: str) -> bool:
        """Delete a variable; returns False if it did not exist."""
        await self.aflush()
        return self._deleted(name, await self._ask("delete", names=[name]).wait_async())

    async def aversion(self, name: str) -> int:
        """Return the version of a variable; 0 if it does not exist."""
        entry = (await self._aknown([name]))[0]
        return 0 if entry is None else entry.version

    async def anames(self) -> list[str]:
        """Return the names of all variables, in a fixed order."""
        await self.aflush()
        names: list[str] = []
        cursor: str | None = None
        while True:
            page = await self._ask("list", cursor=cursor).wait_async()
            names += page["names"]
            cursor = page["cursor"]
            if cursor is None:
                return names

    async def aget_many(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the variables of these names that exist, by one message to the host."""
        wanted = list(names)
        return self._values(wanted, await self._aknown(wanted))

    async def aset_many(self, values: Mapping[str, object]) -> None:
        """Write variables as `set_many` does."""
        await self.aflush()
        for part in batches(values, self._source.pack):
            if self._writes.is_full:
                await self.aflush()
            self._write(part)
        await self.aflush()

    async def aflush(self) -> None:
        """Wait as `flush` does."""
        await self._await_writes()
        self._confirm_answered()

    # ---- reads ----

    def _known(self, names: list[str]) -> list[_Entry | None]:
        """Return variables, from the host where they are not known."""
        self._confirm_answered()
        known = self._those_known(names)
        if any(name not in known for name in names):
            # A read must see the writes before it.
            self.flush()
            known = self._those_known(names)
            for part in parts(name for name in dict.fromkeys(names) if name not in known):
                while part:
                    changes = self._changes
                    found = self._ask("get", names=part).wait()
                    known.update(self._keep(part, found, changes=changes))
                    part = part[len(found) :]
        return [known[name] for name in names]

    async def _aknown(self, names: list[str]) -> list[_Entry | None]:
        self._confirm_answered()
        known = self._those_known(names)
        if any(name not in known for name in names):
            await self.aflush()
            known = self._those_known(names)
            for part in parts(name for name in dict.fromkeys(names) if name not in known):
                while part:
                    changes = self._changes
                    found = await self._ask("get", names=part).wait_async()
                    known.update(self._keep(part, found, changes=changes))
                    part = part[len(found) :]
        return [known[name] for name in names]

    def _those_known(self, names: list[str]) -> dict[str, _Entry | None]:
        with self._lock:
            entries = self._entries
            return {name: entries[name] for name in names if name in entries}

    def _keep(
        self, names: list[str], found: list[Any], *, changes: int
    ) -> dict[str, _Entry | None]:
        """Return what the host has answered, at least the first of the names, and keep it unless
        variables have changed since.
        """
        entries = {
            name: None if it is None else _Entry(it["type"], it["version"], it["value"])
            for name, it in zip(names, found, strict=False)
        }
        with self._lock:
            if changes == self._changes:
                self._entries.update(entries)
        return entries

    def _value(self, name: str, entry: _Entry | None) -> Any:
        if entry is None:
            raise KeyError(name)
        value = self._source.unpack(entry.packed)
        # JSON of the host has one form for whole numbers of both types.
        if entry.type == "float":
            return float(value)
        return int(value) if entry.type == "integer" else value

    def _values(self, names: list[str], entries: list[_Entry | None]) -> dict[str, Any]:
        return {
            name: self._value(name, entry)
            for name, entry in zip(names, entries, strict=True)
            if entry is not None
        }

    # ---- writes ----

    def _write(self, items: list[dict[str, Any]]) -> int:
        """Send writes, and return the number under which they are confirmed."""
        number = self._writes.send(items)
        self._before_answer()
        return number

    def _make_room(self) -> None:
        """Confirm writes until another message may be sent."""
        while self._writes.is_full:
            self._confirm(self._writes.oldest)

    def _before_answer(self) -> None:
        """Have the call confirm its writes, since there is one."""
        if self._has_written:
            return
        with self._lock:
            is_first = not self._has_written
            self._has_written = True
        if is_first:
            self._source.before_answer(self.flush, self.aflush)

    def _on_write(self, name: str) -> None:
        self._changes += 1
        self._entries.pop(name, None)

    async def _await_writes(self) -> None:
        """Wait for the answers to all writes, whatever they are."""
        self._writes.send()
        for write in list(self._writes.sent.values()):
            if not write.reply.done:
                try:
                    await write.reply.wait_async()
                except HostError:
                    continue  # Whoever confirms the write raises it.

    def _confirm_answered(self) -> None:
        """Take over the writes that the host has answered, up to the first that it has not."""
        self._source.check()
        for number, write in list(self._writes.sent.items()):
            if not write.reply.done:
                return
            self._confirm(number)

    def _confirm(self, number: int) -> list[int] | None:
        """Wait for one write, and raise its error, once. Return the versions, or None if another
        thread has confirmed it.
        """
        write = self._writes.sent.get(number)
        if write is None:
            return None
        try:
            results = write.reply.wait()
        except HostError:
            self._writes.remove(number)
            raise
        refused: HostError | None = None
        with self._lock:
            if self._writes.remove(number) is None:
                return None
            for item, result in zip(write.items, results, strict=True):
                name = item["name"]
                is_last = self._writes.is_last(item)
                error = result.get("error")
                if error is not None:
                    refused = refused or _host_error(error)
                elif result["type"] not in _ARRAYS and is_last:
                    entry = _Entry(result["type"], result["version"], item["value"])
                    self._keep_written(name, entry)
        if refused is not None:
            raise refused
        return [it["version"] for it in results]

    def _keep_written(self, name: str, entry: _Entry) -> None:
        known = self._entries.get(name)
        if entry.version >= self._newest and (known is None or known.version < entry.version):
            self._entries[name] = entry

    def _deleted(self, name: str, existed: list[bool]) -> bool:
        with self._lock:
            self._changes += 1
            self._entries.pop(name, None)  # Another write may have followed.
        return existed[0]

    def _ask(self, what: str, **args: Any) -> Reply:
        return self._source.ask(f"session.{what}_vars", args)


def _host_error(error: Mapping[str, Any]) -> HostError:
    return HostError(
        error["code"], error["message"], details=error["details"], retryable=error["retryable"]
    )
