"""A client of the host, for programs that run as jobs or by hand. The twin of src/client."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from snakeden import environment_names
from snakeden.script.errors import RequestError
from snakeden.script.jobs import Jobs, camel
from snakeden.script.streams import Stream
from snakeden.script.transport import Transport, quoted
from snakeden.script.values import decoded, json_of, value_of

__all__ = ["Client", "connect"]


def connect(url: str | None = None, key: str | None = None) -> Client:
    """Return a client of the host that this program belongs to.

    It is the host in `SNAKEDEN_URL`, with the token in `SNAKEDEN_TOKEN`, else with the key in
    `SNAKEDEN_API_KEY`. A program that runs as a job has the first two, so it needs no setting; what
    it calls is cancelled when its attempt ends.

    Raises:
        RequestError: `config_invalid` if there is no host to connect to.
    """
    names = environment_names
    url = url or os.environ.get(names.URL)
    if not url:
        message = (
            f"Cannot connect to a host: {names.URL} is not set. Serve first (deno task serve) and "
            f"set {names.URL} to the address that it prints, or run the program as a job, which "
            "has the address of its host"
        )
        raise RequestError("config_invalid", message)
    key = key or os.environ.get(names.TOKEN) or os.environ.get(names.API_KEY) or None
    return Client(Transport(url, key))


class Client:
    """A client of a host. Threads may use the same one.

    Every method that asks the host raises `RequestError`, whose `code` says why.
    """

    def __init__(self, transport: Transport, options: Mapping[str, Any] | None = None) -> None:
        """Programs get theirs from `connect`."""
        self._transport = transport
        self._options = dict(options or {})
        self.jobs = Jobs(transport)
        """The jobs: those that the program submits, and its own."""

    def options(self, **options: Any) -> Client:
        """Return a client whose calls have these options, such as `pool`, `session_id`,
        `timeout_ms`, `priority` and `idempotent`.
        """
        return Client(self._transport, {**self._options, **camel(options)})

    def execute(self, tool: str, args: Mapping[str, Any] | None = None, /, **kwargs: Any) -> Any:
        """Run a tool and return its result, such as `execute("add", a=2, b=3)`.

        The chunks of a generator are returned as one list.
        """
        body = self._body(tool, {**(args or {}), **kwargs})
        return decoded(self._transport.json("POST /v1/execute", body, timeout=None)["result"])

    def stream(self, tool: str, args: Mapping[str, Any] | None = None, /, **kwargs: Any) -> Stream:
        """Run a tool and return its chunks, as they come."""
        body = self._body(tool, {**(args or {}), **kwargs})
        return Stream(
            lambda: self._transport.open("POST /v1/stream", body, accept="application/x-ndjson")
        )

    def tools(self) -> list[dict[str, Any]]:
        """Return the descriptions of the tools that run."""
        tools: list[dict[str, Any]] = self._transport.json("GET /v1/tools")["tools"]
        return tools

    def add_file(self, data: bytes, name: str = "file") -> dict[str, str]:
        """Add a file to the host; return what stands for it among arguments of tools and jobs."""
        request = f"PUT /v1/files?name={quoted(name)}"
        text = self._transport.read(
            request, data, content_type="application/octet-stream", timeout=None
        )
        return {"$file": str(value_of(text)["id"])}

    def read_file(self, file: Mapping[str, Any] | str) -> bytes:
        """Return the bytes of a file, by its id or by what stands for it."""
        id_ = file if isinstance(file, str) else str(file["$file"])
        request = f"GET /v1/files/{quoted(id_)}/content"
        return self._transport.read(request, accept="*/*", timeout=None)

    def close(self) -> None:
        """Close the connection of this thread."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _body(self, tool: str, args: Mapping[str, Any]) -> str:
        fields = json_of(args, "args")
        rest = json_of({**self._options, "tool": tool}, "options")
        return f'{rest[:-1]},"args":{fields}}}'
