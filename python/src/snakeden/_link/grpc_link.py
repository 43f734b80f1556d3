"""The link as one bidirectional gRPC stream, `snakeden.v1.Bridge/Attach`.

A reader thread receives messages. The threads of gRPC write the frames of the outbox.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from snakeden._link.gen.link_pb2 import HostFrame
from snakeden._link.link import LinkLostError

if TYPE_CHECKING:
    from snakeden._link.gen.link_pb2 import HostMessage
    from snakeden._link.outbox import Outbox

# Otherwise grpcio would print notices on stderr, and a fork in a tool would wait for its threads.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc

__all__ = ["GrpcLink"]

_METHOD = "/snakeden.v1.Bridge/Attach"
_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
]
_IDLE_SECONDS: Final = 1.0


class GrpcLink:
    """See `snakeden._link.link.Link`."""

    confirms = False

    def __init__(self, address: str, outbox: Outbox) -> None:
        """Connect to `address`, such as `unix:/run/grpc.sock`."""
        self._address = address
        channel = grpc.insecure_channel(address, options=_OPTIONS)
        attach = channel.stream_stream(
            _METHOD, request_serializer=None, response_deserializer=HostFrame.FromString
        )
        self._stream = attach(iter(outbox))
        self._news: SimpleQueue[None] = SimpleQueue()
        self._ended = threading.Event()

    def receive(self) -> Sequence[HostMessage] | None:
        """See `Link.receive`."""
        try:
            frame: HostFrame | None = next(self._stream, None)
        except grpc.RpcError as error:
            code = getattr(error, "code", lambda: None)()
            details = getattr(error, "details", lambda: "")()
            name = "" if code is None else f"{code.name}: "
            raise LinkLostError(f"the link to {self._address} broke: {name}{details}") from None
        return None if frame is None else frame.messages

    def start(
        self, on_message: Callable[[HostMessage], None], on_end: Callable[[str | None], None]
    ) -> None:
        """See `Link.start`."""

        def read() -> None:
            reason: str | None = None
            try:
                while (messages := self.receive()) is not None:
                    for message in messages:
                        on_message(message)
                    self._news.put(None)
            except LinkLostError as error:
                reason = str(error)
            except Exception:
                reason = f"the reader failed: {traceback.format_exc()}"
            self._ended.set()
            on_end(reason)

        threading.Thread(target=read, name="snakeden-reader", daemon=True).start()

    def wait(self) -> None:
        """See `Link.wait`. Returns after a second at the latest, since a signal that comes just
        before the wait does not end it.
        """
        try:
            self._news.get(True, _IDLE_SECONDS)
            while not self._news.empty():
                self._news.get_nowait()
        except Empty:
            return

    def attend(self) -> None:
        """See `Link.attend`. Nothing to do: the reader thread always reads."""

    def on_loop(self) -> None:
        """See `Link.on_loop`."""

    def wake(self) -> None:
        """See `Link.wake`."""
        self._news.put(None)

    def finish(self, seconds: float) -> None:
        """See `Link.finish`. The host ends its stream once it has read ours to the end."""
        self._ended.wait(seconds)

    def after_fork_in_child(self) -> None:
        """See `Link.after_fork_in_child`. Nothing to do: the sockets of gRPC close at exec."""
