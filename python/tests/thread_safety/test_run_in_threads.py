"""`run_in_threads` of the test kit: a tool in several threads, with the checks on."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Iterator

import pytest

from snakeden import Adapter, OverlapError, current_call, not_thread_safe, per_thread, tool
from snakeden.errors import AdapterError
from snakeden.testing.adapter_under_test import load_adapter
from snakeden.thread_safety import watch

SECONDS = 10


class Counters(Adapter):
    thread_safe = True

    def setup(self) -> None:
        self.total = 0
        self.meeting = threading.Barrier(2)

    @per_thread
    def own(self) -> list[int]:
        return []

    @tool
    def locked_count(self, by: int = 1) -> int:
        with self.locked():
            return self._add(by)

    @tool
    def overlapping_count(self) -> int:
        return self._meet()

    @tool
    def racy_count(self) -> int:
        before = self.total
        self.meeting.wait(SECONDS)
        self.total = before + 1
        return self.total

    @tool
    async def call_id(self, n: int) -> list[object]:
        await asyncio.sleep(0)
        self.own.append(n)
        return [current_call().id, threading.current_thread().name]

    @tool
    def numbers(self, n: int) -> Iterator[int]:
        yield from range(n)

    @tool
    def fail(self, n: int) -> int:
        if n == 3:
            raise ValueError("three")
        return n

    @not_thread_safe
    def _add(self, by: int) -> int:
        before = self.total
        self.total = before + by
        return self.total

    @not_thread_safe
    def _meet(self) -> int:
        self.meeting.wait(SECONDS)
        return 1


class Undeclared(Adapter):
    @tool
    def add(self, a: int) -> int:
        return a


def test_a_safe_tool_returns_its_results_in_the_order_of_the_calls() -> None:
    with load_adapter(Counters) as counters:
        counts = counters.run_in_threads("locked_count", threads=4, times=25)
        assert sorted(counts) == list(range(1, 101))
        assert counters.run_in_threads("numbers", [{"n": n} for n in range(5)]) == [
            list(range(n)) for n in range(5)
        ]
        counts = counters.run_in_threads("locked_count", {"by": 0}, threads=2, times=2)
        assert counts == [100] * 4
    assert watch.current is None


def test_calls_that_overlap_are_reported_with_both_stacks() -> None:
    with load_adapter(Counters) as counters:
        with pytest.raises(OverlapError, match="use one Counters object") as caught:
            counters.run_in_threads("overlapping_count", threads=2, times=1)
        text = str(caught.value)
        assert text.count("Counters._meet in tool 'overlapping_count'") >= 2
        # The other one may have come no further than to the first line of the method.
        assert re.search(r'File ".*test_run_in_threads\.py", line \d+, in _meet', text)


def test_what_a_tool_computes_wrongly_is_seen_in_its_results() -> None:
    with load_adapter(Counters) as counters:
        assert counters.run_in_threads("racy_count", threads=2, times=1) == [1, 1]


def test_the_first_exception_ends_the_run() -> None:
    interval = sys.getswitchinterval()
    with load_adapter(Counters) as counters, pytest.raises(ValueError, match="three"):
        counters.run_in_threads("fail", [{"n": n} for n in range(50)], threads=3)
    assert sys.getswitchinterval() == interval


def test_asynchronous_tools_have_a_loop_in_each_thread_and_a_call_of_their_own() -> None:
    with load_adapter(Counters) as counters:
        args = [{"n": n} for n in range(20)]
        answers = counters.run_in_threads("call_id", args, threads=4, call_id="c")
        assert {call_id for call_id, _ in answers} == {"c"}
        assert all(name.startswith("test-thread-") for _, name in answers)
        assert counters.run("call_id", {"n": 1})[1] == "MainThread"


def test_an_adapter_that_is_not_declared_is_refused() -> None:
    with load_adapter(Undeclared) as undeclared:
        with pytest.raises(AdapterError, match="cannot run 'add' in threads: class Undeclared has"):
            undeclared.run_in_threads("add", {"a": 1})
        assert undeclared.run("add", {"a": 1}) == 1
