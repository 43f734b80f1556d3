"""Tools that ask the host for something while they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snakeden._link.gen import link_pb2 as link
from snakeden._link.gen.errors_pb2 import HostError
from snakeden._link.gen.values_pb2 import Value
from snakeden._values import values
from snakeden._worker import exit_status
from snakeden._worker.calls.asking import MAX_OPEN_ASK_BYTES, MAX_OPEN_ASKS
from tests.fake_host import FakeHost, Worker, decoded, wait_for
from tests.fake_slab import FakeSlab, release_of


@pytest.fixture
def worker(host: FakeHost) -> Worker:
    return host.start("asks:Asks")


def answer(worker: Worker, *ids: int, value: Any = None) -> None:
    encoded = values.encode(value)
    buffers = list(map(bytes, encoded.buffers))
    wire = Value(json=encoded.json, tagged=encoded.tagged, buffers=buffers)
    worker.link.send(*({"answer": link.Answer(id=it, value=wire)} for it in ids))


def refuse(worker: Worker, ask_id: int, code: str, message: str = "no", **fields: Any) -> None:
    error = HostError(code=code, message=message, **fields)
    worker.link.send({"answer": link.Answer(id=ask_id, error=error)})


def asked(worker: Worker) -> Any:
    return worker.link.expect("ask")


def cancel(worker: Worker, call_id: int) -> None:
    worker.link.send({"cancel": link.Cancel(id=call_id)})


@pytest.mark.parametrize("tool", ["ask", "ask_async", "to_thread"])
def test_a_tool_gets_the_answer_to_what_it_asks(worker: Worker, tool: str) -> None:
    worker.link.call(7, tool, {"method": "session.gét", "args": {"big": 2**70, "raw": b"\x00\x01"}})
    ask = asked(worker)
    assert (ask.call_id, ask.method) == (7, "session.gét")
    assert decoded(ask.args) == {"big": 2**70, "raw": b"\x00\x01"}
    answer(worker, ask.id, value=[1.5, float("inf"), b"abc"])
    assert worker.link.result() == [1.5, float("inf"), b"abc"]


def test_a_loop_on_another_thread_gets_the_answer(worker: Worker) -> None:
    worker.link.call(1, "loop_in_thread", {"method": "m"})
    answer(worker, asked(worker).id, value=[1])
    assert worker.link.result() == "[1]"


@pytest.mark.parametrize("tool", ["ask_many", "from_threads", "gather"])
def test_answers_come_in_any_order(worker: Worker, tool: str) -> None:
    worker.link.call(1, tool, {"method": "double", "count": 20})
    asks = [asked(worker) for _ in range(20)]
    assert len({it.id for it in asks}) == 20
    for ask in reversed(asks):
        answer(worker, ask.id, value=2 * decoded(ask.args))
    assert worker.link.result()[:20] == [2 * it for it in range(20)]


def test_asks_of_one_thread_are_sent_in_order(worker: Worker) -> None:
    count = 3 * MAX_OPEN_ASKS
    worker.link.call(1, "ask_many", {"method": "m", "count": count})
    seen: list[int] = []
    for _ in range(count):
        ask = asked(worker)
        seen.append(decoded(ask.args))
        answer(worker, ask.id)
    assert seen == list(range(count))
    worker.link.expect("result")


def test_at_most_a_fixed_number_of_asks_is_open(worker: Worker) -> None:
    worker.link.call(1, "ask_many", {"method": "m", "count": MAX_OPEN_ASKS + 2})
    ids = [asked(worker).id for _ in range(MAX_OPEN_ASKS)]
    worker.link.nothing_more()
    answer(worker, ids[5])
    ids.append(asked(worker).id)
    worker.link.nothing_more()
    answer(worker, *(it for it in ids if it != ids[5]))
    answer(worker, asked(worker).id)
    assert len(worker.link.result()) == MAX_OPEN_ASKS + 2


def test_asks_are_opened_while_their_arguments_are_short_enough(worker: Worker) -> None:
    size = MAX_OPEN_ASK_BYTES // 8 * 5
    worker.link.call(1, "ask_large", {"method": "m", "count": 4, "size": size})
    ids = [asked(worker).id for _ in range(2)]
    worker.link.nothing_more()
    for _ in range(2):
        answer(worker, ids.pop())
        ids.append(asked(worker).id)
        worker.link.nothing_more()
    answer(worker, *ids)
    assert len(worker.link.result()) == 4


def test_asks_that_wait_for_room_are_not_sent_after_their_call(worker: Worker) -> None:
    worker.link.call(1, "ahead", {"method": "m", "count": MAX_OPEN_ASKS + 50})
    ids = [asked(worker).id for _ in range(MAX_OPEN_ASKS)]
    assert worker.link.result() == MAX_OPEN_ASKS + 50
    for it in ids:
        refuse(worker, it, "cancelled")
    worker.link.nothing_more()
    worker.link.call(2, "ask", {"method": "next"})
    ask = asked(worker)
    assert (ask.call_id, ask.method) == (2, "next")
    answer(worker, ask.id, value="ok")
    assert worker.link.result() == "ok"


def test_an_error_of_the_host_is_an_exception_with_its_code(worker: Worker) -> None:
    worker.link.call(1, "catches", {"method": "m"})
    refuse(worker, asked(worker).id, "not_found", "no x", details='{"name":"x"}', retryable=True)
    assert worker.link.result() == {
        "code": "not_found",
        "message": "no x",
        "details": {"name": "x"},
        "retryable": True,
        "text": "no x (not_found)",
    }
    for details in ("", "{", "[1]"):
        worker.link.call(2, "catches", {"method": "m"})
        refuse(worker, asked(worker).id, "internal", details=details)
        assert worker.link.result()["details"] == {}


def test_an_error_that_the_tool_does_not_catch_fails_its_call(worker: Worker) -> None:
    worker.link.call(1, "ask", {"method": "m"})
    refuse(worker, asked(worker).id, "not_found", "no x")
    error = worker.link.expect("failure").error
    assert error.code == "python_exception"
    assert error.message == "tool 'ask' raised snakeden.errors.HostError: no x (not_found)"


@pytest.mark.parametrize(
    "tool",
    [
        "ask",
        "ask_async",
        "to_thread",
        "wait_in_thread",
        "loop_in_thread",
        "stream",
        "stream_async",
        "gather",
    ],
)
@pytest.mark.parametrize("cause", ["cancelled", "deadline_exceeded"])
def test_a_stop_of_the_call_ends_a_wait(worker: Worker, tool: str, cause: str) -> None:
    args: dict[str, Any] = {"method": "m"}
    if tool in ("stream", "stream_async", "gather"):
        args["count"] = 1
    late = cause == "deadline_exceeded"
    worker.link.call(1, tool, args, timeout_ms=400 if late else 0)
    ask = asked(worker)
    if not late:
        cancel(worker, 1)
    assert worker.link.expect("failure").error.code == cause
    # Late answers are dropped.
    answer(worker, ask.id, value="late")
    worker.link.call(2, "ask", {"method": "m"})
    answer(worker, asked(worker).id, value="ok")
    assert worker.link.result() == "ok"
    if tool in ("wait_in_thread", "loop_in_thread"):
        assert worker.link.run("joined", call_id=3) == ["CallCancelled"]


def test_a_call_that_was_stopped_can_ask_for_nothing_more(worker: Worker) -> None:
    worker.link.call(1, "stubborn", {"method": "m"})
    asked(worker)
    cancel(worker, 1)
    assert worker.link.result() == "over"
    assert worker.link.run("joined", call_id=2) == ["cancelled", "refused"]


def test_threads_that_a_call_leaves_behind_are_told_that_it_has_ended(worker: Worker) -> None:
    worker.link.call(1, "leave_thread", {"method": "m"})
    asked(worker)
    assert worker.link.result() == "left"
    for seen in worker.link.run("joined", call_id=2):
        assert seen.startswith("RuntimeError: call 1 of 'leave_thread' has ended, ")


def test_the_end_of_the_call_is_told_even_if_the_answer_says_so_first(worker: Worker) -> None:
    worker.link.call(1, "leave_thread", {"method": "m"})
    ask = asked(worker)
    assert worker.link.result() == "left"
    refuse(worker, ask.id, "cancelled", "The call that asked has ended")
    assert [it[:12] for it in worker.link.run("joined", call_id=2)] == ["RuntimeError"] * 2


def test_a_wait_ends_when_the_link_is_lost(worker: Worker) -> None:
    worker.link.call(1, "ask", {"method": "m"})
    asked(worker)
    worker.link.drop()
    assert worker.wait() == exit_status.LINK_LOST


def test_a_blocking_wait_on_the_event_loop_is_refused(worker: Worker) -> None:
    worker.link.call(1, "blocks_loop", {"method": "session.get"})
    asked(worker)
    assert "session.get would block the event loop" in worker.link.result()


def test_a_streaming_tool_asks_between_its_chunks(worker: Worker) -> None:
    for call_id, tool in enumerate(("stream", "stream_async"), 1):
        worker.link.call(
            call_id, tool, {"method": "m", "count": 3}, stream=True, window_bytes=1 << 20
        )
        for number in range(3):
            answer(worker, asked(worker).id, value=number * 10)
            assert decoded(worker.link.expect("chunk").value) == number * 10
        worker.link.expect("result")


def test_arguments_that_cannot_travel_are_refused_before_they_are_sent(host: FakeHost) -> None:
    worker = host.start("asks:Asks", max_result_bytes=200, max_depth=5)
    error = worker.link.failure("ask", method="m", args="x" * 300)
    assert error.code == "result_too_large"
    assert "args of m" in error.message


def test_an_unknown_answer_is_ignored(worker: Worker) -> None:
    answer(worker, 5, value=1)
    worker.link.call(1, "ask", {"method": "m"})
    ask = asked(worker)
    answer(worker, ask.id + 1, ask.id, ask.id, value=2)
    assert worker.link.result() == 2


def test_a_forked_copy_of_the_worker_cannot_ask(worker: Worker) -> None:
    text = worker.link.run("fork", method="m")
    assert text == "m: a forked copy of the worker cannot ask the host"


def test_large_values_travel_through_shared_memory(host: FakeHost, tmp_path: Path) -> None:
    slab = FakeSlab(tmp_path)
    worker = host.start("asks:Asks", shared_memory=slab.offer)
    worker.link.send(slab.call(1, "double", {"method": "m", "size": 10_000}))
    ask = asked(worker)
    assert len(ask.args.shared) == 1
    array = slab.take(ask.args)["array"]
    assert np.array_equal(array, np.arange(10_000.0))
    worker.link.send(
        {"answer": link.Answer(id=ask.id, value=slab.place(array + 1))}, release_of(ask.args)
    )
    assert slab.place(b"x" * 5000).shared[0].offset > 0, "the answer is in use"
    value = worker.link.expect("result").value
    assert np.array_equal(slab.take(value), 2 * (np.arange(10_000.0) + 1))
    worker.link.send(release_of(value))
    worker.link.run("joined", call_id=2)
    wait_for(lambda: 0 in worker.link.released, "the place of the answer to be released")


def test_the_places_of_an_answer_that_nobody_wants_are_released(
    host: FakeHost, tmp_path: Path
) -> None:
    slab = FakeSlab(tmp_path)
    worker = host.start("asks:Asks", shared_memory=slab.offer)
    worker.link.call(1, "ahead", {"method": "m", "count": 1})
    ask = asked(worker)
    worker.link.expect("result")
    worker.link.send({"answer": link.Answer(id=ask.id, value=slab.place(b"x" * 5000))})
    worker.link.run("joined", call_id=2)
    assert worker.link.released == [0]
