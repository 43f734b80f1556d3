"""`Adapter.locked`: blocks that one thread runs at a time."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from snakeden import Adapter, CallCancelled
from snakeden.thread_safety.locks import Held, lock_of


def is_free(adapter: Adapter, name: str = "") -> bool:
    """Return whether another thread could take a lock at once."""

    def take() -> bool:
        lock = lock_of(adapter, name)
        taken: bool = lock.acquire(blocking=False)
        if taken:
            lock.release()
        return taken

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(take).result()


def raise_in(thread: threading.Thread, kind: type[BaseException]) -> None:
    """Raise an exception in a thread from outside, as a cancellation does."""
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(kind))


def test_a_block_is_entered_by_one_thread_at_a_time() -> None:
    adapter = Adapter()
    total = 0

    def count() -> None:
        nonlocal total
        for _ in range(200):
            with adapter.locked():
                before = total
                threading.Event().wait(0)  # Lets the others run.
                total = before + 1

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(count) for _ in range(4)]:
            each.result()
    assert total == 800


def test_names_are_locks_of_their_own_and_belong_to_the_instance() -> None:
    one, other = Adapter(), Adapter()
    with one.locked("a"):
        assert not is_free(one, "a")
        assert is_free(one, "b")
        assert is_free(one)
        assert is_free(other, "a")
    assert is_free(one, "a")


def test_a_thread_enters_again_and_leaves_at_the_end_of_the_outermost_block() -> None:
    adapter = Adapter()
    with adapter.locked():
        with adapter.locked():
            assert not is_free(adapter)
        assert not is_free(adapter)
    assert is_free(adapter)


def test_an_exception_frees_the_lock() -> None:
    adapter = Adapter()
    with pytest.raises(ValueError), adapter.locked():
        raise ValueError
    assert is_free(adapter)


def test_a_thread_that_waits_for_the_lock_can_be_cancelled() -> None:
    adapter = Adapter()
    waiting = threading.Event()
    ended: list[str] = []

    def wait() -> None:
        waiting.set()
        try:
            with adapter.locked():
                ended.append("entered")
        except CallCancelled:
            ended.append("cancelled")

    with adapter.locked():
        thread = threading.Thread(target=wait)
        thread.start()
        assert waiting.wait(10)
        raise_in(thread, CallCancelled)
        thread.join(10)
    assert ended == ["cancelled"]
    assert is_free(adapter)


class Interrupted:
    """A lock during whose taking an exception from outside comes up."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def _is_owned(self) -> bool:
        return self.lock._is_owned()  # type: ignore[attr-defined, no-any-return]

    def acquire(self, timeout: float) -> bool:
        self.lock.acquire()
        raise CallCancelled("cancelled")

    def release(self) -> None:
        self.lock.release()


@pytest.mark.parametrize("forget", [True, False])
def test_a_lock_that_was_taken_when_the_exception_came_up_is_given_back(forget: bool) -> None:
    lock = Interrupted()
    held = Held(lock)
    enter: Callable[[], None] = held.__enter__
    with pytest.raises(CallCancelled):
        enter()
    assert not lock._is_owned()
    if forget:
        # After `__enter__`, and before the block has begun.
        lock.acquire = lambda timeout: lock.lock.acquire()  # type: ignore[method-assign]
        held = Held(lock)
        held.__enter__()
        assert lock._is_owned()
        del held, enter
        assert not lock._is_owned()
