from __future__ import annotations

from typing import Any

import pytest

from snakeden._link.gen import link_pb2 as link
from snakeden._tools.adapter_loader import LoadedAdapter, load_adapter
from tests.fake_host import ADAPTERS, FakeHost, Worker, decoded

STREAMS = [
    "as_map",
    "as_list_iterator",
    "as_zip",
    "as_chain",
    "as_object",
    "as_hinted_class",
    "as_list",
    "from_coroutine",
    "from_awaitable",
    "async_from_coroutine",
    "async_object",
    "async_generator",
    "async_iterable",
]
LISTS = [
    "undeclared_map",
    "undeclared_object",
    "undeclared_async",
    "iterable_of_iterator",
    "iterable_of_list",
]


def streamed(worker: Worker, tool: str, **args: Any) -> tuple[list[Any], Any]:
    """Return the chunks of a call, which come one at a time, and its result."""
    worker.link.call(1, tool, args, stream=True, window_bytes=1)
    chunks: list[Any] = []
    while True:
        message = worker.link.next()
        assert message is not None
        if message.WhichOneof("body") != "chunk":
            assert message.WhichOneof("body") == "result", message
            return chunks, decoded(message.result.value)
        chunks.append(decoded(message.chunk.value))
        worker.link.send({"credit": link.Credit(id=1, bytes=1 << 20)})


def test_schema_says_of_every_tool_whether_it_streams() -> None:
    loaded: LoadedAdapter = load_adapter(["iterators"], [str(ADAPTERS)])
    streams = {name for name, tool in loaded.tools.items() if tool.schema.streams}
    others = {"nothing", "lines", "endless_object", "endless_from_coroutine", "endless_async"}
    assert streams == {*STREAMS, *others}
    for name in STREAMS:
        schema = loaded.tools[name].schema.output_schema
        assert '"type":"integer"' in schema or name == "as_hinted_class", name


def test_stream_sends_the_items_of_every_kind_of_iterator(host: FakeHost) -> None:
    worker = host.start("iterators")
    for tool in STREAMS:
        chunks, returned = streamed(worker, tool, n=3)
        assert chunks == [0, 1, 2], tool
        has_returned = tool in ("as_object", "as_hinted_class", "from_awaitable")
        assert returned == (f"{tool} is done" if has_returned else None)
        assert worker.link.run(tool, n=3) == [0, 1, 2], tool
        assert worker.link.run(tool, n=0) == [], tool


def test_stream_of_a_tool_that_announces_none_gives_the_list_as_its_result(host: FakeHost) -> None:
    worker = host.start("iterators")
    for tool in LISTS:
        assert streamed(worker, tool, n=3) == ([], [0, 1, 2]), tool
        assert worker.link.run(tool, n=3) == [0, 1, 2], tool


def test_stream_closes_what_can_be_closed(host: FakeHost) -> None:
    worker = host.start("iterators")
    tools = [
        "as_object",
        "from_awaitable",
        "async_from_coroutine",
        "async_object",
        "undeclared_object",
        "undeclared_async",
    ]
    for tool in tools:
        worker.link.run(tool, n=2)
    assert worker.link.run("closed") == tools


@pytest.mark.parametrize("tool", ["endless_object", "endless_from_coroutine", "endless_async"])
def test_stream_of_an_iterator_keeps_to_the_window_and_can_be_cancelled(
    host: FakeHost, tool: str
) -> None:
    worker = host.start("iterators")
    # A chunk weighs 65 bytes: three fill a window of 150.
    worker.link.call(1, tool, {}, stream=True, window_bytes=150)
    assert [decoded(worker.link.expect("chunk").value) for _ in range(3)] == [0, 1, 2]
    worker.link.nothing_more()
    worker.link.send({"cancel": link.Cancel(id=1)})
    assert worker.link.expect("failure").error.code == "cancelled"
    assert len(worker.link.run("closed")) == 1


@pytest.mark.parametrize("tool", ["endless_object", "endless_from_coroutine", "endless_async"])
def test_list_of_an_endless_iterator_meets_the_limit_and_the_deadline(
    host: FakeHost, tool: str
) -> None:
    worker = host.start("iterators", max_result_bytes=100_000)
    assert worker.link.failure(tool).code == "result_too_large"
    assert len(worker.link.run("closed")) == 1
    worker = host.start("iterators")
    worker.link.call(1, tool, {}, timeout_ms=300)
    assert worker.link.expect("failure").error.code == "deadline_exceeded"


def test_stream_leaves_what_is_no_iterator_a_result(host: FakeHost) -> None:
    worker = host.start("iterators")
    assert streamed(worker, "nothing") == ([], None)
    assert streamed(worker, "lines") == (["a\n", "b\n"], None)
    marker = {"$snakeden": "unserializable", "type": "_io.StringIO"}
    assert worker.link.run("open_file") == marker
    assert worker.link.run("nested")["squares"]["type"] == "map"
