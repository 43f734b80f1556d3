"""Send entries of Python's logging over the link, by a handler on the root logger."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Final

from snakeden._link import wire
from snakeden.call import CURRENT

if TYPE_CHECKING:
    from snakeden._link.outbox import Outbox

__all__ = ["LinkHandler", "install"]

MAX_MESSAGE: Final = 32_768
_LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class LinkHandler(logging.Handler):
    """Sends entries to the host, with the call they belong to.

    It takes no lock of its own around an entry: a call that is cancelled while it logs would leave
    that locked.
    """

    def __init__(self, outbox: Outbox) -> None:
        super().__init__()
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
        call = CURRENT.get(None)
        call_id = 0 if call is None else call.number
        message = wire.wire_text(text, MAX_MESSAGE)
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


def install(outbox: Outbox, level: str) -> None:
    """Send entries of `level` (a name of Python's logging; INFO when it is none) and above."""
    root = logging.getLogger()
    root.addHandler(LinkHandler(outbox))
    root.setLevel(_LEVELS.get(level.upper(), logging.INFO))
