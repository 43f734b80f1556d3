"""The checks of `@not_thread_safe`: two calls in two threads, made to overlap by events."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest

from snakeden import Adapter, OverlapError, not_thread_safe, tool
from snakeden.testing import running_call
from snakeden.testing.overlaps import overlaps
from snakeden.thread_safety import watch
from snakeden.thread_safety.watch import Overlap, watch_by

SECONDS = 10


class Stop:
    """A place in a call that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.go.wait(SECONDS)


class Plots(Adapter):
    thread_safe = True

    @tool
    @not_thread_safe
    def draw(self, inner: Callable[[], Any] = lambda: None) -> str:
        """Draw."""
        inner()
        return "drawn"

    @not_thread_safe
    @tool
    def save(self) -> str:
        return "saved"

    @not_thread_safe
    def pages(self, stop: Stop) -> Generator[int, None, int]:
        yield 1
        stop()
        return 3

    @not_thread_safe
    async def fetch(self, stop: Stop) -> int:
        await asyncio.to_thread(stop)
        return 4

    @not_thread_safe
    async def rows(self, stop: Stop) -> AsyncIterator[int]:
        yield 5
        await asyncio.to_thread(stop)

    @not_thread_safe
    @classmethod
    def of_class(cls, inner: Callable[[], Any] = lambda: None) -> None:
        inner()

    @not_thread_safe
    @staticmethod
    def of_module(inner: Callable[[], Any] = lambda: None) -> None:
        inner()

    @not_thread_safe("pyplot")
    def named(self, inner: Callable[[], Any] = lambda: None) -> None:
        inner()


@not_thread_safe
def function(inner: Callable[[], Any] = lambda: None) -> None:
    inner()


@not_thread_safe
class Reader:
    def read(self, inner: Callable[[], Any] = lambda: None) -> str:
        inner()
        return "read"

    def __call__(self) -> str:
        return "called"

    def _private(self) -> str:
        return "private"


async def all_of(items: AsyncIterator[Any]) -> list[Any]:
    return [it async for it in items]


def while_runs(first: Callable[[Stop], Any], second: Callable[[], Any]) -> Any:
    """Run `second` while another thread runs `first`, which has reached its stop; return what the
    latter returns.
    """
    stop = Stop()
    with ThreadPoolExecutor(1, "other") as pool:
        future: Future[Any] = pool.submit(first, stop)
        try:
            assert stop.reached.wait(SECONDS)
            second()
        finally:
            stop.go.set()
        return future.result(SECONDS)


def shared_by(first: Callable[[Stop], Any], second: Callable[[], Any]) -> list[str]:
    """Return what the overlaps of two calls use."""
    with overlaps() as found:
        while_runs(first, second)
    return [it.shared for it in found]


def test_two_calls_of_one_object_overlap() -> None:
    plots = Plots()
    assert shared_by(plots.draw, plots.draw) == ["one Plots object"]
    assert shared_by(plots.draw, plots.save) == ["one Plots object"]
    assert shared_by(plots.draw, Plots().draw) == []


def test_calls_one_after_the_other_and_inside_of_one_another_do_not() -> None:
    plots = Plots()
    with overlaps() as found:
        plots.draw(plots.save)
        with ThreadPoolExecutor(2) as pool:
            for _ in range(4):
                pool.submit(plots.draw).result()
    assert found == []


def test_an_exception_takes_the_call_out() -> None:
    plots = Plots()
    with overlaps() as found:
        with pytest.raises(ZeroDivisionError):
            plots.draw(lambda: 1 // 0)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(plots.draw).result() == "drawn"
    assert found == []


def test_all_kinds_of_functions_are_watched() -> None:
    plots, reader = Plots(), Reader()
    assert shared_by(lambda stop: list(plots.pages(stop)), plots.save) == ["one Plots object"]
    assert shared_by(lambda stop: asyncio.run(plots.fetch(stop)), plots.save) == [
        "one Plots object"
    ]
    assert shared_by(lambda stop: asyncio.run(all_of(plots.rows(stop))), plots.save) == [
        "one Plots object"
    ]
    assert shared_by(Plots.of_class, plots.of_class) == ["one type object"]
    module = f"the module {__name__}"
    assert shared_by(function, function) == [module]
    assert shared_by(function, plots.of_module) == [module]
    assert shared_by(reader.read, reader) == ["one Reader object"]
    assert shared_by(reader.read, reader._private) == []


def test_a_name_stands_for_one_thing_in_the_process() -> None:
    def block(inner: Callable[[], Any] = lambda: None) -> None:
        with not_thread_safe("pyplot"):
            inner()

    assert shared_by(Plots().named, Plots().named) == ["'pyplot'"]
    assert shared_by(block, Plots().named) == ["'pyplot'"]
    assert shared_by(Plots().named, block) == ["'pyplot'"]
    shared = not_thread_safe("pyplot")

    def use_shared(inner: Callable[[], Any] = lambda: None) -> None:
        with shared:
            inner()

    assert shared_by(use_shared, use_shared) == ["'pyplot'"]
    assert shared_by(Plots().named, Plots().draw) == []


def test_a_marked_function_works_as_before() -> None:
    plots, stop = Plots(), Stop()
    stop.go.set()
    for checks in (overlaps, running_call):
        with checks():
            assert plots.draw() == "drawn"
            pages = plots.pages(stop)
            assert next(pages) == 1
            with pytest.raises(StopIteration) as ended:
                next(pages)
            assert ended.value.value == 3
            assert asyncio.run(plots.fetch(stop)) == 4
            assert asyncio.run(all_of(plots.rows(stop))) == [5]
            assert Reader()() == "called"
    assert (plots.draw.__name__, plots.draw.__doc__) == ("draw", "Draw.")


def test_an_overlap_names_both_tools_calls_threads_and_stacks() -> None:
    plots = Plots()

    def call(tool: str, call_id: str, run: Callable[[], Any]) -> Any:
        def inside() -> Any:
            with running_call(tool=tool, call_id=call_id):
                return run()

        return copy_context().run(inside)

    def first_tool(stop: Stop) -> Any:
        return call("draw", "a-1", lambda: plots.draw(stop))

    with overlaps() as found:
        while_runs(first_tool, lambda: call("save", "a-2", plots.save))
    (overlap,) = found
    first, second = overlap.first, overlap.second
    assert (first.what, first.tool, first.call_id) == ("Plots.draw", "draw", "a-1")
    assert first.thread.startswith("other")
    assert (second.what, second.tool, second.call_id) == ("Plots.save", "save", "a-2")
    assert second.thread == threading.current_thread().name
    assert "in first_tool" in first.stack
    assert "assert self.go.wait(SECONDS)" in first.stack
    assert "while_runs(first_tool" in second.stack
    assert "thread_safety/marks.py" not in first.stack + second.stack
    text = str(overlap)
    assert text.startswith("two calls overlap that are marked @not_thread_safe and use one Plots ")
    for part in ("Plots.draw in tool 'draw' (call a-1)", first.stack.strip(), "`process`"):
        assert part in text


def test_a_call_that_ended_without_leaving_is_forgotten() -> None:
    plots = Plots()
    seen: list[Overlap] = []
    active = watch.Watch(seen.append)
    with running_call():
        stuck = watch.Inside(id(plots), "Plots.draw", shared="one Plots object")
    stuck.thread = 0
    active.enter(stuck)
    other = watch.Inside(id(plots), "Plots.save", shared="one Plots object")
    active.enter(other)
    active.leave(other)
    assert seen == []
    assert active._inside == {}


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda name: monkeypatch.setattr(watch, "current", watch_by(name))


def test_warn_logs_the_first_overlap_of_each_two_tools(
    mode: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    mode("warn")
    plots = Plots()
    for second in (plots.draw, plots.draw, plots.save):
        while_runs(plots.draw, second)
    logged = [it for it in caplog.records if it.name == "snakeden.thread_safety"]
    assert [it.levelno for it in logged] == [logging.WARNING] * 2
    assert "Plots.save, thread MainThread began while Plots.draw, " in logged[1].getMessage()


def test_error_raises_in_the_second_call_and_the_first_goes_on(mode: Callable[[str], None]) -> None:
    mode("error")
    plots = Plots()

    def second() -> None:
        with pytest.raises(OverlapError, match="two calls overlap that are marked"):
            plots.save()

    assert while_runs(plots.draw, second) == "drawn"
    assert plots.save() == "saved"


def test_off_is_no_watch_and_other_modes_are_refused() -> None:
    assert watch_by("off") is None
    with pytest.raises(ValueError, match="given 'on'; allowed: 'off', 'warn', 'error'"):
        watch_by("on")


def test_wrong_uses_are_refused() -> None:
    wrong: Any = 3
    with pytest.raises(TypeError, match="it was used on an object of int"):
        not_thread_safe(wrong)
    with pytest.raises(ValueError, match="must not be empty"):
        not_thread_safe("")
