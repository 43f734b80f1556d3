"""Pick the carrier by the address of the host, and connect; imports only the one that is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakeden._link.link import Link, LinkLostError

if TYPE_CHECKING:
    from snakeden._link.outbox import Outbox

__all__ = ["dial"]


def dial(address: str, outbox: Outbox) -> Link:
    """Connect to the host.

    Raises:
        LinkLostError: Nobody listens there, or the address is of no known kind.
    """
    kind, _, target = address.partition(":")
    if kind == "unix":
        from snakeden._link.socket_link import SocketLink

        return SocketLink(target, outbox)
    if kind == "grpc+unix":
        from snakeden._link.grpc_link import GrpcLink

        return GrpcLink(f"unix:{target}", outbox)
    raise LinkLostError(f"cannot dial {address}: expected unix:PATH or grpc+unix:PATH")
