"""Finds processes by a mark in their environment, for those that nobody watches any more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from snakeden._guard import tree
from snakeden._guard.process import Process
from snakeden._guard.ps import ps_table

__all__ = ["found_by", "marked"]


def marked(mark: bytes) -> list[Process]:
    """Return the processes whose environment has this `NAME=value`, with all that is below them.

    This process is spared.
    """
    return found_by(mark, also=lambda _: False)


def found_by(mark: bytes, also: Callable[[Process], bool]) -> list[Process]:
    """Return the processes that have the mark or satisfy `also`, with all that is below them."""
    # An empty mark would be in every environment.
    has_mark = b"=" in mark
    if tree.HAS_PROC:
        processes = tree.everything()
        found = [it for it in processes if also(it) or (has_mark and _has(it.pid, mark))]
    else:
        # A process that has the mark among its arguments is found, too.
        table, text = ps_table(), mark.decode()
        processes = [it for it, _ in table.values()]
        found = [
            it for it, said in table.values() if also(it) or (has_mark and text in said.split(" "))
        ]
    return _with_descendants(found, processes)


def _with_descendants(roots: Iterable[Process], processes: Iterable[Process]) -> list[Process]:
    children: dict[int, list[Process]] = {}
    for it in processes:
        children.setdefault(it.parent, []).append(it)
    known = {os.getpid()}
    found: list[Process] = []
    waiting = list(roots)
    while waiting:
        process = waiting.pop()
        if process.pid not in known:
            known.add(process.pid)
            found.append(process)
            waiting += children.get(process.pid, [])
    return found


def _has(pid: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:
        # It has ended, or belongs to another user.
        return False
