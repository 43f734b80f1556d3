"""Values of which each thread has its own."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from snakeden import Adapter, per_thread

T = TypeVar("T")


class Value:
    def __init__(self, path: str) -> None:
        self.path = path


class Rows(Adapter):
    def __init__(self, path: str = "a.db") -> None:
        self.path = path

    @per_thread
    def database(self) -> Value:
        """A connection."""
        return Value(self.path)


def in_thread(run: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def test_each_thread_and_each_object_has_a_value_of_its_own() -> None:
    one, other = Rows(), Rows("b.db")
    here = one.database
    assert one.database is here
    assert other.database is not here
    assert (here.path, other.database.path) == ("a.db", "b.db")
    assert in_thread(lambda: one.database) is not here
    assert in_thread(lambda: one.database is one.database)
    assert Rows.database.__doc__ == "A connection."


def test_threads_that_begin_together_share_one_place() -> None:
    rows = Rows()
    barrier = threading.Barrier(8)

    def read() -> bool:
        barrier.wait(10)
        return rows.database is rows.database

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: read(), range(8)))


def test_a_function_is_called() -> None:
    connection = per_thread(lambda: Value("c.db"))
    assert connection() is connection()
    assert in_thread(connection) is not connection()


def test_a_value_ends_with_its_thread_and_with_its_object() -> None:
    objects = [Rows()]
    of_thread = in_thread(lambda: weakref.ref(objects[0].database))
    of_object = weakref.ref(objects[0].database)
    gc.collect()
    assert of_thread() is None
    assert of_object() is not None
    objects.clear()
    gc.collect()
    assert of_object() is None


def test_making_is_tried_again() -> None:
    tries: list[int] = []

    @per_thread
    def flaky() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("busy")
        return len(tries)

    with pytest.raises(OSError, match="busy"):
        flaky()
    assert (flaky(), flaky()) == (2, 2)


def test_wrong_uses_are_refused() -> None:
    wrong: Any = 3
    with pytest.raises(TypeError, match="takes a function that makes the value, not 3"):
        per_thread(wrong)

    class Slots:
        __slots__ = ()

        @per_thread
        def value(self) -> int:
            return 1

    with pytest.raises(TypeError, match="cannot keep 'value' in a Slots, which has no __dict__"):
        _ = Slots().value
