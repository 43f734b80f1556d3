"""The event loop of a thread, asked without loading asyncio.

Most workers run no coroutine, and asyncio takes 6 MB in each. So only what runs on an event loop
imports it, where it needs it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["running_loop"]


def running_loop() -> AbstractEventLoop | None:
    """Return the event loop that runs on this thread, if any."""
    # Another thread may be importing it just now.
    get = getattr(sys.modules.get("asyncio"), "get_running_loop", None)
    if get is None:
        return None
    try:
        loop: AbstractEventLoop = get()
    except RuntimeError:
        return None
    return loop
