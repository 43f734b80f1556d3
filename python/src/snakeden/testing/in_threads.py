"""Run calls in several threads, so that they interleave as often as possible."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from snakeden.errors import OverlapError
from snakeden.testing.overlaps import overlaps

__all__ = ["in_threads"]

T = TypeVar("T")

_SWITCH_SECONDS: Final = 1e-6


def in_threads(calls: Sequence[Callable[[], T]], *, threads: int) -> list[T]:
    """Run all calls in threads that begin together, with the checks of `@not_thread_safe` on.
    Return their results in the order of the calls.

    Raises:
        OverlapError: Two calls overlap that are marked.
        BaseException: The first exception of a call; the calls that have not begun do not run.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for index in range(len(calls)):
        waiting.put(index)
    results: dict[int, T] = {}
    raised: list[BaseException] = []
    together = threading.Barrier(threads)

    def work() -> None:
        together.wait()
        while not raised:
            try:
                index = waiting.get_nowait()
            except Empty:
                return
            try:
                results[index] = calls[index]()
            except BaseException as error:
                raised.append(error)

    with _switching_often(), overlaps() as found:
        workers = [
            threading.Thread(target=copy_context().run, args=[work], name=f"test-thread-{n}")
            for n in range(1, threads + 1)
        ]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
    if found:
        more = "" if len(found) == 1 else f"\n(and {len(found) - 1} more)"
        raise OverlapError(f"{found[0]}{more}")
    if raised:
        raise raised[0]
    return [results[index] for index in range(len(calls))]


@contextmanager
def _switching_often() -> Iterator[Any]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
