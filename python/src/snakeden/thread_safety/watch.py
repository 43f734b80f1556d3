"""The checks that find overlapping calls of what is marked `@not_thread_safe`.

Off by default: a mark then costs one look at `current`. A worker turns them on as the key
`threadChecks` of its pool says, and a test by `snakeden.testing.overlaps`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Hashable
from types import FrameType
from typing import Final, NamedTuple

from snakeden.call import CURRENT, CallSource
from snakeden.errors import OverlapError

__all__ = ["Inside", "Overlap", "Party", "Watch", "current", "watch_by"]

MODES: Final = ("off", "warn", "error")
"""The values of `threadChecks`."""

_MAX_FRAMES: Final = 30
_MAX_PAIRS: Final = 1_000
"""The most pairs of tools whose overlaps are told apart; further ones are not reported."""
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Tools that ship with the package are tools like any other.
_NOT_OWN: Final = _PACKAGE + "demo" + os.sep

_LOG = logging.getLogger("snakeden.thread_safety")


class Party(NamedTuple):
    """One of the two calls of an overlap."""

    what: str
    """The name of the function that is marked, such as `Plots.draw`."""
    tool: str
    """The tool that the call runs; empty outside of calls."""
    call_id: str
    """The id of the call; empty outside of calls."""
    thread: str
    """The name of its thread."""
    stack: str
    """The place of the thread when the overlap began, in the form of a traceback."""

    def __str__(self) -> str:
        by = f" in tool '{self.tool}' (call {self.call_id})" if self.tool else ""
        return f"{self.what}{by}, thread {self.thread}"


class Overlap(NamedTuple):
    """Two calls that ran in two threads at the same time, though they are marked as unsafe."""

    shared: str
    """The thing that both use, such as `one Plots object`."""
    first: Party
    """The call that had begun before."""
    second: Party
    """The call that came in between."""

    def __str__(self) -> str:
        return (
            f"two calls overlap that are marked @not_thread_safe and use {self.shared}: "
            f"{self.second} began while {self.first} ran. Use a lock (`with self.locked():`), a "
            "value of each thread (@per_thread), or the profile `process`\n"
            f"{self.second}:\n{self.second.stack}"
            f"{self.first}:\n{self.first.stack}"
        ).rstrip()


class Inside:
    """A call that is in something that is marked, from `Watch.enter` to `Watch.leave`."""

    __slots__ = ("call", "key", "shared", "thread", "what")

    def __init__(self, key: Hashable, what: str, *, shared: str) -> None:
        self.key = key
        self.what = what
        self.shared = shared
        self.thread = threading.get_ident()
        self.call: CallSource | None = CURRENT.get(None)

    def is_over(self) -> bool:
        """Return whether an exception from outside has kept the call from leaving."""
        return self.call is not None and self.call.ended


class Watch:
    """Knows which calls are in what is marked, and reports two of them in one thing."""

    def __init__(self, report: Callable[[Overlap], None]) -> None:
        """Report by a function, which may raise in the second call."""
        self._report = report
        self._lock = threading.Lock()
        self._inside: dict[Hashable, list[Inside]] = {}

    def enter(self, inside: Inside) -> None:
        """Take a call in. What this raises, `report` raised; the call must leave even then."""
        with self._lock:
            there = self._inside.setdefault(inside.key, [])
            others = [it for it in there if it.thread != inside.thread]
            there.append(inside)
        others = [it for it in others if not it.is_over()]
        if others:
            self._report(_overlap(others[0], inside))

    def leave(self, inside: Inside) -> None:
        """Take a call out, if it is in."""
        with self._lock:
            there = self._inside.get(inside.key, [])
            there[:] = [it for it in there if it is not inside and not it.is_over()]
            if not there:
                self._inside.pop(inside.key, None)


current: Watch | None = None
"""The checks of this process; None while they are off."""


def watch_by(mode: str) -> Watch | None:
    """Return the checks of a mode: "warn" logs the first overlap of each two tools, "error" raises
    in the second call, "off" is None.

    Raises:
        ValueError: Another mode.
    """
    if mode not in MODES:
        allowed = ", ".join(f"'{it}'" for it in MODES)
        raise ValueError(f"thread checks: given {mode!r}; allowed: {allowed}")
    if mode == "off":
        return None
    return Watch(_raise if mode == "error" else _FirstOfEach().report)


class _FirstOfEach:
    """Logs the first overlap of each pair: a tool that is called often would fill the log."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pairs: set[frozenset[tuple[str, str]]] = set()

    def report(self, overlap: Overlap) -> None:
        """Log an overlap."""
        first, second = overlap.first, overlap.second
        pair = frozenset([(first.what, first.tool), (second.what, second.tool)])
        with self._lock:
            if pair in self._pairs or len(self._pairs) >= _MAX_PAIRS:
                return
            self._pairs.add(pair)
        _LOG.warning("%s", overlap)


def _raise(overlap: Overlap) -> None:
    raise OverlapError(str(overlap))


def _overlap(first: Inside, second: Inside) -> Overlap:
    return Overlap(second.shared, _party(first), _party(second))


def _party(inside: Inside) -> Party:
    call = inside.call
    names = {it.ident: it.name for it in threading.enumerate()}
    return Party(
        inside.what,
        "" if call is None else call.tool,
        "" if call is None else call.call_id,
        names.get(inside.thread, str(inside.thread)),
        _stack(sys._current_frames().get(inside.thread)),
    )


def _stack(frame: FrameType | None) -> str:
    """Return where a thread is, without frames of this package."""
    frames = traceback.StackSummary.extract(traceback.walk_stack(frame))
    frames.reverse()
    shown = [it for it in frames if not _is_own(it.filename)]
    left_out = len(shown) - _MAX_FRAMES
    head = f"  ... {left_out} frames left out ...\n" if left_out > 0 else ""
    return head + "".join(traceback.StackSummary.from_list(shown[-_MAX_FRAMES:]).format())


def _is_own(filename: str) -> bool:
    return filename.startswith(_PACKAGE) and not filename.startswith(_NOT_OWN)
