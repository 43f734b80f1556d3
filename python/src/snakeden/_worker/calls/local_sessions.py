"""Objects that tools keep with a session in this worker: `current_call().session.local`.

They are dropped when the host says that the session has ended, and beyond a number of sessions the
one that was used longest ago. The hook of the adapter runs afterwards, on the main thread, between
two calls.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any, Final

__all__ = ["LocalSessions"]

DEFAULT_MAX: Final = 100
"""The most sessions with local objects, unless the adapter says otherwise."""

OnEnd = Callable[[str, dict[str, Any]], None]


class LocalSessions:
    """The local objects of all sessions. Any thread may use it."""

    __slots__ = ("_lock", "_max", "_on_end", "_sessions", "dropped")

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, dict[str, Any]] = OrderedDict()
        """In the order of their last use."""
        self.dropped: deque[tuple[str, dict[str, Any]]] = deque()
        """Those whose end the adapter has not heard of: `run_hooks` tells it."""
        # Reentrant, since the garbage collector may run a finalizer here.
        self._lock = threading.RLock()
        self._max = DEFAULT_MAX
        self._on_end: OnEnd = lambda _session_id, _local: None

    def configure(self, max_sessions: int, on_end: OnEnd) -> None:
        """Set what the adapter says, before the first call."""
        self._max = max(1, max_sessions)
        self._on_end = on_end

    def get(self, session_id: str) -> tuple[dict[str, Any], bool]:
        """Return the objects of a session, which counts as its use, and whether they are new."""
        with self._lock:
            sessions = self._sessions
            is_new = session_id not in sessions
            local = sessions.setdefault(session_id, {})
            sessions.move_to_end(session_id)
            while len(sessions) > self._max:
                self.dropped.append(sessions.popitem(last=False))
            return local, is_new

    def end(self, session_ids: Iterable[str]) -> None:
        """Drop the objects of sessions that have ended."""
        with self._lock:
            for session_id in session_ids:
                local = self._sessions.pop(session_id, None)
                if local is not None:
                    self.dropped.append((session_id, local))

    def run_hooks(self) -> None:
        """Tell the adapter of the sessions that were dropped. For the main thread between calls."""
        while self.dropped:
            session_id, local = self.dropped.popleft()
            try:
                self._on_end(session_id, local)
            except Exception:
                logging.getLogger(__name__).exception(
                    "on_session_end() raised for the session %s", session_id
                )
