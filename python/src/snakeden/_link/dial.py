"""Connect to the host by the carrier in its address. Imports only that carrier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakeden._link.link import Link, LinkLostError

if TYPE_CHECKING:
    from snakeden._link.outbox import Outbox

__all__ = ["dial"]


def dial(address: str, outbox: Outbox) -> Link:
    """Connect to the host.

    Raises:
        LinkLostError: If nobody listens there, or the kind of address is unknown.
    """
    kind, _, target = address.partition(":")
    if kind == "unix":
        from snakeden._link.socket_link import SocketLink

        return SocketLink(target, outbox)
    if kind == "grpc+unix":
        from snakeden._link.grpc_link import GrpcLink

        return GrpcLink(f"unix:{target}", outbox)
    raise LinkLostError(f"cannot connect to {address}: expected unix:PATH or grpc+unix:PATH")
