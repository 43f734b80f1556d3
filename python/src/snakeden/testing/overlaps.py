"""Find calls that overlap in a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from snakeden.thread_safety import watch
from snakeden.thread_safety.watch import Overlap, Watch

__all__ = ["overlaps"]


@contextmanager
def overlaps() -> Iterator[list[Overlap]]:
    """Turn on the checks of `@not_thread_safe` until the end of the `with` block, and yield a list
    that takes each overlap as it begins.

    with overlaps() as found:
        use_it_in_several_threads()
    assert found == []
    """
    found: list[Overlap] = []
    before = watch.current
    watch.current = Watch(found.append)
    try:
        yield found
    finally:
        watch.current = before
