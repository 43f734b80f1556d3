"""Tools that call tools of the host, and tools that read input streams."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from snakeden import current_call, tool

__all__ = [
    "call_in_tasks",
    "call_in_threads",
    "call_in_turn",
    "count",
    "echo",
    "echo_each",
    "read_stream",
    "take_all",
    "take_bytes",
]

ARGS = {"id": 3, "text": "x" * 60}


@tool
def echo(value: Any) -> Any:
    """Return the value."""
    return value


@tool
def count(to: int) -> Iterator[int]:
    """Stream 0 to `to` - 1."""
    yield from range(to)


@tool
def call_in_turn(seconds: float) -> dict[str, float]:
    """Call a host tool, one call after the other."""
    lookup = current_call().tools.lookup
    return _measured(_loop(lambda: lookup(**ARGS), seconds), seconds)


@tool
def call_in_threads(seconds: float, threads: int) -> dict[str, float]:
    """Call a host tool from threads."""
    lookup = current_call().tools.lookup
    all_times: list[list[float]] = []
    workers = [
        threading.Thread(
            target=lambda: all_times.append(_loop(lambda: lookup(**ARGS), seconds)), daemon=True
        )
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if len(all_times) != threads:
        raise RuntimeError("a thread has failed")
    return _measured([it for times in all_times for it in times], seconds)


@tool
async def call_in_tasks(seconds: float, tasks: int) -> dict[str, float]:
    """Call a host tool from tasks of one event loop."""
    lookup = current_call().tools.lookup
    until = time.perf_counter() + seconds

    async def loop() -> list[float]:
        times = []
        before = time.perf_counter()
        while before < until:
            await lookup.acall(**ARGS)
            after = time.perf_counter()
            times.append(after - before)
            before = after
        return times

    all_times = await asyncio.gather(*(loop() for _ in range(tasks)))
    return _measured([it for times in all_times for it in times], seconds)


@tool
def read_stream(items: int) -> dict[str, float]:
    """Read a host tool that streams numbers."""
    started = time.perf_counter()
    read = 0
    for item in current_call().tools.numbers.stream(to=items):
        if item != read:
            raise ValueError(f"item {read} is {item}")
        read += 1
    if read != items:
        raise ValueError(f"{read} items of {items} came")
    return {"itemsPerSecond": read / (time.perf_counter() - started)}


@tool
def take_all(numbers: Iterator[int]) -> int:
    """Check that an input stream is 0, 1, 2 and so on; return its length."""
    read = 0
    for number in numbers:
        if number != read:
            raise ValueError(f"item {read} is {number}")
        read += 1
    return read


@tool
def take_bytes(pieces: Iterator[bytes]) -> int:
    """Return the number of bytes of an input stream."""
    return sum(map(len, pieces))


@tool
async def echo_each(frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return each item of an input stream at once."""
    async for frame in frames:
        yield frame


def _loop(call: Callable[[], object], seconds: float) -> list[float]:
    """Call again and again; return the time that each call took."""
    times = []
    before = time.perf_counter()
    until = before + seconds
    while before < until:
        call()
        after = time.perf_counter()
        times.append(after - before)
        before = after
    return times


def _measured(times: list[float], seconds: float) -> dict[str, float]:
    times.sort()
    return {
        "calls": len(times),
        "callsPerSecond": len(times) / seconds,
        "p50Ms": times[len(times) // 2] * 1000,
        "p99Ms": times[len(times) * 99 // 100] * 1000,
    }
