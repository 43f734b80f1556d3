"""The functions that a pool names in `expose`: they are its tools, with or without `@tool`.

A name may be that of any function in the module, even an imported one. A pattern with `*` or `?`
matches only functions that the author's module or class defines, and never private names.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from types import ModuleType
from typing import NamedTuple

from snakeden._tools.gathering import Found, Gathering, is_marked, members, method_found
from snakeden._tools.missing_module import near_names
from snakeden.adapter import Adapter

__all__ = ["Exposure"]

_LIFE = ("setup", "teardown")
_HELPERS = ("locked",)
"""Methods for the adapter itself; a method of this name that it writes is its own."""
_NOT_OFFERED = frozenset(dir(Adapter)).difference(_LIFE, _HELPERS)


class _Candidate(NamedTuple):
    found: Found
    by_pattern: bool
    """True when a pattern may take it."""


class Exposure:
    """The names and patterns of a pool, and what they have taken so far."""

    def __init__(self, patterns: Sequence[str], gathering: Gathering) -> None:
        self._patterns = patterns
        self._gathering = gathering
        self._taken: set[str] = set()
        self._refused: dict[str, str] = {}
        self._known: dict[str, None] = {}

    def functions(self, module: ModuleType) -> list[Found]:
        """Return the functions of a module that the pool names."""
        return self._take(self._in_module(module))

    def methods(self, instance: object, module: ModuleType) -> list[Found]:
        """Return the methods of an instance that the pool names."""
        return self._take(self._in_class(type(instance), module, instance=instance))

    def names_any(self, kind: type, module: ModuleType) -> bool:
        """Return whether the pool names a member of the class, so that an instance is needed."""
        candidates = list(self._in_class(kind, module))
        return any(self._matches(it, pattern) for it in candidates for pattern in self._patterns)

    def problems(self) -> Iterator[str]:
        """Explain each name and pattern that has taken nothing."""
        for pattern in self._patterns:
            if pattern in self._taken:
                continue
            if pattern in self._refused:
                yield f"`expose` names '{pattern}': {self._refused[pattern]}"
            elif _is_pattern(pattern):
                yield f"`expose` has '{pattern}', which matches no function{self._there()}"
            elif pattern.startswith("_"):
                yield f"`expose` names '{pattern}', which is private: its name begins with '_'"
            else:
                near = near_names(pattern, self._known)
                yield f"`expose` names '{pattern}', but there is no such function{near}"

    def _there(self) -> str:
        return f" (there is {', '.join(sorted(self._known)[:10])})" if self._known else ""

    def _take(self, candidates: Iterable[_Candidate]) -> list[Found]:
        taken: dict[str, Found] = {}
        for candidate in candidates:
            found = candidate.found
            if found.function is not None and candidate.by_pattern:
                self._known[found.name] = None
            for pattern in self._patterns:
                if not self._matches(candidate, pattern):
                    continue
                if found.function is None:
                    self._refused.setdefault(pattern, found.problem)
                else:
                    self._taken.add(pattern)
                    taken[found.name] = found
        return list(taken.values())

    @staticmethod
    def _matches(candidate: _Candidate, pattern: str) -> bool:
        name = candidate.found.name
        if not _is_pattern(pattern):
            return name == pattern
        return candidate.by_pattern and fnmatchcase(name, pattern)

    def _in_module(self, module: ModuleType) -> Iterator[_Candidate]:
        for name, value in vars(module).items():
            if name.startswith("_"):
                continue
            problem = _unfit(value, f"{module.__name__}:{name}")
            is_own = getattr(value, "__module__", None) == module.__name__ or (
                is_marked(value) and self._gathering.belongs(module, name, value=value)
            )
            found = Found(name, None if problem else value, problem)
            yield _Candidate(found, is_own and not problem)

    def _in_class(
        self, kind: type, module: ModuleType, *, instance: object | None = None
    ) -> Iterator[_Candidate]:
        """Yield the members of a class, its methods bound to the instance."""
        homes = {name: base.__module__ for base in reversed(kind.__mro__) for name in vars(base)}
        for name, static in members(kind):
            if name.startswith("_") or name in _NOT_OFFERED:
                continue
            if name in _HELPERS and homes[name] == Adapter.__module__:
                continue
            is_own = self._gathering.is_own(module, homes[name])
            if name in _LIFE:
                found = Found(name, None, f"the worker itself calls {name}(); it cannot be a tool")
            elif isinstance(static, (property, functools.cached_property)):
                found = Found(name, None, "it is a property; a tool must be a method")
            elif instance is None:
                found = Found(name, static if inspect.isroutine(static) else None)
            else:
                found = _method(name, getattr(instance, name, None))
            yield _Candidate(found, is_own and found.function is not None)


def _method(name: str, value: object) -> Found:
    problem = _unfit(value, "")
    return Found(name, None, problem) if problem else method_found(name, value)


def _unfit(value: object, class_name: str) -> str:
    """Return the reason why a value cannot be a tool; empty if it can."""
    if inspect.isclass(value):
        return f'it is a class; name it in `adapter` as "{class_name}", and its methods in `expose`'
    if inspect.ismodule(value):
        return f'it is a module; name it in `adapter`: "{value.__name__}"'
    if inspect.isbuiltin(value):
        return "it is built into Python, without hints for its arguments; call it in a function"
    if inspect.isroutine(value):
        return ""
    kind = type(value).__name__
    if callable(value):
        return f"it is an object of type {kind}, not a function; call it in a function"
    return f"it is a value of type {kind}, not a function"


def _is_pattern(text: str) -> bool:
    return "*" in text or "?" in text
