"""Tests of the profile async with real workers, over both carriers."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from snakeden._link.gen import link_pb2 as link
from tests.fake_host import FakeHost, Worker, call_body, decoded, wait_for


def start(host: FakeHost, *adapters: str, capacity: int = 100, **welcome: Any) -> Worker:
    names = adapters or ("waits_async",)
    return host.start(*names, profile="async", capacity=capacity, **welcome)


def answers(worker: Worker, count: int) -> dict[int, Any]:
    """Return results and codes of failures, by the ids of the calls, in the order of arrival."""
    found: dict[int, Any] = {}
    while len(found) < count:
        message = worker.link.next()
        assert message is not None, f"the stream ended after {found}"
        kind = message.WhichOneof("body")
        if kind == "result":
            found[message.result.id] = decoded(message.result.value)
        elif kind == "failure":
            found[message.failure.id] = message.failure.error.code
    return found


def gather(worker: Worker, *kinds: str) -> dict[str, list[Any]]:
    """Return messages of these kinds, and no others, in whatever order they come."""
    found: dict[str, list[Any]] = {}
    missing = list(kinds)
    while missing:
        message = worker.link.next()
        assert message is not None, f"the stream ended before {missing}"
        kind = message.WhichOneof("body") or ""
        assert kind in missing, message
        missing.remove(kind)
        found.setdefault(kind, []).append(getattr(message, kind))
    return found


def test_calls_wait_beside_each_other_and_answer_as_they_end(host: FakeHost) -> None:
    worker = start(host)
    worker.link.send(*[call_body(it, "nap", {"seconds": 0.3 - it / 20}) for it in range(1, 6)])
    assert list(answers(worker, 5)) == [5, 4, 3, 2, 1]


def test_each_task_sees_its_own_call(host: FakeHost) -> None:
    worker = start(host)
    worker.link.send(*[call_body(it, "ids") for it in range(1, 31)])
    for call_id, seen in answers(worker, 30).items():
        assert {int(it, 36) for it in seen} == {call_id}
        assert len(seen) == 6


def test_a_call_that_is_cancelled_leaves_the_others_alone(host: FakeHost, tmp_path: Path) -> None:
    worker = start(host)
    for it in (1, 2, 3):
        args = {"folder": str(tmp_path), "name": str(it)}
        worker.link.send(call_body(it, "until_cancelled", args))
        wait_for((tmp_path / f"{it}.begun").exists, "the call has begun")
    worker.link.send({"cancel": link.Cancel(id=2)})
    failure = worker.link.expect("failure")
    assert (failure.id, failure.error.code) == (2, "cancelled")
    assert [it.name for it in sorted(tmp_path.glob("*.cancelled"))] == ["2.cancelled"]
    assert worker.link.run("nap", call_id=4, seconds=0) == 0


def test_deadlines_stop_only_the_calls_that_are_late(host: FakeHost) -> None:
    worker = start(host)
    worker.link.send(
        call_body(1, "nap", {"seconds": 30}, timeout_ms=50),
        call_body(2, "nap", {"seconds": 0.2}),
        call_body(3, "nap", {"seconds": 30}, timeout_ms=100),
    )
    assert answers(worker, 3) == {1: "deadline_exceeded", 3: "deadline_exceeded", 2: 0.2}


def test_a_tool_that_swallows_its_cancellation_is_asked_again(
    host: FakeHost, tmp_path: Path
) -> None:
    worker = start(host)
    worker.link.send(call_body(1, "swallow", {"folder": str(tmp_path), "name": "a", "times": 2}))
    wait_for((tmp_path / "a.begun").exists, "the call has begun")
    worker.link.send({"cancel": link.Cancel(id=1)})
    assert worker.link.result() == 2


def test_a_tool_that_holds_up_the_loop_is_named_with_its_stack_and_pings_are_answered(
    host: FakeHost,
) -> None:
    worker = start(host, blocked_loop_ms=50)
    worker.link.send(
        call_body(1, "block", {"seconds": 1}),
        call_body(2, "nap", {"seconds": 0.01}),
    )
    report = worker.link.expect("loop_blocked")
    assert (report.tool, report.is_over) == ("block", False)
    assert report.blocked_ms >= 50
    assert "time.sleep(seconds)" in report.stack
    assert "asyncio" not in report.stack
    worker.link.send({"ping": link.Ping(id=7)})
    assert worker.link.expect("pong").id == 7
    over = gather(worker, "result", "result", "loop_blocked")["loop_blocked"][0]
    assert (over.tool, over.is_over) == ("block", True)
    assert over.blocked_ms >= 900
    worker.link.call(3, "block", {"seconds": 0.2})
    again = gather(worker, "result", "loop_blocked", "loop_blocked")["loop_blocked"]
    assert [it.is_over for it in again] == [False, True]
    named = [it for it in worker.link.logs if "held up the event loop" in it.message]
    assert [(it.call_id, it.level) for it in named] == [(1, 30)]
    assert "tool 'block' has held up" in named[0].message
    assert "time.sleep(seconds)" in named[0].message


PLAIN = """
from snakeden import Adapter, tool

class Mixed(Adapter):
    @tool
    def add(self, a: int, b: int) -> int:
        return a + b

    @tool
    def numbers(self):
        yield 1

    @tool
    async def fine(self) -> int:
        return 1
"""


def test_plain_tools_are_refused_by_name(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "mixed.py").write_text(PLAIN)
    _, error = host.start_failing("mixed", profile="async", paths=[str(tmp_path)])
    assert "adapter 'mixed' cannot be served by the profile async" in error.message
    assert "the tool 'add', Mixed.add (" in error.message
    assert "'numbers'" in error.message
    assert "'fine'" not in error.message
    assert "asyncio.to_thread" in error.message


WRAPPED = """
import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable
from snakeden import tool

def timed(function):
    @functools.wraps(function)
    def run(*args, **kwargs):
        return function(*args, **kwargs)
    return run

@tool
@timed
async def wrapped() -> int:
    return 1

@tool
def declared() -> Awaitable[int]:
    return asyncio.sleep(0, 2)

@tool
def iterated() -> AsyncIterator[int]:
    async def numbers():
        yield 3
    return numbers()
"""


def test_plain_functions_that_only_make_something_asynchronous_are_tools(
    host: FakeHost, tmp_path: Path
) -> None:
    (tmp_path / "wrapped.py").write_text(WRAPPED)
    run = start(host, "wrapped", paths=[str(tmp_path)]).link.run
    assert (run("wrapped"), run("declared"), run("iterated")) == (1, 2, [3])


def test_a_plain_function_cannot_be_registered(host: FakeHost) -> None:
    worker = start(host)
    worker.link.call(1, "registers_plain")
    assert "is a plain function" in worker.link.result()


def test_streams_go_on_beside_each_other_and_keep_to_their_windows(host: FakeHost) -> None:
    worker = start(host)
    # A chunk weighs 65 bytes: one that opens the window, and two more in the other.
    for call_id, window in ((1, 1), (2, 150)):
        worker.link.call(call_id, "counts", {"upto": 4}, stream=True, window_bytes=window)
    chunks = [worker.link.expect("chunk") for _ in range(4)]
    assert sorted(it.id for it in chunks) == [1, 2, 2, 2]
    worker.link.nothing_more()
    worker.link.send(
        {"credit": link.Credit(id=1, bytes=1 << 20)}, {"credit": link.Credit(id=2, bytes=1 << 20)}
    )
    rest = gather(worker, *["chunk"] * 4, "result", "result")["chunk"]
    assert sorted(it.id for it in rest) == [1, 1, 1, 2]


def test_a_generator_that_awaits_nothing_lets_others_run(host: FakeHost) -> None:
    worker = start(host, blocked_loop_ms=100)
    worker.link.call(1, "greedy", {"upto": 20_000}, stream=True, window_bytes=1 << 30)
    worker.link.call(2, "nap", {"seconds": 0})
    kinds = []
    while True:
        message = worker.link.next()
        assert message is not None
        kinds.append(message.WhichOneof("body"))
        if kinds.count("result") == 2:
            break
    assert kinds.index("result") < len(kinds) / 2
    assert "loop_blocked" not in kinds


def test_asks_are_awaited_and_those_that_wait_are_refused_on_the_loop(host: FakeHost) -> None:
    worker = start(host)
    worker.link.call(1, "asks_synchronously", session_id="s")
    ask = worker.link.expect("ask")
    assert "would block the event loop" in worker.link.result()
    worker.link.send({"answer": link.Answer(id=ask.id)})


def test_writes_are_confirmed_before_the_answer_while_others_go_on(host: FakeHost) -> None:
    worker = start(host)
    worker.link.call(1, "keep", {"name": "x", "value": 5}, session_id="s")
    write = worker.link.expect("ask")
    assert write.method == "session.set_vars"
    local = worker.link.expect("ask")
    assert local.method == "session.keep_local"
    # The loop waits for it, and is woken.
    worker.link.send(answer(local.id, {"life": "l1"}))
    assert worker.link.run("nap", call_id=2, seconds=0) == 0
    row = {"type": "integer", "version": 1, "value": {"json": "5"}}
    worker.link.send(answer(write.id, [row]))
    assert worker.link.result() == [5, 1]


def answer(ask_id: int, value: Any) -> dict[str, Any]:
    import msgspec

    from snakeden._link.gen.values_pb2 import Value

    return {"answer": link.Answer(id=ask_id, value=Value(json=msgspec.json.encode(value)))}


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("exit in a task", "exit in a task"),
        ("stop the loop", "stop the loop"),
        ("exit", "python_exception"),
    ],
)
def test_code_that_would_end_a_program_leaves_the_worker_alone(
    host: FakeHost, how: str, expected: str
) -> None:
    worker = start(host)
    worker.link.send(call_body(1, "leaves", {"how": how}), call_body(2, "nap", {"seconds": 0.05}))
    assert answers(worker, 2) == {1: expected, 2: 0.05}
    assert worker.link.run("nap", call_id=3, seconds=0) == 0


def test_a_forked_copy_ends_with_its_call_and_cannot_use_the_loop(host: FakeHost) -> None:
    worker = start(host)
    assert worker.link.run("forks", awaits=False) == 0
    assert worker.link.run("forks", call_id=2, awaits=True) == 1
    assert "no running event loop" in worker.stderr
    assert worker.link.run("nap", call_id=3, seconds=0) == 0


def test_sigterm_finishes_the_calls_that_run(host: FakeHost) -> None:
    worker = start(host)
    worker.link.send(*[call_body(it, "nap", {"seconds": 0.3}) for it in (1, 2)])
    wait_for(lambda: worker.link.run("ids", call_id=3, rounds=0), "the calls have begun")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.link.expect("leaving").reason == "SIGTERM"
    assert answers(worker, 2) == {1: 0.3, 2: 0.3}
    worker.link.drop()
    assert worker.wait() == 0


HOOKS = """
import asyncio
from snakeden import Adapter, tool

class Hooks(Adapter):
    async def setup(self):
        await asyncio.sleep(0)
        self.ended = []

    @tool
    async def keep(self, current=None) -> int:
        from snakeden import current_call
        current_call().session.local["x"] = 1
        return 1

    @tool
    async def seen(self) -> list[str]:
        return self.ended

    @tool
    async def nap(self, seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    async def on_session_end(self, session_id, local):
        self.ended.append(f"{session_id} ends")
        await asyncio.sleep(0.1)
        self.ended.append(f"{session_id} ended with {local}")

    async def teardown(self):
        await asyncio.sleep(0)
        print("torn down", flush=True)
"""


def test_hooks_are_awaited_while_calls_go_on(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text(HOOKS)
    worker = start(host, "hooks", paths=[str(tmp_path)])
    worker.link.call(1, "keep", session_id="s1")
    worker.link.send(answer(worker.link.expect("ask").id, {"life": "l1"}))
    assert worker.link.result() == 1
    worker.link.call(2, "nap", {"seconds": 0.05})
    worker.link.send({"sessions_ended": link.SessionsEnded(lives=["l1"])})
    assert worker.link.result() == 0.05
    assert worker.link.run("seen", call_id=3) == ["s1 ends"]
    wait_for(lambda: len(worker.link.run("seen", call_id=4)) == 2, "the hook has ended")
    assert worker.link.run("seen", call_id=5)[1] == "s1 ended with {'x': 1}"
    assert worker.stop() == 0
    assert b"torn down" in worker.stdout


def test_bulk_calls_run_beside_each_other_and_their_items_in_order(host: FakeHost) -> None:
    worker = start(host)
    items = b"[" + b",\n".join(b'{"seconds":0.0%d}' % it for it in (3, 2, 1)) + b"]"
    for call_id in (1, 2):
        body = call_body(call_id, "nap", bulk=True, window_bytes=1 << 20)
        body["call"].args.json = items
        worker.link.send(body)
    outcomes: dict[int, list[Any]] = {1: [], 2: []}
    ended = 0
    while ended < 2:
        message = worker.link.next()
        assert message is not None
        if message.WhichOneof("body") == "chunk":
            outcomes[message.chunk.id] += decoded(message.chunk.value)
        else:
            assert decoded(message.result.value) == 3
            ended += 1
    assert outcomes[1] == outcomes[2] == [{"result": 0.03}, {"result": 0.02}, {"result": 0.01}]
