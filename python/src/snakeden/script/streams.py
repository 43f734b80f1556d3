"""The stream of a call."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from snakeden.script.errors import RequestError
from snakeden.script.values import decoded

if TYPE_CHECKING:
    from http.client import HTTPResponse

__all__ = ["Stream"]


class Stream:
    """The chunks of a call, in a `for`; or in a `with`, so that leaving it early cancels the call.

    The call begins with the first chunk that is asked for.
    """

    def __init__(self, begin: Callable[[], HTTPResponse]) -> None:
        self._begin: Callable[[], HTTPResponse] | None = begin
        self._answer: HTTPResponse | None = None
        self.progress: Any = None
        """The last report of progress."""
        self.result: Any = None
        """The return value of the tool, once all chunks have come."""

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        if self._begin is not None:
            self._answer, self._begin = self._begin(), None
        while self._answer is not None:
            event, data = self._next_event(self._answer)
            if event == "chunk":
                return decoded(data)
            if event == "progress":
                self.progress = decoded(data)
            elif event == "done":
                self.result = decoded(data["result"])
                self.close()
            elif event == "failed":
                self.close()
                raise RequestError.of(data)
        raise StopIteration

    def close(self) -> None:
        """End the stream, and cancel the call if it runs."""
        self._begin = None
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next_event(self, answer: HTTPResponse) -> tuple[str, Any]:
        from http.client import HTTPException

        try:
            line = answer.readline()
        except (OSError, HTTPException) as error:
            self.close()
            raise self._lost() from error
        if not line:
            self.close()
            raise self._lost()
        event = json.loads(line)
        return event["event"], event.get("data")

    def _lost(self) -> RequestError:
        return RequestError("connection_lost", "Cannot read the stream: the connection has ended")
