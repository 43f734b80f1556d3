"""Values of which each thread has its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["per_thread"]

T = TypeVar("T")


class per_thread(Generic[T]):  # noqa: N801 - used as a decorator, as `property` is
    """A value that is made once in each thread, when the thread first reads it.

    On a method it is read like a property:

        class Rows(Adapter):
            @per_thread
            def database(self) -> sqlite3.Connection:
                return sqlite3.connect(self.path)

            @tool
            def count(self) -> int:
                return self.database.execute("select count(*) from rows").fetchone()[0]

    A function without parameters is called: `connection = per_thread(connect)`, then
    `connection()`. A value lives as long as its thread and its object. If making it raises, the
    next read tries again.
    """

    def __init__(self, make: Callable[..., T]) -> None:
        if not callable(make):
            raise TypeError(f"@per_thread takes a function that makes the value, not {make!r}")
        self._make = make
        self._name = getattr(make, "__name__", "value")
        self._own = threading.local()
        """The value of a function, which has no object to keep it."""
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> per_thread[T]: ...

    @overload
    def __get__(self, instance: object, owner: type | None = None) -> T: ...

    def __get__(self, instance: object | None, owner: type | None = None) -> per_thread[T] | T:
        if instance is None:
            return self
        try:
            attributes = vars(instance)
        except TypeError:
            raise TypeError(
                f"@per_thread cannot keep {self._name!r} in a {type(instance).__name__}, which has "
                "no __dict__"
            ) from None
        # Adding what is missing is one step, also without an interpreter lock.
        place = attributes.setdefault(f"_per_thread_{self._name}", threading.local())
        return self._value(place, instance)

    def __call__(self) -> T:
        """Return the value of this thread, for a function without parameters."""
        return self._value(self._own)

    def _value(self, place: Any, *instance: object) -> T:
        try:
            value: T = place.value
        except AttributeError:
            value = place.value = self._make(*instance)
        return value
