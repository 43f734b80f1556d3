from __future__ import annotations

import threading
import time
from math import inf
from queue import SimpleQueue

from snakeden._worker.calls.deadlines import DeadlineWatch


def test_deadline_watch_wakes_for_each_deadline_in_turn() -> None:
    now = time.monotonic()
    deadlines = [now + 0.02, now + 0.05, now + 0.08]
    fired: SimpleQueue[float] = SimpleQueue()

    def on_due(at: float) -> float:
        while deadlines and deadlines[0] <= at:
            fired.put(deadlines.pop(0))
        return deadlines[0] if deadlines else inf

    watch = DeadlineWatch(on_due)
    expected = list(deadlines)
    for deadline in expected:
        watch.watch(deadline)
    assert [fired.get(timeout=10) for _ in expected] == expected


def test_deadline_watch_wakes_earlier_for_an_earlier_deadline() -> None:
    woke = threading.Event()

    def on_due(_at: float) -> float:
        woke.set()
        return inf

    watch = DeadlineWatch(on_due)
    watch.watch(time.monotonic() + 1000)
    watch.watch(time.monotonic() + 0.01)
    assert woke.wait(10)


def test_deadline_watch_does_not_miss_a_deadline_that_comes_while_it_looks() -> None:
    looks: SimpleQueue[int] = SimpleQueue()
    count = 0

    def on_due(_at: float) -> float:
        nonlocal count
        count += 1
        looks.put(count)
        if count == 1:
            watch.watch(time.monotonic() + 0.01)
        return inf

    watch = DeadlineWatch(on_due)
    watch.watch(time.monotonic())
    assert looks.get(timeout=10) == 1
    assert looks.get(timeout=10) == 2
