"""Variables of the session, between a real worker and a host that the test plays."""

from __future__ import annotations

from typing import Any

import pytest

from snakeden._link.gen import link_pb2 as link
from snakeden._link.gen.errors_pb2 import HostError
from snakeden._link.gen.values_pb2 import Value
from snakeden._values import values
from tests.fake_host import FakeHost, Worker, decoded


@pytest.fixture
def worker(host: FakeHost) -> Worker:
    return host.start("keeps_state:KeepsState")


def answer(worker: Worker, ask: Any, value: Any) -> None:
    json = values.encode(value).json
    worker.link.send({"answer": link.Answer(id=ask.id, value=Value(json=json))})


def write(worker: Worker, tool: str = "write") -> Any:
    """Call a tool that writes, and return what the host is asked for."""
    worker.link.call(1, tool, {"name": "x", "value": [1.0]}, session_id="s-1")
    ask = worker.link.expect("ask")
    assert (ask.call_id, ask.method) == (1, "session.set_vars")
    assert decoded(ask.args) == {"variables": [{"name": "x", "value": {"json": "[1.0]"}}]}
    return ask


def test_a_call_is_answered_after_its_writes_are_confirmed(worker: Worker) -> None:
    ask = write(worker)
    worker.link.nothing_more()
    answer(worker, ask, [{"type": "json", "version": 1}])
    assert worker.link.result() is None


def test_a_call_fails_if_a_write_was_refused(worker: Worker) -> None:
    ask = write(worker)
    error = HostError(code="unknown_session", message="gone")
    worker.link.send({"answer": link.Answer(id=ask.id, error=error)})
    failure = worker.link.expect("failure").error
    assert failure.message == (
        "tool 'write' raised snakeden.errors.HostError: gone (unknown_session)"
    )


def test_a_call_whose_tool_raised_waits_for_its_writes_and_keeps_its_error(worker: Worker) -> None:
    ask = write(worker, "write_then_raise")
    worker.link.nothing_more()
    answer(
        worker, ask, [{"error": {"code": "x", "message": "", "details": {}, "retryable": False}}]
    )
    assert worker.link.expect("failure").error.python.type == "ValueError"


def test_the_deadline_ends_the_wait_for_a_write(worker: Worker) -> None:
    for call_id, tool in enumerate(("write", "write_then_raise"), 1):
        args = {"name": "x", "value": 1}
        worker.link.call(call_id, tool, args, session_id="s-1", timeout_ms=300)
        worker.link.expect("ask")
        assert worker.link.expect("failure").error.code == "deadline_exceeded"


@pytest.mark.parametrize("follow", [False, True])
def test_a_forked_copy_of_the_tool_ends_without_the_host(worker: Worker, follow: bool) -> None:
    worker.link.call(1, "fork_and_return", {"follow": follow}, session_id="s-1")
    asks = [worker.link.expect("ask") for _ in range(2 if follow else 1)]
    # The child ends while the write is not confirmed.
    worker.link.nothing_more(1.0)
    for ask in asks:
        is_write = ask.method == "session.set_vars"
        answer(worker, ask, [{"type": "json", "version": 1}] if is_write else {"position": "a.1"})
    while True:
        message = worker.link.next()
        assert message is not None
        body = message.WhichOneof("body")
        if body != "ask":
            break
        answer(worker, message.ask, {"changes": [], "after": "a.1", "ended": True})
    assert body == "result", message
    assert decoded(message.result.value) == 0
