"""Send entries of Python's logging over the link, by a handler on the root logger."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from snakeden._link import wire

if TYPE_CHECKING:
    from snakeden._link.outbox import Outbox
    from snakeden._worker.system.output import Output

__all__ = ["LinkHandler", "install"]

MAX_MESSAGE: Final = 32_768
_WAIT_SECONDS: Final = 1.0
"""The longest time for which an entry of a call whose output the host keeps waits for room."""
_LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class LinkHandler(logging.Handler):
    """Sends entries to the host, with the call they belong to.

    It takes no lock of its own around an entry: a call that is cancelled while it logs would leave
    that locked.
    """

    def __init__(self, outbox: Outbox, output: Output) -> None:
        super().__init__()
        self._output = output
        self._outbox = outbox
        self._pid = os.getpid()

    def handle(self, record: logging.LogRecord) -> bool:
        """Filter and send; in a forked child, where the link does not reach, write to stderr."""
        if not self.filter(record):
            return False
        try:
            text = self.format(record)
        except Exception as error:
            text = f"{record.msg!s} (cannot be formatted: {type(error).__name__}: {error})"
        if os.getpid() == self._pid:
            self._send(record, text)
        elif sys.stderr is not None:
            sys.stderr.write(f"{record.levelname} {record.name}: {text}\n")
        return True

    def _send(self, record: logging.LogRecord, text: str) -> None:
        call_id = self._output.owner()
        if call_id and self._output.is_kept:
            self._wait_for_room()
        message = wire.wire_text(_without_middle(text))
        name = wire.wire_text(record.name, 200)
        level = max(0, min(int(record.levelno), 1_000))
        self._outbox.put_log(
            lambda dropped: wire.log(
                name,
                message,
                level=level,
                time=record.created,
                call_id=call_id,
                dropped=dropped,
            )
        )

    def _wait_for_room(self) -> None:
        """Slow the call down, as a full pipe does, rather than drop entries."""
        until = time.monotonic() + _WAIT_SECONDS
        while not self._outbox.has_log_room and time.monotonic() < until:
            time.sleep(0.001)


def _without_middle(text: str) -> str:
    """Shorten a text as the host does, which counts what is left out here (without_middle.ts)."""
    left_out = len(text) - MAX_MESSAGE
    if left_out <= 0:
        return text
    tail = MAX_MESSAGE // 4
    return f"{text[: MAX_MESSAGE - tail]} … {left_out} characters left out … {text[-tail:]}"


def install(outbox: Outbox, level: str, *, output: Output) -> None:
    """Send entries of `level` (a name of Python's logging; INFO when it is none) and above, each
    with the call that `output` finds.
    """
    root = logging.getLogger()
    root.addHandler(LinkHandler(outbox, output))
    root.setLevel(_LEVELS.get(level.upper(), logging.INFO))
