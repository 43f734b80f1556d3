"""The session of a call: its variables, its programs, and the objects that its worker keeps."""

from __future__ import annotations

from typing import Any

from snakeden.session.programs import Programs
from snakeden.session.source import SessionSource
from snakeden.session.variables import Variables

__all__ = ["Session"]


class Session:
    """The session of a call. Get it by `current_call().session`."""

    __slots__ = ("_programs", "_source", "_variables")

    def __init__(self, source: SessionSource) -> None:
        self._source = source
        self._programs = Programs(source)
        self._variables = Variables(source)

    @property
    def id(self) -> str:
        """The id of the session."""
        return self._source.session_id

    @property
    def variables(self) -> Variables:
        """The variables of the session."""
        return self._variables

    @property
    def programs(self) -> Programs:
        """The programs that the session sees."""
        return self._programs

    @property
    def local(self) -> dict[str, Any]:
        """Objects that this worker keeps with the session, such as a model. Later calls of the
        session find them if they run in the same worker. They are dropped when the session ends,
        and with the worker. The first use in a call waits for the host, also on an event loop.

        Raises:
            HostError: `unknown_session`: the session is not open.
            RuntimeError: The call has ended.
        """
        return self._source.local()

    def __repr__(self) -> str:
        return f"<Session {self.id!r}>"
