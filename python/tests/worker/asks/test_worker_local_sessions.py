"""Objects that tools keep with a session in their worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snakeden._link.gen import link_pb2 as link
from snakeden._link.gen.errors_pb2 import HostError
from snakeden._link.gen.values_pb2 import Value
from snakeden._values import values
from snakeden._worker import exit_status
from tests.fake_host import FakeHost, Worker, decoded


@pytest.fixture
def worker(host: FakeHost) -> Worker:
    return host.start("keeps_state:KeepsState")


def call(worker: Worker, tool: str, session_id: str, life: str | None, **args: Any) -> Any:
    """Run a tool that uses the objects of a session; None refuses them."""
    worker.link.call(1, tool, args, session_id=session_id)
    while True:
        message = worker.link.next()
        assert message is not None
        if message.WhichOneof("body") != "ask":
            return message
        assert message.ask.method == "session.keep_local"
        answer: dict[str, Any]
        if life is None:
            answer = {"error": HostError(code="unknown_session", message="gone")}
        else:
            answer = {"value": Value(json=values.encode({"life": life}).json)}
        worker.link.send({"answer": link.Answer(id=message.ask.id, **answer)})


def count(worker: Worker, session_id: str, life: str | None = None, **args: Any) -> Any:
    message = call(worker, "count_local", session_id, life or session_id, **args)
    return decoded(message.result.value)


def end(worker: Worker, *lives: str) -> None:
    worker.link.send({"sessions_ended": link.SessionsEnded(lives=lives)})


def test_calls_of_a_session_share_what_it_keeps(worker: Worker) -> None:
    assert [count(worker, it) for it in ("a", "a", "b", "a")] == [1, 2, 1, 3]


@pytest.mark.parametrize("tool", ["count_local", "count_local_async", "local_in_thread"])
def test_a_session_that_the_host_does_not_know_keeps_nothing(worker: Worker, tool: str) -> None:
    assert call(worker, tool, "a", "a-1").HasField("result")
    failure = call(worker, tool, "a", None).failure.error
    assert "snakeden.errors.HostError: gone (unknown_session)" in failure.message


def test_a_session_that_was_opened_again_has_nothing_of_the_one_before(worker: Worker) -> None:
    assert [count(worker, "a", it) for it in ("a-1", "a-1", "a-2", "a-2")] == [1, 2, 1, 2]
    # The host says so late.
    end(worker, "a-1")
    assert worker.link.run("ended_sessions") == [["a", 2]]
    assert count(worker, "a", "a-2") == 3


def test_a_call_asks_the_host_once_for_what_is_kept(worker: Worker) -> None:
    worker.link.call(1, "use_local_often", {}, session_id="a")
    ask = worker.link.expect("ask")
    value = Value(json=values.encode({"life": "a-1"}).json)
    worker.link.send({"answer": link.Answer(id=ask.id, value=value)})
    assert worker.link.result() == 100


def test_a_call_that_is_cancelled_waits_no_longer_for_what_is_kept(worker: Worker) -> None:
    for call_id, tool in enumerate(("count_local", "count_local_async"), 1):
        worker.link.call(call_id, tool, {}, session_id="a")
        worker.link.expect("ask")
        worker.link.send({"cancel": link.Cancel(id=call_id)})
        assert worker.link.expect("failure").error.code == "cancelled"


def test_the_end_of_a_session_drops_its_objects_and_calls_the_hook(worker: Worker) -> None:
    for it in ("a", "a", "b"):
        count(worker, it)
    end(worker, "a", "none")
    assert worker.link.run("ended_sessions") == [["a", 2]]
    assert [count(worker, it) for it in ("a", "b")] == [1, 2]


def test_a_session_that_ends_before_its_objects_are_there_drops_them(worker: Worker) -> None:
    worker.link.call(1, "count_local", {}, session_id="a")
    ask = worker.link.expect("ask")
    value = Value(json=values.encode({"life": "a-1"}).json)
    worker.link.send(
        {"answer": link.Answer(id=ask.id, value=value)},
        {"sessions_ended": link.SessionsEnded(lives=["a-1"])},
    )
    assert worker.link.result() == 1
    assert worker.link.run("ended_sessions") == [["a", 1]]


def test_the_session_that_was_used_longest_ago_makes_room(worker: Worker) -> None:
    for it in ("a", "b", "c", "a", "d"):
        count(worker, it)
    assert worker.link.run("ended_sessions") == [["b", 1]]
    assert count(worker, "a") == 3


def test_the_newest_session_makes_room_for_none_beside_it(host: FakeHost) -> None:
    worker = host.start("keeps_state:KeepsOne")
    assert [count(worker, it) for it in ("a", "b", "b", "a")] == [1, 1, 2, 1]
    assert worker.link.run("ended_sessions") == [["a", 1], ["b", 2]]


@pytest.mark.parametrize("bad", ["ValueError", "SystemExit", "CancelledError"])
def test_a_hook_that_raises_is_logged_and_ends_nothing(worker: Worker, bad: str) -> None:
    count(worker, "a", bad=bad)
    count(worker, "b")
    end(worker, "a", "b")
    assert worker.link.run("ended_sessions") == [["b", 1]]
    (entry,) = [it for it in worker.link.logs if "on_session_end" in it.message]
    assert "on_session_end() raised for the session a" in entry.message
    assert f"{bad}: bad" in entry.message


def test_a_hook_that_never_ends_ends_the_worker(host: FakeHost) -> None:
    worker = host.start("keeps_state:Hangs")
    count(worker, "a")
    end(worker, "a")
    assert worker.wait() == exit_status.INTERNAL
    assert "left after waiting 0.1 s for on_session_end() of the session a" in worker.stderr


def test_hooks_run_while_the_worker_is_idle(worker: Worker) -> None:
    count(worker, "a", bad="ValueError")
    end(worker, "a")
    while not worker.link.logs:
        message = worker.link._incoming.get(timeout=20)
        assert message is not None
        worker.link.logs.append(message.log)


def test_the_end_of_the_worker_calls_the_hooks_before_teardown(
    host: FakeHost, tmp_path: Path
) -> None:
    file = tmp_path / "events"
    worker = host.start("keeps_state:Records", env={"RECORDS_FILE": str(file)})
    for it in ("a", "b", "c"):
        count(worker, it)
    count(worker, "b", bad="ValueError")
    end(worker, "a")
    worker.stop()
    assert file.read_text().split() == ["setup", "end:a:1", "end:c:1", "end:b:2", "teardown"]


def test_all_adapters_hear_of_the_end_though_one_raises(host: FakeHost, tmp_path: Path) -> None:
    file = tmp_path / "events"
    worker = host.start(
        "keeps_state:Raises", "keeps_state:Records", env={"RECORDS_FILE": str(file)}
    )
    count(worker, "a")
    worker.stop()
    assert file.read_text().split() == ["setup", "end:a:1", "teardown"]
