"""The declarations `thread_safe = True`, without which no tool runs in several threads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

from snakeden.errors import AdapterError

__all__ = ["Owned", "refuse_undeclared", "undeclared"]

Owned = tuple[object, Callable[..., Any]]
"""A tool: the instance or the module that has it, and its function."""


def undeclared(tools: Iterable[Owned]) -> list[str]:
    """Return what lacks the declaration, in texts for people; each class and module once."""
    return list(dict.fromkeys(problem for it in tools if (problem := _problem(*it))))


def refuse_undeclared(problems: Sequence[str], names: Iterable[str]) -> None:
    """Raise if the adapters of these names lack declarations, as `undeclared` returns them.

    Raises:
        AdapterError: It names all that lacks the declaration.
    """
    if problems:
        raise AdapterError(
            f"adapter '{', '.join(names)}' cannot be served by the profile thread, which runs "
            f"several calls in one process at the same time: {'; '.join(problems)}. Write "
            "`thread_safe = True` in the class or the module if its tools may run side by side, or "
            "choose the profile process"
        )


def _problem(owner: object, function: Callable[..., Any]) -> str:
    if not isinstance(owner, ModuleType):
        kind = type(owner)
        given = getattr(owner, "thread_safe", False)
        return "" if given is True else f"class {kind.__name__} {_lack(given)}"
    given = getattr(owner, "thread_safe", False)
    if given is True:
        return ""
    # A module may take its tools from others of the same author.
    home = sys.modules.get(getattr(function, "__module__", None) or "")
    if home is not None and home is not owner:
        if getattr(home, "thread_safe", False) is True:
            return ""
        return f"module {owner.__name__} {_lack(given)}, and neither has {home.__name__}"
    return f"module {owner.__name__} {_lack(given)}"


def _lack(given: object) -> str:
    if given is False:
        return "has no `thread_safe = True`"
    return f"has `thread_safe = {given!r}`, which must be True"
