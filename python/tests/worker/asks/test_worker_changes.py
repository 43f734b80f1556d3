"""Waits for changes of variables, between a real worker and a host that the test plays."""

from __future__ import annotations

from typing import Any

import pytest

from snakeden._link.gen import link_pb2 as link
from snakeden._link.gen.values_pb2 import Value
from snakeden._values import values
from snakeden._worker.calls.asking import MAX_OPEN_ASKS
from tests.fake_host import FakeHost, Worker, decoded


@pytest.fixture
def worker(host: FakeHost) -> Worker:
    return host.start("follows:Follows")


def answer(worker: Worker, ask: Any, value: Any) -> None:
    json = values.encode(value).json
    worker.link.send({"answer": link.Answer(id=ask.id, value=Value(json=json))})


def batch(*names: str, ended: bool = False) -> Any:
    return {
        "changes": [
            {"kind": "set", "name": name, "version": number, "position": f"life.{number}"}
            for number, name in enumerate(names, 1)
        ],
        "after": f"life.{len(names)}",
        "ended": ended,
    }


def asked(worker: Worker, method: str) -> Any:
    ask = worker.link.expect("ask")
    assert ask.method == f"session.{method}"
    return ask


def test_a_wait_goes_on_after_an_answer_without_changes(worker: Worker) -> None:
    worker.link.call(1, "collect", {"count": 3}, session_id="s-1")
    answer(worker, asked(worker, "position"), {"position": "life.0"})
    polls = []
    for changes in (batch(), batch("a", "b"), batch("c", ended=True)):
        ask = asked(worker, "changes")
        polls.append(decoded(ask.args))
        answer(worker, ask, changes)
    assert worker.link.result() == ["set a", "set b", "set c"]
    assert [(it["since"], it["after"]) for it in polls] == [
        ("life.0", "life.0"),
        ("life.0", "life.0"),
        ("life.0", "life.2"),
    ]
    assert len({it["poll"] for it in polls}) == 3


def test_waits_leave_places_for_other_asks(worker: Worker) -> None:
    number = MAX_OPEN_ASKS
    worker.link.call(1, "collect_in_threads", {"count": 1, "number": number}, session_id="s-1")
    waits: list[Any] = []
    written = False
    while len(waits) < number // 4 or not written:
        ask = worker.link.expect("ask")
        if ask.method == "session.position":
            answer(worker, ask, {"position": "life.0"})
        elif ask.method == "session.set_vars":
            answer(worker, ask, [{"type": "boolean", "version": 1}])
            written = True
        else:
            waits.append(ask)
    worker.link.nothing_more()
    # Each that is answered makes room for one that waits in line.
    for _ in range(number - len(waits)):
        answer(worker, waits.pop(0), batch("a"))
        waits.append(asked(worker, "changes"))
    for ask in waits:
        answer(worker, ask, batch("a"))
    assert worker.link.result() == [["set a"]] * number


def test_a_callback_that_ends_leaves_its_wait(worker: Worker) -> None:
    worker.link.call(1, "listen", session_id="s-1")
    answer(worker, asked(worker, "position"), {"position": "life.0"})
    message = worker.link.next()
    assert message is not None
    if message.WhichOneof("body") == "ask":
        # The callback began to wait before the tool returned.
        poll = decoded(message.ask.args)["poll"]
        assert decoded(asked(worker, "leave_changes").args) == {"poll": poll}
        message = worker.link.next()
        assert message is not None
    assert decoded(message.result.value) == "left"


def test_a_call_that_was_stopped_is_interrupted_where_it_closes_a_wait(worker: Worker) -> None:
    worker.link.call(1, "close_late", session_id="s-1")
    answer(worker, asked(worker, "position"), {"position": "life.0"})
    asked(worker, "changes")
    worker.link.send({"cancel": link.Cancel(id=1)})
    assert worker.link.expect("failure").error.code == "cancelled"
