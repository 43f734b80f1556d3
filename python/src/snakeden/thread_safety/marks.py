"""The mark of functions, methods and classes whose calls must not overlap."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Hashable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar, cast, overload

from snakeden.thread_safety import watch
from snakeden.thread_safety.watch import Inside, Watch

__all__ = ["not_thread_safe"]

F = TypeVar("F", bound="Callable[..., Any] | type")

Place = tuple[Hashable, str]
"""The thing that a call uses: a key, and its name in texts."""


class _Region(AbstractContextManager[None]):
    """The time that a call is in something that is marked."""

    __slots__ = ("_inside", "_watch")

    def __init__(self, active: Watch, place: Place, *, what: str) -> None:
        self._watch = active
        self._inside = Inside(place[0], what, shared=place[1])

    def __enter__(self) -> None:
        try:
            self._watch.enter(self._inside)
        except BaseException:
            self._watch.leave(self._inside)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.leave(self._inside)


class _Named:
    """`not_thread_safe("name")`: a decorator, and a block of a `with` statement."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._own = threading.local()
        """The blocks that each thread is in: the same object may be used by several."""

    def __call__(self, target: F) -> F:
        return _marked(target, self._name)

    @property
    def _regions(self) -> list[_Region | None]:
        try:
            regions: list[_Region | None] = self._own.regions
        except AttributeError:
            regions = self._own.regions = []
        return regions

    def __enter__(self) -> None:
        active = watch.current
        region = None
        if active is not None:
            region = _Region(active, _named(self._name), what=f"a block of '{self._name}'")
        if region is not None:
            region.__enter__()
        self._regions.append(region)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        region = self._regions.pop()
        if region is not None:
            region.__exit__(kind, error, trace)


@overload
def not_thread_safe(target: F, /) -> F: ...


@overload
def not_thread_safe(name: str, /) -> _Named: ...


def not_thread_safe(target: F | str, /) -> F | _Named:
    """Mark a function, a method or a class whose calls must not overlap in two threads.

    The mark documents it, and changes nothing, until the checks are on: `threadChecks` of the pool,
    or `snakeden.testing.overlaps` in a test. An overlap is then reported with both calls and their
    stacks. A lock prevents overlaps if it is taken before: `with self.locked(): self.draw()`.

    Marked methods of one object must not overlap with one another, nor marked functions of one
    module. On a class, all its public methods and `__call__` are marked. With a name, everything in
    the process that has this name counts as one, as for a library with one state:

        @not_thread_safe("pyplot")
        def draw(self) -> bytes: ...

        with not_thread_safe("pyplot"):
            pyplot.plot(values)

    One thread may nest calls. A generator is in use from its first item until it ends or is closed.

    Raises:
        TypeError: If used on anything but a function, a class or a name.
    """
    if isinstance(target, str):
        if not target:
            raise ValueError("not_thread_safe(name) takes a name, which must not be empty")
        return _Named(target)
    return _marked(target, "")


def _marked(target: F, name: str) -> F:
    if inspect.isclass(target):
        for attribute, value in list(vars(target).items()):
            is_public = not attribute.startswith("_") or attribute == "__call__"
            if is_public and inspect.isfunction(value):
                setattr(target, attribute, _marked(value, name))
        return target
    if isinstance(target, (staticmethod, classmethod)):
        return cast("F", type(target)(_marked(target.__func__, name)))
    if not inspect.isfunction(target):
        raise TypeError(
            "@not_thread_safe marks functions, methods and classes, or takes a name; it was used "
            f"on an object of {type(target).__name__}"
        )
    return cast("F", _wrapped(target, name))


def _wrapped(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    what = function.__qualname__.rpartition("<locals>.")[2]
    is_method = _is_method(function)

    def region(active: Watch, args: tuple[Any, ...]) -> _Region:
        if name:
            place = _named(name)
        elif is_method and args:
            place = (id(args[0]), f"one {type(args[0]).__name__} object")
        else:
            place = (function.__module__, f"the module {function.__module__}")
        return _Region(active, place, what=what)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def coroutine(*args: Any, **named: Any) -> Any:
            active = watch.current
            if active is None:
                return await function(*args, **named)
            with region(active, args):
                return await function(*args, **named)

        return coroutine

    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def async_generator(*args: Any, **named: Any) -> AsyncGenerator[Any, None]:
            active = watch.current
            items = function(*args, **named)
            try:
                if active is None:
                    async for item in items:
                        yield item
                else:
                    with region(active, args):
                        async for item in items:
                            yield item
            finally:
                await items.aclose()

        return async_generator

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **named: Any) -> Generator[Any, Any, Any]:
            active = watch.current
            if active is None:
                return (yield from function(*args, **named))
            with region(active, args):
                return (yield from function(*args, **named))

        return generator

    @functools.wraps(function)
    def plain(*args: Any, **named: Any) -> Any:
        active = watch.current
        if active is None:
            return function(*args, **named)
        with region(active, args):
            return function(*args, **named)

    return plain


def _named(name: str) -> Place:
    return ("name", name), f"'{name}'"


def _is_method(function: Callable[..., Any]) -> bool:
    """Return whether a function stands in the body of a class, and takes an instance first."""
    before, _, _ = function.__qualname__.rpartition(".")
    if not before or before.endswith("<locals>"):
        return False
    first = next(iter(inspect.signature(function).parameters), "")
    return first in ("self", "cls")
