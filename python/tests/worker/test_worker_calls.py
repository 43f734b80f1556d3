from __future__ import annotations

import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snakeden._link.gen import link_pb2 as link
from snakeden._worker.system.progress_cell import layout_of
from tests.fake_host import FakeHost, call_body, decoded


def test_worker_answers_the_demo(host: FakeHost) -> None:
    run = host.start("snakeden.demo").link.run
    assert run("ping") == "pong"
    assert run("echo", value={"a": [1, None, "ü"]}) == {"a": [1, None, "ü"]}
    three = run("add", a=2, b=3)
    assert (three, type(three)) == (5, int)
    assert run("add", a=2.5, b=1) == 3.5


def test_worker_says_how_long_the_tool_ran(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    worker.link.call(9, "sleep", {"seconds": 0.05})
    result = worker.link.expect("result")
    assert result.id == 9
    assert result.run_ms >= 50


@pytest.mark.parametrize("dtype", ["|b1", "<i8", ">i4", "<f2", "<f8", "<c16"])
def test_worker_carries_arrays_both_ways(host: FakeHost, dtype: str) -> None:
    run = host.start("values_echo").link.run
    value = np.arange(6).astype(dtype).reshape(2, 3)
    np.testing.assert_array_equal(run("echo", value=value), value)
    np.testing.assert_array_equal(run("echo", value={"x": [value.T]})["x"][0], value.T)
    described = run("describe", value=value)
    assert described["dtype"] == value.dtype.newbyteorder("<").str
    assert described["shape"] == [2, 3]
    assert described["writeable"] is False
    for order in "CFS":
        got = run("make_array", dtype=dtype, shape=[2, 3], order=order)
        np.testing.assert_array_equal(got, value)


def test_worker_carries_what_json_lacks(host: FakeHost) -> None:
    got = host.start("values_echo").link.run("special")
    assert math.isnan(got["nan"])
    assert got["infinity"] == math.inf
    assert math.copysign(1, got["negative_zero"]) == -1
    assert got["big"] == 2**70
    assert got["bytes"] == bytes(range(256))
    assert got["datetime"] == "2024-02-29T12:30:00+00:00"
    assert got["tagged"] == {"$snakeden": "user's own"}


def test_worker_marks_what_cannot_be_serialized(host: FakeHost) -> None:
    got = host.start("values_echo").link.run("unserializable")
    assert got["object"] == {"$snakeden": "unserializable", "type": "object"}
    assert got["fine"] == 1


def test_worker_carries_large_values(host: FakeHost) -> None:
    run = host.start("values_echo").link.run
    data = os.urandom(20_000_000)
    assert run("echo", value=data) == data


@pytest.mark.parametrize(
    ("tool", "args", "code", "text"),
    [
        ("raise_value_error", {"message": "bad"}, "python_exception", "raised ValueError: bad"),
        (
            "raise_unprintable",
            {},
            "python_exception",
            "raised raises.Unprintable: <the message is not",
        ),
        ("exit_politely", {"code": 3}, "python_exception", "raised SystemExit: 3"),
        ("interrupt", {}, "python_exception", "raised KeyboardInterrupt"),
        ("recurse", {}, "python_exception", "raised RecursionError: maximum recursion"),
        ("stop_iteration", {}, "python_exception", "raised StopIteration: done"),
        ("exhaust", {}, "python_exception", "raised MemoryError: no more"),
        ("bad_key", {}, "invalid_value", "result.rows[0]: a key of type tuple"),
        (
            "raise_value",
            {},
            "unknown_tool",
            "no tool 'raise_value'; did you mean raise_value_error",
        ),
    ],
)
def test_worker_answers_every_failure_and_lives_on(
    host: FakeHost, tool: str, args: dict[str, Any], code: str, text: str
) -> None:
    worker = host.start("raises")
    error = worker.link.failure(tool, **args)
    assert error.code == code
    assert text in error.message
    if code == "python_exception":
        assert "raises.py" in error.python.traceback
        assert "/python/src/snakeden/" not in error.python.traceback
    worker.link.send({"ping": link.Ping(id=1)})
    worker.link.expect("pong")
    assert worker.process.poll() is None


def test_worker_shows_the_causes_of_an_exception(host: FakeHost) -> None:
    error = host.start("raises").link.failure("raise_value_error", message="outer")
    assert error.python.type == "ValueError"
    assert error.python.message == "outer"
    assert "KeyError: 'inner'" in error.python.traceback


def test_worker_names_every_bad_argument(host: FakeHost) -> None:
    error = host.start("typed").link.failure(
        "everything", count="1", ratio=1, flag=1, names=["a", 2], sizes={"k": "v"}, extra="x"
    )
    assert error.code == "invalid_arguments"
    assert {issue.path for issue in error.issues} == {
        "args.count",
        "args.flag",
        "args.names[1]",
        "args.sizes.k",
        "args.extra",
    }


def test_worker_refuses_results_that_are_too_large_or_too_deep(host: FakeHost) -> None:
    worker = host.start("values_echo", max_result_bytes=1000, max_depth=5)
    error = worker.link.failure("big", size=1001)
    assert error.code == "result_too_large"
    assert "the limit is 1000" in error.message
    error = worker.link.failure("nested", depth=6)
    assert error.code == "invalid_value"
    assert "nested deeper than 5" in error.message
    assert worker.link.failure("cycle").code == "invalid_value"
    assert worker.link.run("nested", depth=5) == [[[[[]]]]]


def test_worker_refuses_a_value_that_is_broken(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    body = call_body(1, "echo")
    body["call"].args.json = b'{"value":{"$snakeden":"bytes","buffer":3}}'
    body["call"].args.tagged = True
    worker.link.send(body)
    error = worker.link.expect("failure").error
    assert error.code == "invalid_value"
    assert "args.value: a broken $snakeden tag 'bytes'" in error.message


def test_worker_runs_calls_in_the_order_they_came(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    worker.link.call(1, "sleep", {"seconds": 0.1})
    for call_id in range(2, 50):
        worker.link.call(call_id, "echo", {"value": call_id})
    assert [worker.link.expect("result").id for _ in range(49)] == list(range(1, 50))


def test_worker_answers_pings_while_a_call_runs(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    worker.link.call(1, "sleep", {"seconds": 1000})
    worker.link.send({"ping": link.Ping(id=5)})
    assert worker.link.expect("pong").id == 5


def test_worker_answers_pings_while_a_loop_keeps_the_interpreter_busy(
    host: FakeHost, tmp_path: Any
) -> None:
    worker = host.start("appender")
    worker.link.call(1, "append_forever", {"path": str(tmp_path / "x")})
    worker.link.send({"ping": link.Ping(id=5)})
    assert worker.link.expect("pong").id == 5


def test_worker_answers_a_burst_of_2000_calls(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    worker.link.send(*[call_body(i, "add", {"a": i, "b": 1}) for i in range(1, 2001)])
    results = [worker.link.expect("result") for _ in range(2000)]
    assert [result.id for result in results] == list(range(1, 2001))
    assert all(decoded(result.value) == result.id + 1 for result in results)


def test_worker_may_use_the_number_of_a_finished_call_again(host: FakeHost) -> None:
    run = host.start("snakeden.demo").link.run
    assert [run("echo", call_id=1, value=n) for n in range(50)] == list(range(50))


def test_worker_dies_when_its_tool_ends_the_process(host: FakeHost) -> None:
    worker = host.start("dies_in_call")
    worker.link.call(1, "last_words", {"text": "goodbye", "code": 9})
    assert worker.link.next() is None
    assert worker.wait() == 9
    assert "goodbye" in worker.stderr


def test_worker_shows_where_it_crashed(host: FakeHost) -> None:
    worker = host.start("dies_in_call")
    worker.link.call(1, "segfault")
    assert worker.link.next() is None
    assert worker.wait() < 0
    assert "Segmentation fault" in worker.stderr
    assert "dies_in_call.py" in worker.stderr


def test_worker_does_not_go_on_in_a_forked_child(host: FakeHost) -> None:
    worker = host.start("forks_children")
    assert worker.link.run("fork_and_return") == 0
    worker.link.nothing_more()


def test_worker_leaves_sigterm_its_meaning_in_forked_children(host: FakeHost) -> None:
    run = host.start("forks_children").link.run
    assert [run("fork_and_terminate") for _ in range(10)] == [-signal.SIGTERM] * 10


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_lets_tools_use_pools_of_processes(host: FakeHost, method: str) -> None:
    assert host.start("forks_children").link.run("process_pool", method=method) == [1, 2, 3]


def test_worker_runs_asynchronous_tools(host: FakeHost) -> None:
    worker = host.start("streams")
    started = time.monotonic()
    assert worker.link.run("async_sleep", seconds=0.05) == "slept"
    assert worker.link.run("async_sleep", seconds=0.0) == "slept"
    assert time.monotonic() - started >= 0.05


def test_worker_gives_back_what_a_long_call_keeps_from_starting(host: FakeHost) -> None:
    worker = host.start("swallows_cancel")
    worker.link.call(1, "stubborn_aloud", {"seconds": 0.5})
    worker.link.call(2, "stubborn")
    worker.link.call(3, "stubborn")
    worker.link.expect("progress")
    worker.link.send({"recall": link.Recall()})
    assert list(worker.link.expect("recalled").ids) == [2, 3]
    assert worker.link.expect("result").id == 1


def test_worker_notes_the_call_it_starts(host: FakeHost, tmp_path: Path) -> None:
    noted = tmp_path / "progress"
    noted.write_bytes(bytes(layout_of(1).nbytes))
    worker = host.connect()
    worker.link.expect("hello")
    worker.welcome("dies_in_call", progress_path=str(noted))
    promises = worker.link.expect("ready").notes_progress
    # Where gRPC's threads send the answers, a noted call says nothing of those before it.
    assert promises == (host.carrier == "socket")
    if not promises:
        return
    worker.link.call(7, "last_words", {"text": "goodbye", "code": 9})
    worker.link.call(8, "last_words", {"text": "never", "code": 9})
    assert worker.link.next() is None
    assert int.from_bytes(noted.read_bytes()[:4], sys.byteorder) == 7


def test_worker_says_when_it_cannot_note_progress(host: FakeHost, tmp_path: Path) -> None:
    worker = host.connect()
    worker.link.expect("hello")
    worker.welcome("snakeden.demo", progress_path=str(tmp_path / "nowhere"))
    assert not worker.link.expect("ready").notes_progress
