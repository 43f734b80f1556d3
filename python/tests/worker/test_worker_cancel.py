from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snakeden._link.gen import link_pb2 as link
from tests.fake_host import FakeHost, Worker, wait_for


def cancel(worker: Worker, call_id: int) -> None:
    worker.link.send({"cancel": link.Cancel(id=call_id)})


def start(worker: Worker, call_id: int, tool: str, args: Any = None) -> None:
    """Call a tool that reports that it has started, and wait until it has."""
    worker.link.call(call_id, tool, args)
    assert b"started" in worker.link.expect("progress").value.json


WAITING = """
import asyncio, sys, threading, time
from snakeden import current_call, tool

@tool
def waits():
    current_call().progress(message="started")
    time.sleep(1000)

@tool
async def waits_asynchronously():
    current_call().progress(message="started")
    await asyncio.sleep(1000)

@tool
async def yields():
    busy = threading.Event()
    others = [threading.Thread(target=switch_often, args=(busy,)) for _ in range(3)]
    for it in others:
        it.start()
    current_call().progress(message="started")
    try:
        while True:
            [bytes(3000) for _ in range(200)]
            await asyncio.sleep(0)
    finally:
        busy.set()

def switch_often(busy):
    while not busy.wait(0.0002):
        pass

@tool
async def blocks():
    current_call().progress(message="started")
    time.sleep(1000)

@tool
async def waits_for_tasks():
    async def inner():
        await asyncio.sleep(1000)
    try:
        current_call().progress(message="started")
        await asyncio.gather(inner(), inner())
    finally:
        print("cleaned up")
"""


@pytest.fixture
def waiting(host: FakeHost, tmp_path: Path) -> Worker:
    (tmp_path / "waiting.py").write_text(WAITING)
    return host.start("waiting", paths=[str(tmp_path)])


def test_cancel_interrupts_a_sleep(waiting: Worker) -> None:
    start(waiting, 1, "waits")
    cancel(waiting, 1)
    failure = waiting.link.expect("failure")
    assert (failure.id, failure.error.code) == (1, "cancelled")
    assert failure.error.message.startswith("tool 'waits' was cancelled after it had run for ")
    assert waiting.link.failure("nothing", call_id=2).code == "unknown_tool"


def test_cancel_interrupts_a_loop_of_pure_python(host: FakeHost, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    worker = host.start("appender")
    worker.link.call(1, "append_forever", {"path": str(path)})
    wait_for(path.exists, "the loop to start")
    cancel(worker, 1)
    assert worker.link.expect("failure").error.code == "cancelled"
    size = path.stat().st_size
    worker.link.nothing_more()
    assert path.stat().st_size == size


def test_cancel_reaches_a_tool_that_swallows_it_once(host: FakeHost) -> None:
    worker = host.start("swallows_cancel")
    start(worker, 1, "stubborn_aloud", {"seconds": 0.3})
    for _ in range(5):
        cancel(worker, 1)
    assert worker.link.result() == {"cancelled": True, "caught": True}


def test_cancel_is_the_first_cause_of_what_the_tool_makes_of_it(host: FakeHost) -> None:
    worker = host.start("swallows_cancel")
    start(worker, 1, "converts_cancel")
    cancel(worker, 1)
    assert worker.link.expect("failure").error.code == "cancelled"


def test_cancel_of_a_queued_call_is_answered_at_once(host: FakeHost, tmp_path: Path) -> None:
    worker = host.start("appender")
    worker.link.call(1, "append_forever", {"path": str(tmp_path / "one")})
    worker.link.call(2, "append_forever", {"path": str(tmp_path / "two")})
    cancel(worker, 2)
    failure = worker.link.expect("failure")
    assert (failure.id, failure.error.code, failure.run_ms) == (2, "cancelled", 0)
    assert failure.error.message == "tool 'append_forever' was cancelled before it was started"
    cancel(worker, 1)
    assert worker.link.expect("failure").id == 1
    worker.link.nothing_more()
    assert not (tmp_path / "two").exists()


def test_cancel_of_an_asynchronous_tool_cancels_its_task(waiting: Worker) -> None:
    for call_id in (1, 2):
        start(waiting, call_id, "waits_asynchronously")
        cancel(waiting, call_id)
        assert waiting.link.expect("failure").error.code == "cancelled"


def test_cancel_is_not_lost_while_the_loop_schedules_the_next_step(waiting: Worker) -> None:
    for call_id in range(1, 101):
        start(waiting, call_id, "yields")
        cancel(waiting, call_id)
        assert waiting.link.expect("failure").error.code == "cancelled"


@pytest.mark.parametrize("tool", ["blocks", "waits_for_tasks"])
def test_cancel_reaches_asynchronous_tools_wherever_they_are(waiting: Worker, tool: str) -> None:
    start(waiting, 1, tool)
    cancel(waiting, 1)
    assert waiting.link.expect("failure").error.code == "cancelled"
    assert waiting.link.failure("nothing", call_id=2).code == "unknown_tool"
    if tool == "waits_for_tasks":
        assert waiting.stdout == b"cleaned up\n"


def test_cancel_of_a_call_that_is_unknown_or_over_does_nothing(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    cancel(worker, 99)
    worker.link.run("ping")
    cancel(worker, 1)
    assert worker.link.run("sleep", seconds=0.1) >= 0.1


def test_cancel_never_hits_another_call(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    failed = 0
    for round_ in range(200):
        first, second = 2 * round_ + 1, 2 * round_ + 2
        worker.link.call(first, "sleep", {"seconds": 0})
        cancel(worker, first)
        worker.link.call(second, "echo", {"value": second})
        for _ in range(2):
            message = worker.link.next()
            assert message is not None
            if message.WhichOneof("body") == "failure":
                assert message.failure.id == first
                failed += 1
            else:
                assert message.result.id in (first, second)
    worker.link.nothing_more(0.1)


def test_deadline_interrupts_the_tool(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    worker.link.call(1, "sleep", {"seconds": 1000}, timeout_ms=400)
    failure = worker.link.expect("failure")
    assert failure.error.code == "deadline_exceeded"
    assert failure.error.message.startswith(
        "tool 'sleep' did not finish within 400 ms; it ran for "
    )
    assert failure.run_ms >= 1


def test_deadline_of_a_queued_call_is_answered_when_it_passes(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    worker.link.call(1, "sleep", {"seconds": 1000})
    worker.link.call(2, "ping", timeout_ms=50)
    failure = worker.link.expect("failure")
    assert (failure.id, failure.error.code) == (2, "deadline_exceeded")
    assert "was not started within 50 ms: the worker was busy" in failure.error.message


def test_deadline_leaves_quick_calls_alone(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    for call_id in range(1, 200):
        worker.link.call(call_id, "ping", timeout_ms=60_000)
        assert worker.link.expect("result").id == call_id
    worker.link.call(1, "sleep", {"seconds": 1000}, timeout_ms=30)
    assert worker.link.expect("failure").error.code == "deadline_exceeded"
