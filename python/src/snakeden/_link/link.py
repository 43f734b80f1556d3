"""The carrier between worker and host, behind a small interface.

dial.py picks one by the address: `unix:` is a plain Unix socket (socket_link.py), `grpc+unix:` a
gRPC stream (grpc_link.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from snakeden._link.gen.link_pb2 import HostMessage

__all__ = ["Link", "LinkLostError"]


class LinkLostError(Exception):
    """The host could not be reached, or the link broke; the text says how."""


class Link(Protocol):
    """Messages from the host; what goes to it is taken from the outbox.

    First `receive` on the main thread, then `start`, then `wait` on the main thread whenever that
    has nothing to do.
    """

    confirms: bool
    """Whether an answer is in the kernel when `Outbox.put_answer` returns, and so outlives this
    process.
    """

    def receive(self) -> Sequence[HostMessage] | None:
        """The next messages; None when the host has ended the stream.

        Raises:
            LinkLostError: The link broke.
        """

    def start(
        self, on_message: Callable[[HostMessage], None], on_end: Callable[[str | None], None]
    ) -> None:
        """Hand over messages from now on, in order, from whichever thread; then, once, why the
        stream ended, None when the host ended it in order.
        """

    def wait(self) -> None:
        """Return when something may have changed; for a main thread that has nothing to run."""

    def wake(self) -> None:
        """Make `wait` return from now on, since the worker is to leave; from any thread and from
        signal handlers.
        """

    def finish(self, seconds: float) -> None:
        """After `Outbox.close`: return when everything will arrive, or after so many seconds."""

    def after_fork_in_child(self) -> None:
        """Let go of the link in a copy of the process."""
