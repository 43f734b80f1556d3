"""The carrier between worker and host, behind a small interface so that another one can take its
place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Protocol

from snakeden.gen.link_pb2 import HostFrame

# grpcio prints its own notices on stderr otherwise, and forks of tools would wait for its threads.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc

__all__ = ["GrpcLink", "Link", "LinkLostError"]

_METHOD = "/snakeden.v1.Bridge/Attach"
_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


class LinkLostError(Exception):
    """The host could not be reached, or the link broke; the text says how."""


class Link(Protocol):
    """Frames to the host and from it."""

    def frames(self) -> Iterator[HostFrame]:
        """What the host sends, until it ends the stream.

        Raises:
            LinkLostError: The link broke.
        """

    def close(self) -> None:
        """Drop the link at once, with what was not sent yet."""


class GrpcLink:
    """One bidirectional gRPC stream, `snakeden.v1.Bridge/Attach`."""

    def __init__(self, address: str, outgoing: Iterator[bytes]) -> None:
        """Dial `address`, such as `unix:/run/bridge.sock`, and send the frames of `outgoing` until
        it ends.
        """
        self._address = address
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        attach = self._channel.stream_stream(
            _METHOD,
            request_serializer=None,
            response_deserializer=HostFrame.FromString,
        )
        self._stream = attach(outgoing)

    def frames(self) -> Iterator[HostFrame]:
        """See `Link.frames`."""
        try:
            yield from self._stream
        except grpc.RpcError as error:
            code = getattr(error, "code", lambda: None)()
            details = getattr(error, "details", lambda: "")()
            name = "" if code is None else f"{code.name}: "
            raise LinkLostError(f"the link to {self._address} broke: {name}{details}") from None

    def close(self) -> None:
        """See `Link.close`."""
        self._channel.close()
