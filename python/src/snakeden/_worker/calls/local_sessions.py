"""Objects that tools keep with a session in this worker: `current_call().session.local`.

They belong to a life of the session: one that is opened later under the same id has none of them.
They are dropped when the host says that the life has ended, and beyond a number of sessions the one
that was used longest ago. The hook of the adapter runs afterwards, on the main thread, between two
calls. When the worker ends in an orderly way, all are dropped.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

__all__ = ["LocalSessions"]

DEFAULT_MAX: Final = 100
"""The most sessions with local objects, unless the adapter says otherwise."""

_MAX_ENDED: Final = 1_000
"""The most lives that are known to have ended before their objects were there."""

OnEnd = Callable[[str, dict[str, Any]], None]


class _Local(NamedTuple):
    """The objects of one life of a session."""

    session_id: str
    objects: dict[str, Any]


class LocalSessions:
    """The local objects of all sessions. Any thread may use it."""

    __slots__ = ("_ended", "_lock", "_max", "_on_end", "_sessions", "dropped", "on_dropped")

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, _Local] = OrderedDict()
        """By life, in the order of their last use."""
        self.dropped: deque[_Local] = deque()
        """Those whose end the adapter has not heard of: `run_hooks` tells it."""
        self.on_dropped: Callable[[], None] | None = None
        """Called when some were dropped, on any thread: for a profile whose main thread does not
        look by itself.
        """
        self._ended: deque[str] = deque(maxlen=_MAX_ENDED)
        """Lives that have ended, of which there were no objects. A call may have asked for them
        just before, and get them now.
        """
        # Reentrant, since the garbage collector may run a finalizer here.
        self._lock = threading.RLock()
        self._max = DEFAULT_MAX
        self._on_end: OnEnd = lambda _session_id, _local: None

    def configure(self, max_sessions: int, on_end: OnEnd) -> None:
        """Set what the adapter says, before the first call."""
        self._max = max(1, max_sessions)
        self._on_end = on_end

    def get(self, session_id: str, life: str) -> dict[str, Any]:
        """Return the objects of a life of a session, which counts as its use."""
        with self._lock:
            sessions = self._sessions
            if life in self._ended:
                ended = _Local(session_id, {})
                self._drop(ended)
                return ended.objects
            local = sessions.setdefault(life, _Local(session_id, {}))
            sessions.move_to_end(life)
            while len(sessions) > self._max:
                self._drop(sessions.popitem(last=False)[1])
            return local.objects

    def end(self, lives: Iterable[str]) -> None:
        """Drop the objects of lives that have ended."""
        with self._lock:
            for life in lives:
                local = self._sessions.pop(life, None)
                if local is None:
                    self._ended.append(life)
                else:
                    self._drop(local)

    def _drop(self, local: _Local) -> None:
        self.dropped.append(local)
        if self.on_dropped is not None:
            self.on_dropped()

    def end_all(self) -> None:
        """Drop all objects, and tell the adapter. For the main thread after the last call."""
        self.end(list(self._sessions))
        self.run_hooks()

    def run_hooks(self) -> None:
        """Tell the adapter of the sessions that were dropped. For the main thread between calls."""
        while self.dropped:
            session_id, objects = self.dropped.popleft()
            try:
                self._on_end(session_id, objects)
            except BaseException:  # Also sys.exit() of a hook must not end the worker.
                logging.getLogger(__name__).exception(
                    "on_session_end() raised for the session %s", session_id
                )
