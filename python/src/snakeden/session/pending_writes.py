"""The writes of variables that the host has not confirmed."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from snakeden.errors import HostError, ResultTooLargeError
from snakeden.session.source import Reply, SessionSource

__all__ = ["PendingWrites", "Write", "batches", "parts", "to_set"]

_MAX_UNDER_WAY: Final = 100
"""The most messages that are not confirmed."""
_MAX_BYTES_UNDER_WAY: Final = 32 * 1024 * 1024
"""The bytes of messages that are not confirmed with which no other one is sent."""
_MAX_ALONE: Final = 4
"""While the host has not answered so many messages, short writes gather, and share the next one."""
_MAX_GATHERED: Final = 200
_MAX_BATCH: Final = 1_000
"""The most variables of one message."""
_MAX_BATCH_BYTES: Final = 1024 * 1024
"""The most bytes of values of one message, unless one of them is larger."""
_MAX_NAME: Final = 128
_NAME: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
"""The twin of the ids in src/calls/call_fields.ts."""
_SHORT_BYTES: Final = 64 * 1024
"""The bytes of the values that gather. A longer value has a message of its own."""


class Write(NamedTuple):
    """A message with writes."""

    reply: Reply
    items: list[dict[str, Any]]
    """The variables, as the host takes them. The same name may be there more than once."""
    nbytes: int


class PendingWrites:
    """Sends writes, in order, and keeps them until they are confirmed.

    The first ones are sent at once. Those that follow in a loop would cost a message each, and so
    they gather until the host has answered one of those before.
    """

    __slots__ = (
        "_bytes_sent",
        "_count",
        "_gathered",
        "_gathered_bytes",
        "_last",
        "_lock",
        "_on_write",
        "_source",
        "_unanswered",
        "sent",
    )

    def __init__(
        self, source: SessionSource, *, lock: threading.RLock, on_write: Callable[[str], None]
    ) -> None:
        """Call `on_write` with the name of each write, with `lock` held."""
        self.sent: dict[int, Write] = {}
        """The messages that are sent and not confirmed, by number, in order."""
        self._bytes_sent = 0
        self._source = source
        self._lock = lock
        self._on_write = on_write
        self._gathered: list[dict[str, Any]] = []
        self._gathered_bytes = 0
        self._last: dict[str, dict[str, Any]] = {}
        """The last write of each name, until it is confirmed."""
        self._unanswered = 0
        self._count = 0

    @property
    def is_full(self) -> bool:
        """True if a message must be confirmed before another one is sent."""
        return len(self.sent) >= _MAX_UNDER_WAY or self._bytes_sent >= _MAX_BYTES_UNDER_WAY

    @property
    def oldest(self) -> int:
        """The number of the oldest message that is not confirmed; 0 if there is none."""
        return next(iter(list(self.sent)), 0)

    def add(self, item: dict[str, Any]) -> None:
        """Send a write that nobody waits for, or keep it for a message that it shares."""
        length = _length_of(item)
        with self._lock:
            if self._unanswered < _MAX_ALONE or length >= _SHORT_BYTES:
                self.send([item])
                return
            self._gathered.append(item)
            self._gathered_bytes += length
            self._note(item)
            if len(self._gathered) >= _MAX_GATHERED or self._gathered_bytes >= _SHORT_BYTES:
                self.send()

    def send(self, items: list[dict[str, Any]] | None = None) -> int:
        """Send what has gathered, then these. Return the number under which they are confirmed."""
        with self._lock:
            # In the lock, so that the order of numbers is that of the messages.
            gathered = self._take_gathered()
            if gathered:
                self._send(gathered)
            if items:
                self._send(items)
                for item in items:
                    self._note(item)
            return self._count

    def remove(self, number: int) -> Write | None:
        """Remove a message that is confirmed or has failed."""
        with self._lock:
            write = self.sent.pop(number, None)
            if write is not None:
                self._bytes_sent -= write.nbytes
            return write

    def is_last(self, item: dict[str, Any]) -> bool:
        """Return whether no later write has the same name. Forgets it then."""
        if self._last.get(item["name"]) is not item:
            return False
        del self._last[item["name"]]
        return True

    def _send(self, items: list[dict[str, Any]]) -> None:
        try:
            reply = self._source.ask("session.set_vars", {"variables": items})
        except ResultTooLargeError as error:
            if len(items) == 1:
                what = f"variable {items[0]['name']!r}"
                raise ResultTooLargeError(error.size, error.limit, what=what) from None
            self._send_halves(items)
            return
        self._count += 1
        nbytes = sum(map(_length_of, items))
        self.sent[self._count] = Write(reply, items, nbytes)
        self._bytes_sent += nbytes
        self._unanswered += 1
        reply.when_done(self._on_answered)

    def _send_halves(self, items: list[dict[str, Any]]) -> None:
        """Send writes that are too long for one message; raises the first error at the end."""
        middle = len(items) // 2
        refused: ResultTooLargeError | None = None
        for half in (items[:middle], items[middle:]):
            try:
                self._send(half)
            except ResultTooLargeError as error:
                refused = refused or error
        if refused is not None:
            raise refused

    def _note(self, item: dict[str, Any]) -> None:
        name = item["name"]
        self._last[name] = item
        self._on_write(name)

    def _take_gathered(self) -> list[dict[str, Any]]:
        gathered = self._gathered
        self._gathered = []
        self._gathered_bytes = 0
        return gathered

    def _on_answered(self) -> None:
        """Send what has gathered, since the host has answered a message. Runs on any thread."""
        with self._lock:
            self._unanswered -= 1
            if not self._gathered:
                return
            try:
                self._send(self._gathered)
            except BaseException:
                return  # The call was stopped, or has ended: its next use of the variables raises.
            self._take_gathered()


def to_set(name: str, packed: Any, **options: Any) -> dict[str, Any]:
    """Return a variable to write, as the host takes it; an option that is None is left out."""
    _check_name(name)
    given = {key: it for key, it in options.items() if it is not None}
    return {"name": name, "value": packed, **given}


def batches(
    values: Mapping[str, object], pack: Callable[[object], Any]
) -> Iterator[list[dict[str, Any]]]:
    """Divide variables to write into messages. Checks all names first."""
    for name in values:
        _check_name(name)
    batch: list[dict[str, Any]] = []
    nbytes = 0
    for name, value in values.items():
        item = to_set(name, pack(value))
        length = _length_of(item)
        if batch and (len(batch) == _MAX_BATCH or nbytes + length > _MAX_BATCH_BYTES):
            yield batch
            batch, nbytes = [], 0
        batch.append(item)
        nbytes += length
    if batch:
        yield batch


def parts(names: Iterable[str]) -> Iterator[list[str]]:
    """Divide names into parts for one message each. Checks all of them first."""
    checked = list(names)
    for name in checked:
        _check_name(name)
    rest = iter(checked)
    while part := list(islice(rest, _MAX_BATCH)):
        yield part


def _check_name(name: str) -> None:
    """Raise for a name that no variable may have. The host would refuse all of its message.

    Raises:
        HostError: `invalid_input`, as the host answers it.
        TypeError: It is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a variable is a str, not {name!r}")
    if _NAME.fullmatch(name) is None:
        shown = repr(name) if len(name) <= _MAX_NAME else f"a text of {len(name)} characters"
        allowed = f"1 to {_MAX_NAME} letters, digits or . _ : -"
        text = f"Cannot use a variable: name: given {shown}; allowed: {allowed}"
        raise HostError("invalid_input", text)


def _length_of(item: dict[str, Any]) -> int:
    """Return the length of the value of a variable to write; 0 in a test that does not pack it."""
    packed = item["value"]
    if not isinstance(packed, dict) or not isinstance(packed.get("json"), str):
        return 0
    buffers = packed.get("buffers")
    length = len(packed["json"])
    return length if buffers is None else length + sum(map(len, buffers))
