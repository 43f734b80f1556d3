"""Profiles: how many calls a worker runs at once, where they run, and how one is interrupted.

profile.py is the contract. PROFILES lists the implementations, each in a file of its own, such as
process.py. lane.py and event_loop.py are the parts of a profile for each thread that runs calls;
interrupt.py and thread_interrupt.py interrupt the main thread, and others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from snakeden._worker.profiles.process import ProcessProfile
from snakeden._worker.profiles.thread import ThreadProfile

if TYPE_CHECKING:
    from snakeden._worker.profiles.profile import Profile, ProfileParts

__all__ = ["DEFAULT_PROFILE", "PROFILES"]

DEFAULT_PROFILE: Final = "process"
"""The profile for a host that names none."""


def _async_profile(parts: ProfileParts) -> Profile:
    # Loads asyncio, which the other profiles may not need.
    from snakeden._worker.profiles.asynchronous import AsyncProfile

    return AsyncProfile(parts)


PROFILES: Final[dict[str, Callable[[ProfileParts], Profile]]] = {
    "process": ProcessProfile,
    "thread": ThreadProfile,
    "async": _async_profile,
}
"""Functions that create a profile, by its name."""
