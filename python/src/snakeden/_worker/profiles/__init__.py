"""How the calls of a worker run: how many at once, where, and how one of them is interrupted.

profile.py is the contract, PROFILES lists the implementations, each a file of its own: process.py.
event_loop.py and interrupt.py are parts of profiles that run calls on the main thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from snakeden._worker.profiles.process import ProcessProfile

if TYPE_CHECKING:
    from snakeden._worker.profiles.profile import Profile, ProfileParts

__all__ = ["PROFILES"]

PROFILES: Final[dict[str, Callable[[ProfileParts], Profile]]] = {"process": ProcessProfile}
"""By name; each is a function that makes one."""
