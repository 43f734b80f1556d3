"""The jobs of a host, as a program sees them. The twin of src/client/jobs."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final

from snakeden.script.transport import Transport, quoted
from snakeden.script.values import decoded, json_of, value_of

__all__ = ["Job", "Jobs", "camel"]

WAIT_S: Final = 30
"""The longest wait of one request, in seconds."""


def camel(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with the names that the host has: `max_attempts` becomes `maxAttempts`."""
    return {re.sub(r"_([a-z])", lambda it: it[1].upper(), key): it for key, it in fields.items()}


class Jobs:
    """Durable jobs. With the token of a job, those that it has submitted, and itself.

    Every method raises `RequestError`, whose `code` says why.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def submit(
        self, tool: str | None = None, args: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> Job:
        """Submit a job: `submit("train", {"epochs": 3}, max_attempts=2)`, or one of another kind,
        `submit(kind="script", script="report.py", args=["2026-11"])`.

        The fields are those of `POST /v1/jobs`, such as `queue`, `priority`, `idempotency_key`,
        `tags` and `metadata`.
        """
        job = camel(fields)
        if tool is not None:
            job["tool"] = tool
        if args is not None:
            job["args"] = args
        answer = self._transport.json("POST /v1/jobs", json_of(job, "job"))
        return Job(self, answer)

    def get(self, id_: str, /) -> dict[str, Any]:
        """Return the description of a job as it is now."""
        return self._described(f"GET /v1/jobs/{quoted(id_)}")

    def wait(self, id_: str, /, timeout: float | None = None) -> dict[str, Any]:
        """Wait until a job has ended; return its description, as it is then or after `timeout`
        seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = WAIT_S if end is None else max(0.0, min(WAIT_S, end - time.monotonic()))
            job = self._described(f"GET /v1/jobs/{quoted(id_)}?wait={left:.3f}", timeout=left + 30)
            if job["done"] or (end is not None and time.monotonic() >= end):
                return job

    def result(self, id_: str, /) -> Any:
        """Wait until a job has ended, and return its result; of a batch, the outcome of each item.

        Raises:
            RequestError: The error of the job, if it has failed.
        """
        job = self.wait(id_)
        request = f"GET /v1/jobs/{quoted(id_)}/result"
        if job["kind"] != "batch":
            return value_of(self._transport.read(request, timeout=None))["result"]
        lines = self._transport.read(request, accept="application/x-ndjson", timeout=None)
        return [value_of(it) for it in lines.splitlines() if it]

    def cancel(self, id_: str, /, reason: str | None = None) -> dict[str, Any]:
        """Cancel a job; return its description."""
        body = json_of({} if reason is None else {"reason": reason}, "body")
        answer = self._transport.json(f"POST /v1/jobs/{quoted(id_)}/cancel", body)
        job: dict[str, Any] = decoded(answer)
        return job

    def _described(self, request: str, timeout: float = 30.0) -> dict[str, Any]:
        job: dict[str, Any] = decoded(self._transport.json(request, timeout=timeout))
        return job


class Job:
    """A job that was submitted."""

    def __init__(self, jobs: Jobs, described: Mapping[str, Any]) -> None:
        self._jobs = jobs
        self.id: str = described["id"]
        self.described: dict[str, Any] = decoded(described)
        """The description as the submission was answered; `get` returns it as it is now."""

    def get(self) -> dict[str, Any]:
        """Return the description as it is now, as `Jobs.get`."""
        return self._jobs.get(self.id)

    def wait(self, timeout: float | None = None) -> dict[str, Any]:
        """Wait for the end, as `Jobs.wait`."""
        return self._jobs.wait(self.id, timeout)

    def result(self) -> Any:
        """Wait for the end and return the result, as `Jobs.result`."""
        return self._jobs.result(self.id)

    def cancel(self, reason: str | None = None) -> dict[str, Any]:
        """Cancel it, as `Jobs.cancel`."""
        return self._jobs.cancel(self.id, reason)

    def __repr__(self) -> str:
        return f"<job {self.id}>"
