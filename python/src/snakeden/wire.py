"""Messages of the link, made ready to be sent.

A frame is `repeated WorkerMessage`, and protobuf joins repeated fields of concatenated messages. So
each message is serialized once, as a frame of its own, where it arises; a batch of any size is then
the plain concatenation of such frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from snakeden.gen.errors_pb2 import Error, FieldIssue, PythonException
from snakeden.gen.link_pb2 import WorkerFrame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snakeden.adapter_loader import LoadedTool
    from snakeden.errors import Issue
    from snakeden.gen.values_pb2 import Value
    from snakeden.values import Encoded

__all__ = [
    "PROTOCOL_VERSION",
    "chunk",
    "error",
    "failure",
    "hello",
    "log",
    "pong",
    "progress",
    "ready",
    "result",
    "start_failed",
    "wire_text",
]

PROTOCOL_VERSION: Final = 1


def wire_text(text: str, limit: int = 0) -> str:
    """Text that protobuf takes: lone surrogates become `?`; at most `limit` characters, when that
    is given.
    """
    if 0 < limit < len(text):
        text = f"{text[:limit]}... ({len(text) - limit} more characters)"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def hello(worker_id: str, token: str, pid: int, python_version: str, package_version: str) -> bytes:
    """Who this is; the first message."""
    frame = WorkerFrame()
    body = frame.messages.add().hello
    body.protocol_version = PROTOCOL_VERSION
    body.worker_id = worker_id
    body.token = token
    body.pid = pid
    body.python_version = python_version
    body.package_version = package_version
    return frame.SerializeToString()


def ready(tools: Iterable[LoadedTool]) -> bytes:
    """What this worker offers."""
    frame = WorkerFrame()
    body = frame.messages.add().ready
    for tool in tools:
        body.tools.add(
            name=tool.name,
            description=wire_text(tool.description),
            input_schema=tool.schema.input_schema,
            output_schema=tool.schema.output_schema,
            streams=tool.schema.streams,
        )
    # An empty message would not be sent otherwise.
    body.SetInParent()
    return frame.SerializeToString()


def error(
    code: str,
    message: str,
    python: PythonException | None = None,
    issues: Iterable[Issue] = (),
) -> Error:
    """Why something failed."""
    body = Error(code=code, message=wire_text(message, 16_384))
    if python is not None:
        body.python.CopyFrom(python)
    for issue in issues:
        body.issues.append(
            FieldIssue(path=wire_text(issue.path, 500), message=wire_text(issue.message, 2_000))
        )
    return body


def start_failed(why: Error) -> bytes:
    """The adapter could not be loaded."""
    frame = WorkerFrame()
    frame.messages.add().start_failed.error.CopyFrom(why)
    return frame.SerializeToString()


def _put(out: Value, value: Encoded) -> None:
    out.json = value.json
    if value.tagged:
        out.tagged = True
        out.buffers.extend(value.buffers)


def result(call_id: int, value: Encoded, run_ms: float) -> bytes:
    """A call's answer."""
    frame = WorkerFrame()
    body = frame.messages.add().result
    body.id = call_id
    body.run_ms = run_ms
    _put(body.value, value)
    return frame.SerializeToString()


def failure(call_id: int, why: Error, run_ms: float) -> bytes:
    """A call's failure."""
    frame = WorkerFrame()
    body = frame.messages.add().failure
    body.id = call_id
    body.run_ms = run_ms
    body.error.CopyFrom(why)
    return frame.SerializeToString()


def chunk(call_id: int, value: Encoded) -> bytes:
    """One element of a stream."""
    frame = WorkerFrame()
    body = frame.messages.add().chunk
    body.id = call_id
    _put(body.value, value)
    return frame.SerializeToString()


def progress(call_id: int, value: Encoded) -> bytes:
    """How far a call is."""
    frame = WorkerFrame()
    body = frame.messages.add().progress
    body.id = call_id
    _put(body.value, value)
    return frame.SerializeToString()


def pong(ping_id: int) -> bytes:
    """The answer to a ping."""
    frame = WorkerFrame()
    body = frame.messages.add().pong
    body.id = ping_id
    body.SetInParent()
    return frame.SerializeToString()


def log(level: int, logger: str, message: str, time: float, call_id: int, dropped: int) -> bytes:
    """One entry of the log."""
    frame = WorkerFrame()
    body = frame.messages.add().log
    body.level = level
    body.logger = logger
    body.message = message
    body.time = time
    body.call_id = call_id
    body.dropped = dropped
    return frame.SerializeToString()
