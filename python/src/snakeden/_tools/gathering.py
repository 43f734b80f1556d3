"""Find what belongs to an adapter: functions and classes of a module, and methods of an instance.

A module has the tools that it defines, and those that it imports by name from code of the same
author: from its own package, or from a module in the pool's `modulePaths`. Where the module has an
`__all__`, only that decides about what it imports. The same holds for classes that derive from
`Adapter`.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Final, NamedTuple

from snakeden.adapter import Adapter
from snakeden.thread_safety.per_thread import per_thread
from snakeden.tool import mark_of

__all__ = [
    "PROPERTIES",
    "Found",
    "Gathering",
    "has_marks",
    "is_marked",
    "members",
    "method_found",
    "methods",
    "place_of",
    "property_found",
]

_INSTANCE_NAMES: Final = ("", "self", "cls", "klass", "kls", "this", "me", "mcs")
_OR_STATIC: Final = ", or put @staticmethod above it"


PROPERTIES: Final = (property, functools.cached_property, per_thread)
"""The kinds of members whose code runs when they are read."""


class Found(NamedTuple):
    """A function or a method that is to be a tool, or the reason why it cannot be one."""

    name: str
    """The name that the module or the class has for it."""
    function: Callable[..., Any] | None
    problem: str = ""


class Gathering:
    """Finds what belongs to modules."""

    def __init__(self, module_paths: Sequence[str]) -> None:
        self._roots = frozenset(map(os.path.realpath, module_paths))

    def functions(self, module: ModuleType) -> Iterator[Found]:
        """Yield the tools of a module that are functions."""
        for name, value in vars(module).items():
            if is_marked(value) and self.belongs(module, name, value=value):
                yield Found(name, value)

    def classes(self, module: ModuleType) -> list[type]:
        """Return the classes that derive from `Adapter`, without those that others derive from."""
        found = [
            value
            for name, value in vars(module).items()
            if inspect.isclass(value)
            and issubclass(value, Adapter)
            and value is not Adapter
            and not inspect.isabstract(value)
            and self.belongs(module, name, value=value)
            and (value.__module__ == module.__name__ or has_marks(value))
        ]
        bases = {base for kind in found for base in kind.__mro__[1:]}
        return list(dict.fromkeys(kind for kind in found if kind not in bases))

    def belongs(self, module: ModuleType, name: str, *, value: object) -> bool:
        """Return whether a function or class that a module has by a name belongs to the module."""
        origin = getattr(value, "__module__", None)
        if origin == module.__name__:
            return True
        listed = getattr(module, "__all__", None)
        if listed is not None:
            return name in listed
        return not name.startswith("_") and self.is_own(module, origin)

    def is_own(self, module: ModuleType, origin: object) -> bool:
        """Return whether the module named `origin` is code of the author of `module`."""
        if not isinstance(origin, str):
            return False
        top = origin.partition(".")[0]
        if top == module.__name__.partition(".")[0]:
            return True
        spec = getattr(sys.modules.get(top), "__spec__", None)
        if spec is None:
            return False
        places = spec.submodule_search_locations or [spec.origin or ""]
        return any(os.path.realpath(os.path.dirname(it)) in self._roots for it in places)


def methods(instance: object) -> Iterator[Found]:
    """Yield the tools of an instance, in the order in which they were written, bases first; an
    override takes the place of what it overrides.
    """
    for name, static in members(type(instance)):
        if isinstance(static, PROPERTIES):
            if mark_of(getter_of(static)):
                yield property_found(name)
            continue
        value = getattr(instance, name, None)
        if is_marked(value):
            yield method_found(name, value)


def members(kind: type) -> Iterator[tuple[str, object]]:
    """Yield the names of a class, bases first, with what stands for them: without running a
    property.
    """
    seen: set[str] = set()
    for base in reversed(kind.__mro__):
        for name in vars(base):
            if name not in seen:
                seen.add(name)
                yield name, inspect.getattr_static(kind, name, None)


def getter_of(static: object) -> object:
    """Return the function of a member of one of the kinds in `PROPERTIES`."""
    names = ("fget", "func", "make")
    return next((it for name in names if (it := getattr(static, name, None)) is not None), None)


def property_found(name: str) -> Found:
    """Refuse a property as a tool."""
    return Found(name, None, f"tool '{name}' is a property; a tool must be a method")


def method_found(name: str, method: Any) -> Found:
    """Accept a bound method as a tool, unless it lacks a parameter for its instance."""
    problem = _lacks_self(name, method)
    return Found(name, None if problem else method, problem)


def is_marked(value: object) -> bool:
    """Return whether a value is a function or a method with the mark of `@tool`."""
    return inspect.isroutine(value) and mark_of(value) is not None


def has_marks(kind: type) -> bool:
    """Return whether a class has a method with the mark of `@tool`."""
    statics = (static for _, static in members(kind))
    return any(is_marked(getattr(it, "__func__", it)) for it in statics)


def place_of(function: object) -> str:
    """Return where a function was written, such as `Texts.classify (/path/texts.py:12)`."""
    name = getattr(function, "__qualname__", repr(function))
    inner: Any = inspect.unwrap(getattr(function, "__func__", function))  # type: ignore[arg-type]
    code = getattr(inner, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def _lacks_self(name: str, method: Any) -> str:
    """Return the problem of a method without a parameter for its instance; empty for others."""
    if not inspect.ismethod(method):
        return ""  # A static method.
    function = method.__func__
    expected = "cls" if inspect.isclass(method.__self__) else "self"
    try:
        first = next(iter(inspect.signature(function).parameters.values()), None)
    except (TypeError, ValueError):
        return ""
    called = f"tool '{name}' ({getattr(function, '__qualname__', name)})"
    if first is None or first.kind in (first.KEYWORD_ONLY, first.VAR_KEYWORD):
        return f"{called} has no `{expected}`: write `def {name}({expected}, ...)`{_OR_STATIC}"
    if first.kind is first.VAR_POSITIONAL or first.name.strip("_") in _INSTANCE_NAMES:
        return ""
    return (
        f"{called} has no `{expected}`, so '{first.name}' would be the adapter itself: write "
        f"`def {name}({expected}, {first.name}, ...)`{_OR_STATIC}"
    )
