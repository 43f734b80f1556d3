"""Requests to the host, by http.client. The twin of src/client/http."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from snakeden.script.errors import RequestError

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse

__all__ = ["Transport", "quoted"]

IDLE_S: Final = 2.0
"""The age from which an idle connection is not used again: the host may be closing it."""
JSON_TYPE: Final = "application/json"


def quoted(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


class Transport:
    """Sends requests. Each thread has a connection of its own, so any thread may use it."""

    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            message = (
                f"Cannot connect to {url!r}; allowed: an address such as http://127.0.0.1:8000"
            )
            raise RequestError("config_invalid", message)
        self.url = url
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path.rstrip("/")
        self._key = key
        self._local = threading.local()

    def json(self, request: str, body: str | None = None, **options: Any) -> Any:
        """Send a request, such as `GET /v1/tools`; return its answer, parsed.

        Raises:
            RequestError: The problem that the host answers with, or the reason for no answer.
        """
        text = self.read(request, None if body is None else body.encode("ascii"), **options)
        try:
            return json.loads(text)
        except ValueError as error:
            raise self._unexpected(request, "its body is no JSON") from error

    def read(
        self,
        request: str,
        body: Any = None,
        *,
        content_type: str = JSON_TYPE,
        accept: str = JSON_TYPE,
        timeout: float | None = 30.0,
    ) -> bytes:
        """Send a request; return the bytes of its answer.

        Raises:
            RequestError: As `json`.
        """
        connection = self._connection(timeout)
        try:
            answer = self._send(
                connection, request, body=body, content_type=content_type, accept=accept
            )
            data = answer.read()
        except BaseException as error:
            connection.close()
            self._local.connection = None
            raise self._failure(request, error) from error
        self._local.used = time.monotonic()
        if answer.status >= 400:
            raise self._problem(request, data, status=answer.status)
        return data

    def open(self, request: str, body: str, *, accept: str) -> HTTPResponse:
        """Send a request on a connection of its own; return its answer, to be read and closed.

        Raises:
            RequestError: As `json`.
        """
        connection = self._new(None)
        try:
            answer = self._send(
                connection,
                request,
                body=body.encode("ascii"),
                content_type=JSON_TYPE,
                accept=accept,
            )
            if answer.status < 400:
                return answer
            data = answer.read()
        except BaseException as error:
            connection.close()
            raise self._failure(request, error) from error
        connection.close()
        raise self._problem(request, data, status=answer.status)

    def close(self) -> None:
        """Close the connection of this thread."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None

    def _connection(self, timeout: float | None) -> HTTPConnection:
        connection: HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None and time.monotonic() - self._local.used > IDLE_S:
            connection.close()
            connection = None
        if connection is None:
            connection = self._local.connection = self._new(timeout)
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def _new(self, timeout: float | None) -> HTTPConnection:
        # It takes a few times as long to import as the rest of the package.
        from http.client import HTTPConnection, HTTPSConnection

        kind = HTTPSConnection if self._secure else HTTPConnection
        return kind(self._host, self._port, timeout=timeout)

    def _send(
        self,
        connection: HTTPConnection,
        request: str,
        *,
        body: Any,
        content_type: str,
        accept: str,
    ) -> HTTPResponse:
        headers = {"accept": accept}
        if body is not None:
            headers["content-type"] = content_type
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key}"
        method, _, path = request.partition(" ")
        connection.request(method, self._path + path, body=body, headers=headers)
        return connection.getresponse()

    def _failure(self, request: str, error: BaseException) -> BaseException:
        """Return the error of a request that got no answer; any other one as it is."""
        from http.client import HTTPException

        if isinstance(error, TimeoutError) or not isinstance(error, (OSError, HTTPException)):
            return error
        never = isinstance(error, ConnectionRefusedError) or "getaddrinfo" in str(error)
        code = "host_unreachable" if never else "connection_lost"
        reason = str(error) or type(error).__name__
        message = f"Cannot send {request} to {self.url}: {reason}"
        return RequestError(code, message, retryable=never)

    def _problem(self, request: str, data: bytes, *, status: int) -> RequestError:
        try:
            problem = json.loads(data)
        except ValueError:
            problem = None
        if isinstance(problem, dict) and "code" in problem and "detail" in problem:
            return RequestError.of(problem)
        return self._unexpected(request, f"status {status} without a problem document")

    def _unexpected(self, request: str, what: str) -> RequestError:
        message = f"Cannot read the answer of {self.url} to {request}: {what}"
        return RequestError("unexpected_answer", message)
