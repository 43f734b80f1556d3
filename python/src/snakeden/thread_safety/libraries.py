"""The table of libraries and how they bear threads. `deno task doctor --compat` shows it, and it is
listed in docs/workers.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

__all__ = ["Library", "libraries", "unsafe_among"]


class Library(NamedTuple):
    """The facts about one library."""

    name: str
    modules: tuple[str, ...]
    """The modules that it is imported by."""
    threads: str
    """`safe`, `conditional` or `unsafe`: whether calls may overlap in several threads."""
    note: str
    workaround: str


def libraries() -> Iterator[Library]:
    """Read the table."""
    path = os.path.join(os.path.dirname(__file__), "libraries.json")
    with open(path, encoding="utf-8") as file:
        table: dict[str, list[dict[str, Any]]] = json.load(file)
    for it in table["libraries"]:
        yield Library(it["name"], tuple(it["modules"]), it["threads"], it["note"], it["workaround"])


def unsafe_among(modules: Iterable[str]) -> list[Library]:
    """Return the unsafe libraries that are among some modules."""
    loaded = set(modules)
    return [
        it for it in libraries() if it.threads == "unsafe" and not loaded.isdisjoint(it.modules)
    ]
