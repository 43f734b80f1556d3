"""A fake host in the test process: a server that real workers connect to by a carrier."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

import grpc
import msgspec

from snakeden._link.gen import link_pb2 as link
from snakeden._link.gen.values_pb2 import Value
from snakeden._values import values

REPOSITORY = Path(__file__).resolve().parents[2]
ADAPTERS = REPOSITORY / "tests" / "fixtures" / "adapters"
SOURCES = REPOSITORY / "python" / "src"
TIMEOUT = 20.0


def wait_for(condition: Callable[[], Any], what: str, timeout: float = TIMEOUT) -> Any:
    """Poll until `condition` is true."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s for {what}")
        time.sleep(0.005)


class Attachment:
    """The stream of one worker, as the host sees it."""

    def __init__(self) -> None:
        self._incoming: SimpleQueue[link.WorkerMessage | None] = SimpleQueue()
        self._outgoing: SimpleQueue[link.HostFrame | None] = SimpleQueue()
        self.frame_sizes: list[int] = []
        self.logs: list[link.Log] = []
        self.released: list[int] = []
        self.ended = threading.Event()

    def read(self, frames: Iterator[link.WorkerFrame]) -> None:
        try:
            for frame in frames:
                self.frame_sizes.append(frame.ByteSize())
                for message in frame.messages:
                    self._incoming.put(message)
        except grpc.RpcError:
            pass
        except Exception:
            pass
        self.ended.set()
        self._incoming.put(None)
        self._outgoing.put(None)

    def write(self) -> Iterator[link.HostFrame]:
        while True:
            frame = self._outgoing.get()
            if frame is None:
                return
            yield frame

    def send(self, *bodies: dict[str, Any]) -> None:
        messages = [link.HostMessage(**body) for body in bodies]
        self._outgoing.put(link.HostFrame(messages=messages))

    def drop(self) -> None:
        """End the stream without a message."""
        self._outgoing.put(None)

    def next(self, timeout: float = TIMEOUT) -> link.WorkerMessage | None:
        """Return the next message that is neither a log entry, nor a release, nor the sign that a
        worker that gathers chunks sends now and then; None if the worker has ended the stream.
        """
        while True:
            message = self._incoming.get(timeout=timeout)
            kind = None if message is None else message.WhichOneof("body")
            if message is not None and kind == "log":
                self.logs.append(message.log)
            elif message is not None and kind == "release":
                self.released.extend(message.release.offsets)
            elif message is None or not _is_sign(message):
                return message

    def expect(self, kind: str, timeout: float = TIMEOUT) -> Any:
        message = self.next(timeout)
        assert message is not None, f"the stream ended before {kind}"
        assert message.WhichOneof("body") == kind, message
        return getattr(message, kind)

    def nothing_more(self, seconds: float = 0.2) -> None:
        """Check that no message comes for a while."""
        try:
            message = self._incoming.get(timeout=seconds)
        except Empty:
            return
        raise AssertionError(f"expected nothing, got {message}")

    # ---- calls ----

    def call(self, call_id: int, tool: str, args: Any = None, **fields: Any) -> None:
        self.send(call_body(call_id, tool, args, **fields))

    def result(self) -> Any:
        return decoded(self.expect("result").value)

    def run(self, tool: str, call_id: int = 1, **args: Any) -> Any:
        """Call and decode the result."""
        self.call(call_id, tool, args)
        return self.result()

    def failure(self, tool: str, call_id: int = 1, **args: Any) -> Any:
        """Call and return the error."""
        self.call(call_id, tool, args)
        return self.expect("failure").error


def _is_sign(message: link.WorkerMessage) -> bool:
    return message.WhichOneof("body") == "progress" and message.progress.value.json == b"null"


def call_body(call_id: int, tool: str, args: Any = None, **fields: Any) -> dict[str, Any]:
    encoded = values.encode({} if args is None else args)
    buffers = list(map(bytes, encoded.buffers))
    value = Value(json=encoded.json, tagged=encoded.tagged, buffers=buffers)
    return {"call": link.Call(id=call_id, number=call_id, tool=tool, args=value, **fields)}


def decoded(value: Value) -> Any:
    msgspec.json.decode(value.json)
    return values.decode(values.Encoded(value.json, value.tagged, value.buffers))


class Worker:
    """A real worker process, and its stream."""

    def __init__(
        self, process: subprocess.Popen[bytes], attachment: Attachment, folder: Path
    ) -> None:
        self.process = process
        self.link = attachment
        self._folder = folder
        self.tools: dict[str, link.Tool] = {}

    @property
    def stdout(self) -> bytes:
        return (self._folder / "stdout").read_bytes()

    @property
    def stderr(self) -> str:
        return (self._folder / "stderr").read_text("utf-8", "replace")

    def wait(self, timeout: float = TIMEOUT) -> int:
        return self.process.wait(timeout)

    def welcome(self, *adapters: str, paths: list[str] | None = None, **fields: Any) -> None:
        defaults: dict[str, Any] = {
            "log_level": "INFO",
            "max_depth": 200,
            "max_result_bytes": 1 << 26,
        }
        module_paths = [str(ADAPTERS)] if paths is None else paths
        body = link.Welcome(adapters=adapters, module_paths=module_paths, **{**defaults, **fields})
        self.link.send({"welcome": body})

    def ready(self) -> Worker:
        self.tools = {tool.name: tool for tool in self.link.expect("ready").tools}
        return self

    def stop(self) -> int:
        self.link.send({"stop": link.Stop()})
        return self.wait()

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


Attach = Callable[[Iterator[link.WorkerFrame]], Iterator[link.HostFrame]]


class GrpcListener:
    """A gRPC server of Bridge/Attach on a Unix socket."""

    def __init__(self, path: Path, attach: Attach) -> None:
        self.address = f"grpc+unix:{path}"
        self._attach = attach
        self._server = grpc.server(
            futures.ThreadPoolExecutor(8),
            options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
        )
        handler = grpc.stream_stream_rpc_method_handler(
            lambda frames, _context: self._attach(frames),
            request_deserializer=link.WorkerFrame.FromString,
            response_serializer=link.HostFrame.SerializeToString,
        )
        service = grpc.method_handlers_generic_handler("snakeden.v1.Bridge", {"Attach": handler})
        self._server.add_generic_rpc_handlers((service,))
        self._server.add_insecure_port(f"unix:{path}")
        self._server.start()

    def close(self) -> None:
        self._server.stop(0).wait()


class SocketListener:
    """A server on a plain Unix socket, on which each frame follows its length."""

    def __init__(self, path: Path, attach: Attach) -> None:
        self.address = f"unix:{path}"
        self._attach = attach
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # close() alone does not end an accept() that waits.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream: socket.socket) -> None:
        try:
            for frame in self._attach(self._frames(stream)):
                body = frame.SerializeToString()
                stream.sendall(len(body).to_bytes(4, "little") + body)
        except OSError:
            pass
        # The reader thread still has it.
        try:
            stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    @staticmethod
    def _frames(stream: socket.socket) -> Iterator[link.WorkerFrame]:
        with stream, stream.makefile("rb") as file:
            while len(header := file.read(4)) == 4:
                yield link.WorkerFrame.FromString(file.read(int.from_bytes(header, "little")))


class FakeHost:
    """A host that serves one carrier, starts workers, and kills those that are left."""

    def __init__(self, folder: Path, carrier: str = "socket") -> None:
        self.carrier = carrier
        self._folder = folder
        self._attachments: SimpleQueue[Attachment] = SimpleQueue()
        self._workers: list[Worker] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        listener = GrpcListener if carrier == "grpc" else SocketListener
        self._listener = listener(folder / "link.sock", self._attach)
        self.address = self._listener.address

    def __enter__(self) -> FakeHost:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.kill()
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        self._listener.close()

    def _attach(self, frames: Iterator[link.WorkerFrame]) -> Iterator[link.HostFrame]:
        attachment = Attachment()
        threading.Thread(target=attachment.read, args=(frames,), daemon=True).start()
        self._attachments.put(attachment)
        return attachment.write()

    def spawn(
        self, address: str | None = None, env: dict[str, str] | None = None
    ) -> tuple[subprocess.Popen[bytes], Path]:
        """Start the process of a worker without waiting for it."""
        folder = self._folder / f"worker-{len(self._processes)}"
        folder.mkdir()
        environment = {
            **os.environ,
            "PYTHONPATH": str(SOURCES),
            "SNAKEDEN_ADDRESS": address or self.address,
            "SNAKEDEN_TOKEN": "secret-token",
            "SNAKEDEN_WORKER_ID": "default-1",
            **(env or {}),
        }
        with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
            process = subprocess.Popen(
                [sys.executable, str(SOURCES / "snakeden" / "worker.py")],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env=environment,
                start_new_session=True,
                cwd=folder,
            )
        self._processes.append(process)
        return process, folder

    def connect(self, env: dict[str, str] | None = None) -> Worker:
        """Start a worker and wait for its connection. Its hello is still unread."""
        process, folder = self.spawn(env=env)
        attachment = self._attachments.get(timeout=TIMEOUT)
        worker = Worker(process, attachment, folder)
        self._workers.append(worker)
        return worker

    def start(self, *adapters: str, env: dict[str, str] | None = None, **welcome: Any) -> Worker:
        """Start a worker and wait until it is ready."""
        worker = self.connect(env)
        worker.link.expect("hello")
        worker.welcome(*adapters, **welcome)
        return worker.ready()

    def start_failing(self, *adapters: str, **welcome: Any) -> tuple[Worker, Any]:
        """Start a worker whose adapter cannot be served. Returns the error."""
        worker = self.connect()
        worker.link.expect("hello")
        worker.welcome(*adapters, **welcome)
        return worker, worker.link.expect("start_failed").error
