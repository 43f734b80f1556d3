"""Finds processes by a mark in their environment, for those that nobody watches any more."""

from __future__ import annotations

import os

from snakeden._guard import tree
from snakeden._guard.tree import Process

__all__ = ["marked"]


def marked(mark: bytes) -> list[Process]:
    """Return the processes whose environment has this `NAME=value`, with all that is below them.

    This process is spared.
    """
    found: dict[int, Process] = {}
    own = os.getpid()
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == own or not _has(name, mark):
            continue
        process = tree.find(int(name))
        if process is None:
            continue
        for it in (process, *tree.below(process.pid, spared=(own,))):
            found[it.pid] = it
    return list(found.values())


def _has(pid: str, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:
        # It has ended, or belongs to another user.
        return False
