"""The messages of the processes of this folder to the host, as lines of JSON. The twin of
src/pool/workers/launchers/template/messages.ts.
"""

from __future__ import annotations

import json
import socket
from typing import Any, Final

__all__ = ["HostChannel"]

_MAX_REASON: Final = 4_000


class HostChannel:
    """The connection to the host, to which the reaper, the template and each new worker write. The
    kernel adds what one call sends as a whole.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def say(self, kind: str, **fields: Any) -> None:
        """Send a message. A host that is gone is noticed elsewhere."""
        reason = fields.get("reason")
        if reason is not None:
            fields["reason"] = str(reason)[:_MAX_REASON]
        try:
            self._connection.sendall(json.dumps({kind: fields}).encode() + b"\n")
        except OSError:
            return

    def close(self) -> None:
        """Close it in this process."""
        self._connection.close()
