"""The reading end of an input stream, with a host that answers at once or later."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from snakeden._worker.inputs.stream import InputStream
from snakeden.errors import ArgumentsError, HostError


class FakeReply:
    """An answer that is there, or comes when `settle` is called."""

    def __init__(self, outcome: Any = None) -> None:
        self.outcome = outcome
        self._settled = threading.Event()
        if outcome is not None:
            self._settled.set()

    def settle(self, outcome: Any) -> None:
        self.outcome = outcome
        self._settled.set()

    @property
    def done(self) -> bool:
        return self._settled.is_set()

    def wait(self) -> Any:
        assert self._settled.wait(20)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def wait_async(self) -> Any:
        while not self.done:
            await asyncio.sleep(0.001)
        return self.wait()

    def when_done(self, step: Callable[[], None]) -> None:
        raise NotImplementedError

    def leave(self) -> None:
        raise NotImplementedError


class FakeCall:
    """A call that answers with these batches, one an ask, and then with empty ones."""

    tool = "t"

    def __init__(self, *batches: Any) -> None:
        self.batches = list(batches)
        self.asked: list[tuple[str, Any]] = []

    def ask(self, method: str, args: object) -> FakeReply:
        self.asked.append((method, args))
        if method == "input.cancel":
            return FakeReply({})
        batch = self.batches.pop(0)
        if isinstance(batch, (Exception, FakeReply)):
            return batch if isinstance(batch, FakeReply) else FakeReply(batch)
        return FakeReply({"items": batch, "done": not self.batches})


def stream(call: FakeCall, hint: Any = Any) -> InputStream:
    return InputStream(call, 3, where="args.numbers").of(hint)


def collect(items: InputStream, how: str) -> list[Any]:
    if how == "for":
        return list(items)

    async def gather() -> list[Any]:
        return [it async for it in items]

    return asyncio.run(gather())


@pytest.mark.parametrize("how", ["for", "async for"])
def test_all_items_come_in_order(how: str) -> None:
    call = FakeCall([1, 2], [], [3])
    items = stream(call, int)
    assert call.asked == []
    assert collect(items, how) == [1, 2, 3]
    assert collect(items, how) == []
    assert call.asked == [("input.next", {"id": 3})] * 3


def test_one_answer_is_asked_for_ahead() -> None:
    call = FakeCall([1], [2], [3], [4])
    items = stream(call)
    assert next(items) == 1
    assert len(call.asked) == 2
    assert next(items) == 2
    assert len(call.asked) == 3


@pytest.mark.parametrize("how", ["for", "async for"])
def test_an_error_comes_after_the_items_before_it_and_ends_the_stream(how: str) -> None:
    error = HostError("input_failed", "no paper")
    items = stream(FakeCall([1], error))
    taken = []

    async def read() -> None:
        async for item in items:
            taken.append(item)

    with pytest.raises(HostError, match="no paper") as raised:
        if how == "for":
            for item in items:
                taken.append(item)
        else:
            asyncio.run(read())
    assert (taken, raised.value.argument) == ([1], "args.numbers")
    assert collect(items, how) == []


def test_a_wrong_item_is_named_and_the_others_come() -> None:
    items = stream(FakeCall([1, 2], ["x", 4], [5]), int)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ArgumentsError) as raised:
        next(items)
    assert [it.path for it in raised.value.issues] == ["args.numbers[2]"]
    assert list(items) == [4, 5]


def test_items_are_converted() -> None:
    assert list(stream(FakeCall([1, 2.0]), float)) == [1.0, 2.0]
    # A whole float becomes an integer, by the second try of each item.
    assert list(stream(FakeCall([1, 2.0, 3]), int)) == [1, 2, 3]


@pytest.mark.parametrize("ends", ["close", "aclose"])
def test_a_closed_stream_has_no_more_items_and_tells_the_host_once(ends: str) -> None:
    call = FakeCall([1, 2], [3])
    items = stream(call)
    assert next(items) == 1
    for _ in range(2):
        if ends == "close":
            items.close()
        else:
            asyncio.run(items.aclose())
    assert list(items) == []
    assert call.asked[2:] == [("input.cancel", {"id": 3})]


def test_a_stream_that_has_ended_needs_no_close() -> None:
    call = FakeCall([1])
    items = stream(call)
    assert list(items) == [1]
    items.close()
    assert ("input.cancel", {"id": 3}) not in call.asked


def test_a_plain_loop_on_an_event_loop_is_refused_before_it_blocks() -> None:
    async def read() -> None:
        next(stream(FakeCall([1])))

    with pytest.raises(RuntimeError, match="use `async for`"):
        asyncio.run(read())


def test_threads_share_the_items() -> None:
    items = stream(FakeCall(*([it] * 7 for it in range(50))), int)
    taken: list[int] = []
    threads = [threading.Thread(target=lambda: taken.extend(items)) for _ in range(4)]
    for it in threads:
        it.start()
    for it in threads:
        it.join()
    assert sorted(taken) == sorted(it for it in range(50) for _ in range(7))


def test_tasks_share_the_items_while_they_wait() -> None:
    late = FakeReply()
    items = stream(FakeCall([0], late))

    async def take() -> list[int]:
        return [it async for it in items]

    async def main() -> list[int]:
        tasks = [asyncio.create_task(take()) for _ in range(3)]
        await asyncio.sleep(0)
        late.settle({"items": [1, 2], "done": True})
        return sorted(sum(await asyncio.gather(*tasks), []))

    assert asyncio.run(main()) == [0, 1, 2]


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("how", ["for", "async for"])
def test_a_forked_copy_does_not_wait_for_a_thread_that_it_lacks(how: str) -> None:
    late = FakeReply()
    call = FakeCall(late)
    items = stream(call)
    thread = threading.Thread(target=lambda: list(items))
    thread.start()
    while not call.asked:
        time.sleep(0.001)
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        try:
            collect(items, how)
        except RuntimeError as error:
            os._exit(0 if "a forked copy of the worker" in str(error) else 1)
        os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    late.settle({"items": [], "done": True})
    thread.join(20)
    assert not thread.is_alive()


def test_a_stream_that_is_closed_while_a_thread_waits_ends() -> None:
    late = FakeReply()
    items = stream(FakeCall([0], late))
    assert next(items) == 0
    rest: list[Any] = []
    waiting = threading.Thread(target=lambda: rest.extend(items))
    waiting.start()
    items.close()
    late.settle({"items": [1], "done": True})
    waiting.join(20)
    assert (waiting.is_alive(), rest) == (False, [])
