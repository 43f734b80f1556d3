"""Tools that a worker registers while it runs."""

from __future__ import annotations

from typing import Any

import pytest

from snakeden._link.gen import link_pb2 as link
from tests.fake_host import FakeHost, Worker, decoded
from tests.worker.asks.test_worker_asks import answer, asked, cancel, refuse


@pytest.fixture
def worker(host: FakeHost) -> Worker:
    return host.start("registers:Registers")


def register(worker: Worker, name: str, *, life: str | None = None, **fields: Any) -> Any:
    """Have a tool registered, and return what the host was asked for."""
    worker.link.call(1, "register", {"name": name}, **fields)
    ask = asked(worker)
    assert ask.method == "tools.register"
    answer(worker, ask.id, value=None if life is None else {"life": life})
    worker.link.result()
    return decoded(ask.args)


def end(worker: Worker, *lives: str) -> None:
    worker.link.send({"sessions_ended": link.SessionsEnded(lives=lives)})


def run_of_session(worker: Worker, tool: str) -> Any:
    worker.link.call(1, tool, session_id="s1")
    return worker.link.result()


def failure(worker: Worker) -> str:
    return str(worker.link.expect("failure").error.code)


def test_a_registered_tool_is_described_as_one_of_the_adapter(worker: Worker) -> None:
    args = register(worker, "f")
    assert args["session"] is False
    (described,) = args["tools"]
    assert described["name"] == "f"
    assert described["description"] == "Tell who runs it."
    assert '"sleep"' in described["inputSchema"]
    assert (described["streams"], described["idempotent"], described["timeoutMs"]) == (
        False,
        False,
        0,
    )


def test_a_registered_tool_is_called_with_arguments_that_are_checked(worker: Worker) -> None:
    register(worker, "f")
    assert worker.link.run("f", x=3)["x"] == 3
    worker.link.call(2, "f", {"x": "three"})
    assert failure(worker) == "invalid_arguments"


def test_a_key_error_of_a_registered_tool_is_its_own(worker: Worker) -> None:
    worker.link.call(1, "raises_key_error")
    answer(worker, asked(worker).id)
    worker.link.result()
    worker.link.call(2, "lookup")
    assert failure(worker) == "python_exception"
    worker.link.call(3, "nothing")
    assert failure(worker) == "unknown_tool"


def test_a_tool_of_a_session_is_seen_by_the_session_alone(worker: Worker) -> None:
    args = register(worker, "f", life="life-1", session_id="s1")
    assert args["session"] is True
    assert run_of_session(worker, "f")["name"] == "f"
    for session_id in ("", "s2"):
        worker.link.call(2, "f", session_id=session_id)
        assert failure(worker) == "unknown_tool"


def test_a_tool_of_a_session_ends_with_its_life_alone(worker: Worker) -> None:
    register(worker, "f", life="life-1", session_id="s1")
    register(worker, "g")
    end(worker, "life-0")
    assert run_of_session(worker, "f")["name"] == "f"
    end(worker, "life-1")
    worker.link.call(2, "f", session_id="s1")
    assert failure(worker) == "unknown_tool"
    assert run_of_session(worker, "g")["name"] == "g"
    assert worker.link.run("kept_functions") == 1


def test_a_life_that_ends_before_the_answer_leaves_no_tool(worker: Worker) -> None:
    worker.link.call(1, "register", {"name": "f"}, session_id="s1")
    ask = asked(worker)
    end(worker, "life-1")
    answer(worker, ask.id, value={"life": "life-1"})
    worker.link.result()
    worker.link.call(2, "f", session_id="s1")
    assert failure(worker) == "unknown_tool"


def test_a_tool_that_the_host_refuses_is_not_there(worker: Worker) -> None:
    worker.link.call(1, "error_of", {"step": "register", "name": "f"})
    refuse(worker, asked(worker).id, "tool_exists", "there is one")
    assert worker.link.result()["code"] == "tool_exists"
    worker.link.call(2, "f")
    assert failure(worker) == "unknown_tool"
    assert worker.link.run("kept_functions") == 0


def test_a_refusal_leaves_the_tool_that_was_there(worker: Worker) -> None:
    register(worker, "f")
    worker.link.call(1, "error_of", {"step": "register", "name": "f"})
    refuse(worker, asked(worker).id, "tool_exists", "there is one")
    worker.link.result()
    assert worker.link.run("f")["name"] == "f"


def test_a_call_that_is_cancelled_while_it_registers_leaves_what_the_host_may_know(
    worker: Worker,
) -> None:
    worker.link.call(1, "register", {"name": "f"})
    ask = asked(worker)
    cancel(worker, 1)
    assert failure(worker) == "cancelled"
    answer(worker, ask.id)
    assert worker.link.run("f")["name"] == "f"


def test_a_call_that_is_cancelled_while_it_registers_leaves_nothing_that_the_host_refuses(
    worker: Worker,
) -> None:
    worker.link.call(1, "register", {"name": "f"}, session_id="s1")
    ask = asked(worker)
    cancel(worker, 1)
    assert failure(worker) == "cancelled"
    refuse(worker, ask.id, "cancelled", "The call that asked has ended")
    assert worker.link.run("kept_functions") == 0


def test_a_tool_of_a_session_whose_call_was_cancelled_ends_with_its_life(worker: Worker) -> None:
    worker.link.call(1, "register", {"name": "f"}, session_id="s1")
    ask = asked(worker)
    cancel(worker, 1)
    assert failure(worker) == "cancelled"
    answer(worker, ask.id, value={"life": "life-1"})
    assert run_of_session(worker, "f")["name"] == "f"
    end(worker, "life-1")
    assert worker.link.run("kept_functions") == 0


def test_a_call_that_is_cancelled_while_it_unregisters_keeps_no_function(worker: Worker) -> None:
    register(worker, "f")
    worker.link.call(1, "unregister", {"name": "f"})
    ask = asked(worker)
    cancel(worker, 1)
    assert failure(worker) == "cancelled"
    answer(worker, ask.id)
    assert worker.link.run("kept_functions") == 0


def test_an_unregistered_tool_is_gone(worker: Worker) -> None:
    register(worker, "f", life="life-1", session_id="s1")
    register(worker, "f")
    for session_id, is_of_session in (("s1", True), ("", False)):
        worker.link.call(2, "unregister", {"name": "f"}, session_id=session_id)
        ask = asked(worker)
        assert (ask.method, decoded(ask.args)) == (
            "tools.unregister",
            {"names": ["f"], "session": is_of_session},
        )
        answer(worker, ask.id)
        worker.link.result()
    worker.link.call(3, "f")
    assert failure(worker) == "unknown_tool"
    assert worker.link.run("kept_functions") == 0


def test_an_asynchronous_tool_registers_too(worker: Worker) -> None:
    worker.link.call(1, "register_async", {"name": "f"})
    answer(worker, asked(worker).id)
    worker.link.result()
    assert worker.link.run("f")["name"] == "f"


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a lambda", "ValueError: register() cannot name a lambda; give it a name"),
        ("a class", "TypeError: register() takes a function or a method, not a class"),
        ("an object", "TypeError: register() takes a function or a method, not an object of"),
        ("empty", "ValueError: register(): the tool name '' is not allowed: it is empty"),
        ("65 bytes", "is not allowed: it has 65 bytes; allowed: at most 64 bytes"),
        ("a dot first", "the tool name '.x' is not allowed: it begins with a dot"),
        ("no string", "TypeError: register(name=...): it is of type int, not a string"),
        ("another form", "the tool name 'a b' is not allowed: it has another form"),
        ("no named arguments", "ValueError: register(): tool 'join' takes *"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_before_the_host_is_asked(
    worker: Worker, what: str, text: str
) -> None:
    assert text in worker.link.run("refusal", what=what)


def test_a_call_without_a_session_registers_no_tool_of_a_session(worker: Worker) -> None:
    error = worker.link.run("error_of", step="register", name="f", session=True)
    assert error["code"] == "ValueError"
    assert "has no session" in error["text"]
