"""Tools of the host, between a real worker and a host that the test plays."""

from __future__ import annotations

from typing import Any

import pytest

from snakeden._link.gen import link_pb2 as link
from snakeden._link.gen.errors_pb2 import HostError
from snakeden._link.gen.values_pb2 import Value
from snakeden._values import values
from snakeden._worker.calls.asking import MAX_OPEN_ASK_BYTES, MAX_OPEN_ASKS
from tests.fake_host import FakeHost, Worker, decoded

PLACES = MAX_OPEN_ASKS // 2


@pytest.fixture
def worker(host: FakeHost) -> Worker:
    return host.start("calls_host:CallsHost")


def answer(worker: Worker, ask: Any, value: Any = None) -> None:
    encoded = values.encode(value)
    buffers = list(map(bytes, encoded.buffers))
    wire = Value(json=encoded.json, tagged=encoded.tagged, buffers=buffers)
    worker.link.send({"answer": link.Answer(id=ask.id, value=wire)})


def refuse(worker: Worker, ask: Any, code: str, message: str = "no", **fields: Any) -> None:
    error = HostError(code=code, message=message, **fields)
    worker.link.send({"answer": link.Answer(id=ask.id, error=error)})


def asked(worker: Worker, method: str) -> tuple[Any, Any]:
    """Return the next ask, which must be for a method of tools, and its arguments."""
    ask = worker.link.expect("ask")
    assert ask.method == f"tools.{method}", ask
    return ask, decoded(ask.args)


def batch(*items: Any, done: bool = False, **more: Any) -> dict[str, Any]:
    return {"items": list(items), "done": done, **more}


# ---- calls ----


def test_a_call_is_one_message_without_the_list_before_it(worker: Worker) -> None:
    numbers = set()
    for call_id, tool in enumerate(("call", "acall", "by_attribute"), 1):
        args = {"args": {"id": 2**70, "b": b"\x01"}}
        worker.link.call(call_id, tool, args if tool[0] == "b" else {"name": "a-b", **args})
        ask, seen = asked(worker, "call")
        assert ask.call_id == call_id
        assert seen["name"] == ("echo" if tool[0] == "b" else "a-b")
        assert seen["args"] == args["args"]
        numbers.add(seen["id"])
        answer(worker, ask, {"back": b"\x02"})
        assert worker.link.result() == {"back": b"\x02"}
    assert len(numbers) == 3


def test_an_error_of_a_host_tool_has_its_code_and_its_name(worker: Worker) -> None:
    issues = [{"path": "id", "message": "allowed: a number"}]
    details = values.encode({"issues": issues}).json.decode()
    for call_id, how in enumerate(("call", "stream"), 1):
        worker.link.call(call_id, "catches", {"name": "lookup", "args": {}, "how": how})
        ask, _ = asked(worker, "open" if how == "stream" else "call")
        refuse(worker, ask, "invalid_arguments", "wrong", details=details, retryable=True)
        assert worker.link.result() == {
            "tool": "lookup",
            "code": "invalid_arguments",
            "message": "wrong",
            "details": {"issues": issues},
            "retryable": True,
            "issues": [["id", "allowed: a number"]],
            "text": 'host tool "lookup": wrong (invalid_arguments)',
        }


def test_an_error_that_the_tool_does_not_catch_names_both_tools_and_the_code(
    worker: Worker,
) -> None:
    for call_id, tool in enumerate(("call", "acall"), 1):
        worker.link.call(call_id, tool, {"name": "lookup", "args": {}})
        refuse(worker, asked(worker, "call")[0], "host_tool_failed", "No customer 3")
        error = worker.link.expect("failure").error
        assert (error.code, error.python.type) == (
            "python_exception",
            "snakeden.errors.HostToolError",
        )
        assert error.message == (
            f"tool '{tool}' raised snakeden.errors.HostToolError: "
            'host tool "lookup": No customer 3 (host_tool_failed)'
        )
        traceback = error.python.traceback
        assert "During handling" not in traceback
        assert "direct cause" not in traceback
        assert "host_tools" not in traceback.replace("calls_host", ""), "no frames of the package"


@pytest.mark.parametrize("stream", [False, True])
def test_a_task_that_is_cancelled_stops_its_host_tool(worker: Worker, stream: bool) -> None:
    worker.link.call(1, "cancels_task", {"name": "slow", "args": {}, "stream": stream})
    slow: Any = None
    echo: Any = None
    for _ in range(2):
        ask = worker.link.expect("ask")
        if decoded(ask.args)["name"] == "slow":
            slow = ask
        else:
            echo = ask
    answer(worker, echo)
    cancel, args = asked(worker, "cancel")
    assert args == {"id": decoded(slow.args)["id"]}
    answer(worker, cancel)
    refuse(worker, slow, "cancelled")
    answer(worker, asked(worker, "call")[0])
    assert worker.link.result() == "cancelled"


def test_an_exception_of_another_signal_stops_the_host_tool(worker: Worker) -> None:
    worker.link.call(1, "alarm", {"name": "slow", "args": {}})
    _, slow = asked(worker, "call")
    assert asked(worker, "cancel")[1] == {"id": slow["id"]}
    answer(worker, asked(worker, "call")[0])
    assert worker.link.result() == "the alarm"


@pytest.mark.parametrize("cause", ["cancelled", "deadline_exceeded"])
def test_a_call_that_is_stopped_needs_no_other_message(worker: Worker, cause: str) -> None:
    late = cause == "deadline_exceeded"
    for call_id, tool in enumerate(("call", "acall", "items", "items_async"), 1):
        args = {"name": "slow", "args": {}}
        worker.link.call(call_id, tool, args, timeout_ms=200 if late else 0)
        ask = worker.link.expect("ask")
        if not late:
            worker.link.send({"cancel": link.Cancel(id=call_id)})
        assert worker.link.expect("failure").error.code == cause
        answer(worker, ask, batch(1))
    worker.link.call(9, "call", {"name": "echo", "args": {}})
    answer(worker, asked(worker, "call")[0], "ok")
    assert worker.link.result() == "ok"


# ---- streams ----


def test_the_next_batch_is_asked_for_when_one_is_taken(worker: Worker) -> None:
    for call_id, tool in enumerate(("items", "items_async"), 1):
        worker.link.call(call_id, tool, {"name": "count", "args": {"to": 5}})
        ask, opened = asked(worker, "open")
        assert (opened["name"], opened["args"]) == ("count", {"to": 5})
        worker.link.nothing_more()
        answer(worker, ask, batch(0, b"\x01", None))
        ask, following = asked(worker, "next")
        assert following == {"id": opened["id"]}
        worker.link.nothing_more()
        answer(worker, ask, batch())
        ask, _ = asked(worker, "next")
        answer(worker, ask, batch(3, done=True, result={"n": 4}))
        assert worker.link.result() == [[0, b"\x01", None, 3], {"n": 4}, []]


def test_a_reader_that_is_slow_asks_for_one_batch_ahead(worker: Worker) -> None:
    worker.link.call(1, "passes_on", {"name": "count", "args": {}}, stream=True, window_bytes=150)
    answer(worker, asked(worker, "open")[0], batch(*range(100)))
    ahead, _ = asked(worker, "next")
    answer(worker, ahead, batch(*range(100, 200)))
    chunks = 0
    while (message := worker.link.next(0.5) if chunks < 3 else None) is not None:
        assert message.WhichOneof("body") == "chunk", "no further batch before this one is read"
        chunks += 1
    worker.link.nothing_more()
    worker.link.send({"cancel": link.Cancel(id=1)})
    assert worker.link.expect("failure").error.code == "cancelled"


@pytest.mark.parametrize("tool", ["leaves", "leaves_async"])
def test_leaving_a_stream_stops_the_host_tool_at_once(worker: Worker, tool: str) -> None:
    for call_id, how in enumerate(("break", "close", "with"), 1):
        worker.link.call(call_id, tool, {"name": "count", "args": {}, "how": how})
        ask, opened = asked(worker, "open")
        answer(worker, ask, batch(*range(10)))
        ahead, _ = asked(worker, "next")
        cancel, args = asked(worker, "cancel")
        assert args == {"id": opened["id"]}
        answer(worker, cancel)
        refuse(worker, ahead, "cancelled")
        answer(worker, asked(worker, "call")[0])
        assert worker.link.result() == 0


def test_a_stream_that_is_read_to_its_end_is_not_stopped(worker: Worker) -> None:
    worker.link.call(1, "leaves", {"name": "count", "args": {}, "how": "close"})
    answer(worker, asked(worker, "open")[0], batch(0, 1, done=True))
    answer(worker, asked(worker, "call")[0])
    assert worker.link.result() == 0


def test_a_wait_for_an_item_ends_when_the_stream_is_closed_elsewhere(worker: Worker) -> None:
    for call_id, tool in enumerate(("closes_in_thread", "closes_in_task"), 1):
        worker.link.call(call_id, tool, {"name": "count", "args": {}})
        answer(worker, asked(worker, "open")[0], batch(7))
        asked(worker, "next")
        asked(worker, "cancel")
        assert worker.link.result() == [7]


def test_a_stream_that_fails_does_so_after_its_items(worker: Worker) -> None:
    args = {"name": "count", "args": {}}
    worker.link.call(1, "passes_on_async", args, stream=True, window_bytes=1 << 20)
    answer(worker, asked(worker, "open")[0], batch("last"))
    refuse(worker, asked(worker, "next")[0], "host_tool_failed", "broken")
    assert decoded(worker.link.expect("chunk").value) == "last"
    error = worker.link.expect("failure").error
    assert error.message.endswith('host tool "count": broken (host_tool_failed)')


# ---- the list ----


def test_the_list_is_asked_for_once_and_again_after_an_unknown_tool(worker: Worker) -> None:
    def listed(*names: str) -> Any:
        tools = [
            {"name": it, "description": "", "inputSchema": {}, "streams": False} for it in names
        ]
        return {"tools": tools}

    worker.link.call(1, "lists_again", {"name": "gone"})
    answer(worker, asked(worker, "list")[0], listed("a", "b"))
    refuse(worker, asked(worker, "call")[0], "unknown_tool")
    answer(worker, asked(worker, "list")[0], listed("a"))
    assert worker.link.result() == [["a", "b"], ["a"], ["a"]]
    worker.link.call(2, "describes", {"name": "lokup"})
    answer(worker, asked(worker, "list")[0], listed("a"))
    answer(worker, asked(worker, "list")[0], listed("lookup", "a"))
    assert worker.link.result()["text"] == (
        'There is no host tool "lokup"; did you mean lookup? (unknown_tool)'
    )


# ---- many at once ----


@pytest.mark.parametrize("tool", ["in_threads", "gathers"])
def test_host_tools_leave_places_for_other_asks_and_all_end(worker: Worker, tool: str) -> None:
    count = 300
    worker.link.call(1, tool, {"name": "slow", "count": count}, session_id="s-1")
    waits: list[Any] = []
    written = False
    while len(waits) < PLACES or not written:
        ask = worker.link.expect("ask")
        if ask.method == "session.set_vars":
            answer(worker, ask, [{"type": "boolean", "version": 1}])
            written = True
        else:
            waits.append(ask)
    worker.link.nothing_more()
    for _ in range(count - PLACES):
        ask = waits.pop(0)
        answer(worker, ask, decoded(ask.args)["args"]["number"])
        waits.append(asked(worker, "call")[0])
    for ask in waits:
        answer(worker, ask, decoded(ask.args)["args"]["number"])
    assert worker.link.result() == list(range(count))


def test_large_arguments_of_host_tools_leave_room_for_other_asks(host: FakeHost) -> None:
    worker = host.start("calls_host:CallsHost", max_result_bytes=1 << 30)
    size = MAX_OPEN_ASK_BYTES // 5
    worker.link.call(1, "sends_large", {"size": size, "count": 4}, session_id="s-1")
    waits: list[Any] = []
    written = False
    while len(waits) < 2 or not written:
        ask = worker.link.expect("ask")
        if ask.method == "session.set_vars":
            answer(worker, ask, [{"type": "boolean", "version": 1}])
            written = True
        else:
            waits.append(ask)
    worker.link.nothing_more()
    for _ in range(2):
        answer(worker, waits.pop(0), 1)
        waits.append(asked(worker, "call")[0])
    for ask in waits:
        answer(worker, ask, 1)
    assert worker.link.result() == [1, 1, 1, 1]


# ---- where tools of the host cannot be used ----


def test_a_call_on_an_event_loop_is_refused_before_it_is_sent(worker: Worker) -> None:
    worker.link.call(1, "blocks_loop")
    entry = {"name": "echo", "description": "", "inputSchema": {}, "streams": False}
    answer(worker, asked(worker, "list")[0], {"tools": [entry]})
    texts = worker.link.result()
    assert [it.rpartition("; use ")[2] for it in texts] == [
        "await tools.echo.acall(...)",
        'async for item in tools["my-tool"].astream(...)',
        "await tools.anames() or await tools.adescribe(name)",
        "await tools.anames() or await tools.adescribe(name)",
    ]


def test_a_forked_copy_of_the_worker_cannot_use_them(worker: Worker) -> None:
    worker.link.call(1, "fork", {"name": "count"})
    answer(worker, asked(worker, "open")[0], batch(1, 2))
    asked(worker, "next")
    asked(worker, "cancel")
    text = worker.link.result()
    assert text == "1 tools.call: a forked copy of the worker cannot ask the host; 2"


def test_a_thread_that_outlives_its_call_is_told_so(worker: Worker) -> None:
    worker.link.call(1, "leaves_thread", {"name": "slow"})
    while True:
        ask, args = asked(worker, "call")
        if args["name"] == "slow":
            slow = ask
            break
        answer(worker, ask, {"then": "look"})
    while (message := worker.link.next()) is not None and message.WhichOneof("body") == "ask":
        answer(worker, message.ask, {"open": True})
    assert message is not None
    assert message.WhichOneof("body") == "result"
    refuse(worker, slow, "cancelled", "The call that asked has ended")
    seen = worker.link.run("joined", call_id=2)
    assert [it.partition(", and")[0] for it in seen] == [
        "RuntimeError: call 1 of 'leaves_thread' has ended"
    ] * 3
