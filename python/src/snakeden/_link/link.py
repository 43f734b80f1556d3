"""The interface of the carriers between a worker and its host.

dial.py chooses one by the address: `unix:` is a plain Unix socket (socket_link.py), `grpc+unix:` a
gRPC stream (grpc_link.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from snakeden._link.gen.link_pb2 import HostMessage

__all__ = ["Link", "LinkLostError", "LoopLink"]


class LinkLostError(Exception):
    """The host could not be reached, or the link broke. The text says why."""


class LoopLink(Protocol):
    """The link for an event loop on the main thread, which reads it while it waits for anything.

    While the loop is busy for long, another thread reads. So messages may come on any thread.
    """

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is something to read."""

    def read(self) -> bool:
        """Read what has arrived, and handle it. Does not wait. Returns False at the end."""

    def rest(self) -> None:
        """Note that the loop has nothing to run, and waits."""

    def resume(self) -> None:
        """Note that the loop does not wait any more."""

    def attend(self) -> None:
        """Do what `Link.attend` does, since code on the loop blocks it until a message comes."""


class Link(Protocol):
    """The link to the host. It delivers the messages of the host, and sends those of the outbox.

    The main thread calls `receive` for the welcome, then `start` once, then `wait` whenever it has
    nothing to do.
    """

    confirms: bool
    """True if the kernel has an answer once `Outbox.put_answer` returns, so that it arrives even if
    this process dies.
    """

    def receive(self) -> Sequence[HostMessage] | None:
        """Wait for messages and return them; None if the host has ended the stream.

        Raises:
            LinkLostError: If the link broke.
        """

    def start(
        self, on_message: Callable[[HostMessage], None], on_end: Callable[[str | None], None]
    ) -> None:
        """Pass each message to `on_message` from now on, in order, from any thread. At the end of
        the stream, call `on_end` once with the reason: None if the host ended it properly.
        """

    def wait(self) -> None:
        """Block until something may have changed. For a main thread with nothing to run."""

    def attend(self) -> None:
        """Have messages read as they come until the main thread calls `wait` again, since a tool
        waits for one. May be called from any thread.
        """

    def on_loop(self) -> LoopLink | None:
        """Return the link for an event loop, which reads it from now on instead of `wait`; None if
        a thread reads it anyway. Called after `start`.
        """

    def wake(self) -> None:
        """Make `wait` return from now on, since the worker must end. May be called from any thread
        and from signal handlers.
        """

    def finish(self, seconds: float) -> None:
        """Block until everything sent will arrive, or `seconds` have passed. To be called after
        `Outbox.close`.
        """

    def after_fork_in_child(self) -> None:
        """Release the link in a forked child."""
