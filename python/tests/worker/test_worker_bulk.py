"""Tests of bulk calls, with real workers and the messages that a host sends."""

from __future__ import annotations

import os
import signal
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest

from snakeden._link.gen import link_pb2 as link
from snakeden._link.gen.values_pb2 import Value
from snakeden._worker.system.progress_cell import AREA_BYTES, NO_ITEM, layout_of
from tests.fake_host import Attachment, FakeHost, Worker, decoded, wait_for

HEADER = 64
"""The bytes before the areas: the note of the call, and the numbers of the record."""


def bulk(attachment: Attachment, tool: str, *items: bytes, call_id: int = 1, **fields: Any) -> None:
    """Send a bulk call of plain items."""
    fields = {"window_bytes": 1 << 20, **fields}
    args = Value(json=b"[" + b",\n".join(items) + b"]")
    call = link.Call(id=call_id, number=call_id, tool=tool, args=args, bulk=True, **fields)
    attachment.send({"call": call})


def outcomes(attachment: Attachment, count: int, *, credit: bool = True) -> list[bytes]:
    """Receive so many outcomes."""
    received: list[bytes] = []
    while len(received) < count:
        chunk = attachment.expect("chunk")
        assert not chunk.value.tagged
        received += chunk.value.json[1:-1].split(b",\n")
        if credit:
            weight = len(chunk.value.json) + 64
            attachment.send({"credit": link.Credit(id=chunk.id, bytes=weight)})
    assert len(received) == count
    return received


def results(attachment: Attachment, count: int) -> list[Any]:
    return [msgspec.json.decode(it)["result"] for it in outcomes(attachment, count)]


def started(host: FakeHost, record: Path) -> Worker:
    record.write_bytes(bytes(layout_of(1).nbytes))
    worker = host.connect()
    worker.link.expect("hello")
    worker.welcome("bulk", progress_path=str(record))
    return worker.ready()


def test_a_bulk_call_answers_each_item_and_then_their_number(host: FakeHost) -> None:
    worker = host.start("bulk")
    bulk(worker.link, "add", b'{"a":1}', b'{"a":2,"b":3}')
    assert outcomes(worker.link, 2) == [b'{"result":11}', b'{"result":5}']
    assert worker.link.result() == 2
    bulk(worker.link, "add")
    assert worker.link.result() == 0


def test_an_outcome_has_no_newline_whatever_the_tool_returns(
    host: FakeHost, tmp_path: Path
) -> None:
    (tmp_path / "lines.py").write_text(
        "from snakeden import tool\n"
        "@tool\n"
        "def lines(fails: bool = True):\n"
        "    if fails:\n"
        "        raise ValueError('a,\\nb')\n"
        "    return {'c,\\nd': 'e,\\nf'}\n"
    )
    worker = host.start("lines", paths=[str(tmp_path)])
    bulk(worker.link, "lines", b"{}", b'{"fails":false}', b"{}")
    received = outcomes(worker.link, 3)
    assert worker.link.result() == 3
    assert [next(iter(msgspec.json.decode(it))) for it in received] == ["error", "result", "error"]
    assert msgspec.json.decode(received[0])["error"]["python"]["message"] == "a,\nb"
    assert msgspec.json.decode(received[1])["result"] == {"c,\nd": "e,\nf"}


def test_an_outcome_with_tags_is_a_chunk_of_its_own(host: FakeHost) -> None:
    worker = host.start("bulk")
    items = [b'{"value":1}', b'{"value":{"$snakeden":"bytes","buffer":0}}', b'{"value":2}']
    args = Value(json=b"[" + b",\n".join(items) + b"]", tagged=True, buffers=[b"xyz"])
    fields: dict[str, Any] = {"tagged_items": [1], "item_buffers": [1], "window_bytes": 1 << 20}
    call = link.Call(id=1, number=1, tool="echo", args=args, bulk=True, **fields)
    worker.link.send({"call": call})
    chunks = []
    for _ in items:
        chunk = worker.link.expect("chunk")
        weight = len(chunk.value.json) + sum(map(len, chunk.value.buffers)) + 64
        worker.link.send({"credit": link.Credit(id=1, bytes=weight)})
        chunks.append(chunk.value)
    assert [it.tagged for it in chunks] == [False, True, False]
    assert chunks[0].json == b'[{"result":1}]'
    assert decoded(chunks[1]) == {"result": b"xyz"}
    assert worker.link.result() == 3


def test_a_bulk_call_keeps_to_the_window(host: FakeHost) -> None:
    worker = host.start("bulk")
    items = [b'{"bytes":60000}'] * 12
    bulk(worker.link, "text_of", *items)
    # Two areas: the outcomes in one wait for credit, and others gather in the other one.
    first = outcomes(worker.link, 2, credit=False)
    worker.link.nothing_more()
    assert len(first) == 2
    worker.link.send({"credit": link.Credit(id=1, bytes=10_000_000)})
    assert len(outcomes(worker.link, 10)) == 10
    assert worker.link.result() == 12


def test_outcomes_that_wait_are_sent_while_an_item_runs(host: FakeHost) -> None:
    worker = host.start("bulk")
    bulk(worker.link, "ends", b"{}", b'{"how":"sleep","seconds":60}', b"{}")
    assert results(worker.link, 1) == [""]
    worker.link.nothing_more()
    worker.link.send({"cancel": link.Cancel(id=1)})
    failure = worker.link.expect("failure")
    assert (failure.id, failure.error.code) == (1, "cancelled")
    assert worker.link.run("noop", call_id=2, i=3) == 3


def test_a_bulk_call_is_given_back_before_it_begins(host: FakeHost) -> None:
    worker = host.start("bulk")
    bulk(worker.link, "ends", b"{}", b'{"how":"sleep","seconds":0.5}')
    assert results(worker.link, 1) == [""]
    bulk(worker.link, "noop", b'{"i":1}', call_id=2)
    worker.link.send({"recall": link.Recall()})
    assert list(worker.link.expect("recalled").ids) == [2]
    assert results(worker.link, 1) == ["sleep"]
    assert worker.link.result() == 2


def test_the_time_of_an_item_ends_that_item_alone(host: FakeHost) -> None:
    worker = host.start("bulk")
    nap = b'{"how":"sleep","seconds":60}'
    bulk(worker.link, "ends", nap, b"{}", nap, timeout_ms=100.0)
    received = [msgspec.json.decode(it) for it in outcomes(worker.link, 3)]
    codes = [it.get("error", {}).get("code") for it in received]
    assert codes == ["deadline_exceeded", None, "deadline_exceeded"]
    assert received[0]["error"]["runMs"] >= 100
    assert worker.link.result() == 3


def test_the_output_of_all_items_belongs_to_the_bulk_call(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "says.py").write_text(
        "from snakeden import tool\n@tool\ndef says(i: int):\n    print('item', i)\n"
    )
    worker = host.start("says", paths=[str(tmp_path)])
    bulk(worker.link, "says", b'{"i":1}', b'{"i":2}', call_id=9)
    assert results(worker.link, 2) == [None, None]
    assert worker.link.result() == 2
    wait_for(lambda: b"item 2" in worker.stdout, "the output")
    assert b"item 1\nitem 2\n" in worker.stdout


@pytest.mark.parametrize("size", [10, 70_000, 131_000])
def test_the_record_has_the_item_that_ran_and_all_outcomes_before_it(
    host: FakeHost, tmp_path: Path, size: int
) -> None:
    record = tmp_path / "record"
    worker = started(host, record)
    assert record.read_bytes()[:HEADER] == bytes(HEADER)
    item = b'{"bytes":%d}' % size
    bulk(worker.link, "text_of", item, item, b'{"bytes":0,"how":"die"}', item, call_id=5)
    received: list[bytes] = []
    while (message := worker.link.next()) is not None:
        assert message.WhichOneof("body") == "chunk"
        received += message.chunk.value.json[1:-1].split(b",\n")
    data = record.read_bytes()
    index, call_id, *areas = struct.unpack("8I", data[32:HEADER])
    assert (index, call_id) == (2, 5)
    kept: dict[int, bytes] = dict(enumerate(received))
    for area in range(2):
        first, length = areas[2 * area : 2 * area + 2]
        start = HEADER + area * AREA_BYTES
        texts = data[start : start + length].split(b",\n")[:-1]
        kept.update(enumerate(texts, first))
    assert [len(kept[it]) - len(b'{"result":""}') for it in sorted(kept)] == [size, size]


def test_the_record_of_one_bulk_call_is_not_that_of_the_next(
    host: FakeHost, tmp_path: Path
) -> None:
    record = tmp_path / "record"
    worker = started(host, record)
    bulk(worker.link, "noop", b'{"i":1}', b'{"i":2}', call_id=5)
    assert results(worker.link, 2) == [1, 2]
    assert worker.link.result() == 2
    bulk(worker.link, "noop", call_id=6)
    assert worker.link.result() == 0
    index, call_id, *areas = struct.unpack("8I", record.read_bytes()[32:HEADER])
    assert (index, call_id, areas[1], areas[3]) == (NO_ITEM, 6, 0, 0)


def test_a_forked_copy_that_returns_from_an_item_ends(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "forks.py").write_text(
        "import os\n"
        "from snakeden import tool\n"
        "@tool\n"
        "def forks(i: int):\n"
        "    pid = os.fork()\n"
        "    if pid:\n"
        "        os.waitpid(pid, 0)\n"
        "    return i\n"
    )
    worker = host.start("forks", paths=[str(tmp_path)])
    bulk(worker.link, "forks", b'{"i":1}', b'{"i":2}')
    assert results(worker.link, 2) == [1, 2]
    assert worker.link.result() == 2


def test_a_worker_that_is_told_to_end_finishes_its_bulk_call(host: FakeHost) -> None:
    worker = host.start("bulk")
    nap = b'{"how":"sleep","seconds":0.1}'
    bulk(worker.link, "ends", b"{}", nap, nap)
    assert results(worker.link, 1) == [""]
    os.kill(worker.process.pid, signal.SIGTERM)
    worker.link.expect("leaving")
    assert results(worker.link, 2) == ["sleep", "sleep"]
    assert worker.link.result() == 3
    assert worker.stop() == 0
