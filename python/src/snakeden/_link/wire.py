"""Encoding of the messages to the host.

A frame is a `repeated WorkerMessage`, and protobuf joins the repeated fields of concatenated
messages. So each message is serialized once, as a frame of its own. A batch is the concatenation of
such frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from snakeden._link.gen.errors_pb2 import Error, FieldIssue, PythonException
from snakeden._link.gen.link_pb2 import WorkerFrame
from snakeden._link.plain_frames import plain_ask, plain_chunk, plain_result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from snakeden._link.gen.values_pb2 import Value
    from snakeden._link.slab import SharedMemory, Slab
    from snakeden._values.values import Encoded
    from snakeden.errors import Issue

__all__ = [
    "PROTOCOL_VERSION",
    "DeviceUse",
    "OfferedTool",
    "ask",
    "buffers",
    "chunk",
    "error",
    "failure",
    "hello",
    "leaving",
    "log",
    "loop_blocked",
    "pong",
    "progress",
    "ready",
    "recalled",
    "release",
    "result",
    "start_failed",
    "wire_text",
]

PROTOCOL_VERSION: Final = 1
_MAX_STACK: Final = 8_192


class OfferedTool(NamedTuple):
    """A tool, as it is described to the host. The schemas are JSON text."""

    name: str
    description: str
    input_schema: str
    output_schema: str
    streams: bool
    idempotent: bool
    timeout_ms: float = 0.0
    media_type: str = ""
    stall_timeout_ms: float = 0.0


class DeviceUse(NamedTuple):
    """The use that a framework makes of the device, as link.proto describes it."""

    framework: str
    version: str
    state: str
    text: str
    memory_bytes: int = 0


def wire_text(text: str, limit: int = 0) -> str:
    """Return text that protobuf accepts: lone surrogates become `?`. Cut it after `limit`
    characters, unless that is 0.
    """
    if 0 < limit < len(text):
        text = f"{text[:limit]}... ({len(text) - limit} more characters)"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def hello(
    worker_id: str,
    token: str,
    *,
    pid: int,
    python_version: str,
    package_version: str,
    device: str = "",
) -> bytes:
    """Encode a Hello, the first message: the identity of this worker, and the id of its device."""
    frame = WorkerFrame()
    body = frame.messages.add().hello
    body.protocol_version = PROTOCOL_VERSION
    body.worker_id = worker_id
    body.token = token
    body.pid = pid
    body.python_version = python_version
    body.package_version = package_version
    body.device = wire_text(device)
    return frame.SerializeToString()


def ready(
    tools: Iterable[OfferedTool],
    *,
    notes_progress: bool = False,
    notes_items: bool = False,
    maps_shared_memory: bool = False,
    device_uses: Iterable[DeviceUse] = (),
    runs_without_gil: bool = False,
) -> bytes:
    """Encode a Ready: the tools that this worker serves, and what uses its device."""
    frame = WorkerFrame()
    body = frame.messages.add().ready
    body.notes_progress = notes_progress
    body.notes_items = notes_items
    body.maps_shared_memory = maps_shared_memory
    body.runs_without_gil = runs_without_gil
    for tool in tools:
        body.tools.add(
            name=tool.name,
            description=wire_text(tool.description),
            input_schema=tool.input_schema,
            output_schema=tool.output_schema,
            streams=tool.streams,
            idempotent=tool.idempotent,
            timeout_ms=tool.timeout_ms,
            media_type=tool.media_type,
            stall_timeout_ms=tool.stall_timeout_ms,
        )
    for use in device_uses:
        body.device_uses.add(
            framework=use.framework,
            version=wire_text(use.version),
            state=use.state,
            text=wire_text(use.text),
            memory_bytes=use.memory_bytes,
        )
    # Otherwise an empty message would not be encoded.
    body.SetInParent()
    return frame.SerializeToString()


def error(
    code: str,
    message: str,
    *,
    python: PythonException | None = None,
    issues: Iterable[Issue] = (),
) -> Error:
    """Build the error of a failure."""
    body = Error(code=code, message=wire_text(message, 16_384))
    if python is not None:
        body.python.CopyFrom(python)
    for issue in issues:
        body.issues.append(
            FieldIssue(path=wire_text(issue.path, 500), message=wire_text(issue.message, 2_000))
        )
    return body


def start_failed(why: Error) -> bytes:
    """Encode a StartFailed: the adapter could not be loaded."""
    frame = WorkerFrame()
    frame.messages.add().start_failed.error.CopyFrom(why)
    return frame.SerializeToString()


def buffers(value: Value, slab: Slab | None) -> Sequence[bytes | memoryview]:
    """Return the buffers of a value from the host. Those in shared memory are views of that memory.

    Raises:
        ValueError, IndexError: If a place is one that no host of this version sends.
    """
    shared = value.shared
    if not shared:
        return value.buffers
    if slab is None:
        raise ValueError("a buffer in shared memory, of which there is none")
    views: list[bytes | memoryview] = list(value.buffers)
    for place in shared:
        views[place.index] = slab.view(place.offset, place.length)
    return views


def _with_value(
    frame: WorkerFrame, out: Value, *, value: Encoded, shared: SharedMemory | None
) -> bytes:
    """Put a value into a message of a frame, and encode the frame. Large buffers go into shared
    memory, if there is any and it has room.
    """
    out.json = value.json
    if not value.tagged:
        return frame.SerializeToString()
    out.tagged = True
    slab, min_bytes = (None, 0) if shared is None else (shared.slab, shared.min_bytes)
    try:
        for index, buffer in enumerate(value.buffers):
            length = len(buffer)
            offset = None
            if slab is not None and length >= min_bytes:
                offset = slab.write(buffer)
            if offset is None:
                out.buffers.append(bytes(buffer))
            else:
                out.shared.add(index=index, offset=offset, length=length)
                out.buffers.append(b"")
        return frame.SerializeToString()
    except BaseException:
        if slab is not None:
            # These places will never be sent to the host.
            for place in out.shared:
                slab.release(place.offset)
        raise


def result(
    call_id: int, value: Encoded, *, run_ms: float, shared: SharedMemory | None = None
) -> bytes:
    """Encode a Result. It must be sent, since it may occupy shared memory."""
    if not value.tagged:
        return plain_result(call_id, value.json, run_ms=run_ms)
    frame = WorkerFrame()
    body = frame.messages.add().result
    body.id = call_id
    body.run_ms = run_ms
    return _with_value(frame, body.value, value=value, shared=shared)


def failure(call_id: int, why: Error, *, run_ms: float) -> bytes:
    """Encode a Failure."""
    frame = WorkerFrame()
    body = frame.messages.add().failure
    body.id = call_id
    body.run_ms = run_ms
    body.error.CopyFrom(why)
    return frame.SerializeToString()


def printed(call_id: int, pipes: int) -> bytes:
    """Encode a Printed: the output of a call has ended in these pipes."""
    frame = WorkerFrame()
    body = frame.messages.add().printed
    body.id = call_id
    body.pipes = pipes
    return frame.SerializeToString()


def leaving(reason: str) -> bytes:
    """Encode a Leaving: this worker was asked to end, but not by the host."""
    frame = WorkerFrame()
    frame.messages.add().leaving.reason = reason
    return frame.SerializeToString()


def imported(path: str) -> bytes:
    """Encode an Imported: a source file of the user was imported."""
    frame = WorkerFrame()
    frame.messages.add().imported.path = wire_text(path)
    return frame.SerializeToString()


def loop_blocked(tool: str, *, blocked_ms: float, is_over: bool, stack: str) -> bytes:
    """Encode a LoopBlocked: a tool holds up the event loop of this worker, or has done so."""
    frame = WorkerFrame()
    body = frame.messages.add().loop_blocked
    body.tool = wire_text(tool)
    body.blocked_ms = blocked_ms
    body.is_over = is_over
    body.stack = wire_text(stack, _MAX_STACK)
    return frame.SerializeToString()


def recalled(call_ids: Iterable[int]) -> bytes:
    """Encode a Recalled: this worker has not started these calls and never will."""
    frame = WorkerFrame()
    frame.messages.add().recalled.ids.extend(call_ids)
    return frame.SerializeToString()


def release(offsets: Iterable[int]) -> bytes:
    """Encode a Release: this worker no longer uses these places of the host's shared memory."""
    frame = WorkerFrame()
    frame.messages.add().release.offsets.extend(offsets)
    return frame.SerializeToString()


def chunk(call_id: int, value: Encoded, *, shared: SharedMemory | None = None) -> bytes:
    """Encode a Chunk. It must be sent, since it may occupy shared memory."""
    if not value.tagged:
        return plain_chunk(call_id, value.json)
    frame = WorkerFrame()
    body = frame.messages.add().chunk
    body.id = call_id
    return _with_value(frame, body.value, value=value, shared=shared)


def ask(
    ask_id: int, call_id: int, *, method: str, value: Encoded, shared: SharedMemory | None = None
) -> bytes:
    """Encode an Ask. It must be sent, since it may occupy shared memory."""
    if not value.tagged:
        return plain_ask(ask_id, call_id, method=method, json=value.json)
    frame = WorkerFrame()
    body = frame.messages.add().ask
    body.id = ask_id
    body.call_id = call_id
    body.method = method
    return _with_value(frame, body.args, value=value, shared=shared)


def progress(call_id: int, value: Encoded) -> bytes:
    """Encode a Progress. It never uses shared memory, since a report that a newer one replaces is
    never sent, and nobody would release its places.
    """
    frame = WorkerFrame()
    body = frame.messages.add().progress
    body.id = call_id
    return _with_value(frame, body.value, value=value, shared=None)


def pong(ping_id: int, rss_bytes: int = 0) -> bytes:
    """Encode a Pong: the answer to a ping, with the resident memory as last measured."""
    frame = WorkerFrame()
    body = frame.messages.add().pong
    body.id = ping_id
    body.rss_bytes = rss_bytes
    body.SetInParent()
    return frame.SerializeToString()


def log(logger: str, message: str, *, level: int, time: float, call_id: int, dropped: int) -> bytes:
    """Encode a log entry."""
    frame = WorkerFrame()
    body = frame.messages.add().log
    body.level = level
    body.logger = logger
    body.message = message
    body.time = time
    body.call_id = call_id
    body.dropped = dropped
    return frame.SerializeToString()
