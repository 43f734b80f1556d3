"""Objects that tools keep with a session in their worker."""

from __future__ import annotations

from typing import Any

import pytest

from snakeden._link.gen import link_pb2 as link
from tests.fake_host import FakeHost, Worker, decoded


@pytest.fixture
def worker(host: FakeHost) -> Worker:
    return host.start("keeps_state:KeepsState")


def count(worker: Worker, session_id: str, **args: Any) -> tuple[int, int]:
    """Return the count of the session, and how often the host was asked to name its end."""
    worker.link.call(1, "count_local", args, session_id=session_id)
    asks = 0
    while True:
        message = worker.link.next()
        assert message is not None
        if message.WhichOneof("body") == "ask":
            assert message.ask.method == "session.keep_local"
            worker.link.send({"answer": link.Answer(id=message.ask.id)})
            asks += 1
        else:
            return decoded(message.result.value), asks


def end(worker: Worker, *ids: str) -> None:
    worker.link.send({"sessions_ended": link.SessionsEnded(ids=ids)})


def test_calls_of_a_session_share_what_it_keeps(worker: Worker) -> None:
    assert [count(worker, it) for it in ("a", "a", "b", "a")] == [(1, 1), (2, 0), (1, 1), (3, 0)]


def test_the_end_of_a_session_drops_its_objects_and_calls_the_hook(worker: Worker) -> None:
    for it in ("a", "a", "b"):
        count(worker, it)
    end(worker, "a", "none")
    assert worker.link.run("ended_sessions") == [["a", 2]]
    assert [count(worker, it) for it in ("a", "b")] == [(1, 1), (2, 0)]


def test_the_session_that_was_used_longest_ago_makes_room(worker: Worker) -> None:
    for it in ("a", "b", "c", "a", "d"):
        count(worker, it)
    assert worker.link.run("ended_sessions") == [["b", 1]]
    assert count(worker, "a") == (3, 0)


def test_a_hook_that_raises_is_logged_and_ends_nothing(worker: Worker) -> None:
    count(worker, "a", bad=True)
    count(worker, "b")
    end(worker, "a", "b")
    assert worker.link.run("ended_sessions") == [["b", 1]]
    (entry,) = [it for it in worker.link.logs if "on_session_end" in it.message]
    assert "on_session_end() raised for the session a" in entry.message
    assert "ValueError: bad" in entry.message


def test_hooks_run_while_the_worker_is_idle(worker: Worker) -> None:
    count(worker, "a", bad=True)
    end(worker, "a")
    while not worker.link.logs:
        message = worker.link._incoming.get(timeout=20)
        assert message is not None
        worker.link.logs.append(message.log)
