from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snakeden._link.gen import link_pb2 as link
from snakeden._worker import exit_status
from tests.fake_host import FakeHost, Worker, call_body
from tests.fake_slab import PAGE, FakeSlab, release_of

KIB = 1 << 10
MIB = 1 << 20


@pytest.fixture
def slab(tmp_path: Path) -> FakeSlab:
    return FakeSlab(tmp_path)


@pytest.fixture
def worker(host: FakeHost, slab: FakeSlab) -> Worker:
    return host.start("keeps_arrays:KeepsArrays", shared_memory=slab.offer)


def doubles(nbytes: int, seed: int = 0) -> Any:
    return np.arange(nbytes // 8, dtype="<f8") + seed


def free(worker: Worker, slab: FakeSlab) -> list[int]:
    """Free the places that the worker has released since the last time."""
    offsets = list(worker.link.released)
    worker.link.released.clear()
    for offset in offsets:
        assert slab.space.release(offset), f"{offset} was released twice"
    return offsets


def run(worker: Worker, slab: FakeSlab, tool: str, call_id: int = 1, **args: Any) -> Any:
    worker.link.send(slab.call(call_id, tool, args))
    value = worker.link.expect("result").value
    worker.link.send(release_of(value))
    return slab.take(value)


def room_to_host(worker: Worker, slab: FakeSlab) -> bool:
    """Return whether a result as large as the whole file finds room in it."""
    worker.link.send(slab.call(99, "zeros", {"nbytes": slab.offer.bytes}))
    value = worker.link.expect("result").value
    worker.link.send(release_of(value))
    return len(value.shared) == 1


# ---- the offer ----


def test_worker_says_whether_it_maps_the_shared_memory(host: FakeHost, slab: FakeSlab) -> None:
    for offer, maps in ((slab.offer, True), (None, False)):
        worker = host.connect()
        worker.link.expect("hello")
        worker.welcome("snakeden.demo", shared_memory=offer)
        assert worker.link.expect("ready").maps_shared_memory == maps


def test_worker_serves_without_shared_memory_that_it_cannot_map(host: FakeHost) -> None:
    worker = host.connect()
    worker.link.expect("hello")
    offer = link.SharedMemory(to_worker_path="/nowhere/a", to_host_path="/nowhere/b", bytes=PAGE)
    worker.welcome("snakeden.demo", shared_memory=offer)
    assert not worker.link.expect("ready").maps_shared_memory
    assert "cannot map the shared memory" in worker.link.logs[0].message
    assert worker.link.run("ping") == "pong"


def test_worker_ends_when_a_place_cannot_be(host: FakeHost, slab: FakeSlab) -> None:
    for offer in (slab.offer, None):
        worker = host.start("snakeden.demo", shared_memory=offer)
        body = call_body(1, "echo")
        body["call"].args.tagged = True
        body["call"].args.buffers.append(b"")
        body["call"].args.shared.add(index=0, offset=slab.offer.bytes, length=1)
        worker.link.send(body)
        assert worker.link.next() is None
        assert worker.wait() == exit_status.LINK_LOST
        assert "shared memory" in worker.stderr


# ---- arguments ----


@pytest.mark.parametrize("nbytes", [80 * KIB, 8 * MIB])
def test_worker_carries_arrays_there_and_back(worker: Worker, slab: FakeSlab, nbytes: int) -> None:
    array = doubles(nbytes)
    for call_id in range(1, 6):
        body = slab.call(call_id, "double", {"value": array})
        assert len(body["call"].args.shared) == 1
        worker.link.send(body)
        value = worker.link.expect("result").value
        assert len(value.shared) == 1
        np.testing.assert_array_equal(slab.take(value), array * 2)
        worker.link.send(release_of(value))
        free(worker, slab)
    assert len(slab.space) == 0
    assert room_to_host(worker, slab)


def test_tool_sees_a_read_only_array_on_the_memory_of_the_host(
    worker: Worker, slab: FakeSlab
) -> None:
    array = doubles(80 * KIB)
    seen = run(worker, slab, "where", value=array)
    assert seen == {
        "shared": True,
        "owner": f"c_char_Array_{80 * KIB}",
        "writeable": False,
        "aligned": True,
        "sum": array.sum(),
    }
    assert not run(worker, slab, "where", value=doubles(PAGE - 8))["shared"]


def test_tool_sees_bytes_as_bytes(worker: Worker, slab: FakeSlab) -> None:
    data = bytes(range(256)) * 400
    assert run(worker, slab, "kind", value=data) == "bytes"
    assert run(worker, slab, "kind", value=doubles(80 * KIB)) == "ndarray"


@pytest.mark.parametrize("tool", ["keep", "keep_part"])
def test_tool_may_keep_an_array_for_as_long_as_it_likes(
    worker: Worker, slab: FakeSlab, tool: str
) -> None:
    array = doubles(80 * KIB, seed=7)
    run(worker, slab, tool, value=array)
    total = array.sum() if tool == "keep" else array[10:20].sum()
    for turn in range(200):
        other = doubles(80 * KIB, seed=1000 + turn)
        assert run(worker, slab, "where", value=other)["shared"]
        assert 0 not in free(worker, slab)
    assert len(slab.space) == 1
    assert run(worker, slab, "kept_sum") == total
    run(worker, slab, "drop")
    assert free(worker, slab) == [0]
    body = slab.call(1, "where", {"value": array})
    assert body["call"].args.shared[0].offset == 0
    worker.link.send(body)
    assert slab.take(worker.link.expect("result").value)["sum"] == array.sum()


def test_tool_may_answer_an_array_of_an_earlier_call(worker: Worker, slab: FakeSlab) -> None:
    array = doubles(80 * KIB)
    run(worker, slab, "keep", value=array)
    np.testing.assert_array_equal(run(worker, slab, "give_kept"), array)
    assert free(worker, slab) == []


@pytest.mark.parametrize(
    ("tool", "args", "code"),
    [
        ("fail", {}, "python_exception"),
        ("async_fail", {}, "python_exception"),
        ("where", {"other": 1}, "invalid_arguments"),
        ("there", {}, "unknown_tool"),
    ],
)
def test_worker_releases_arrays_with_a_failure(
    worker: Worker, slab: FakeSlab, tool: str, args: dict[str, Any], code: str
) -> None:
    for call_id in range(1, 4):
        worker.link.send(slab.call(call_id, tool, {"value": doubles(80 * KIB), **args}))
        assert worker.link.expect("failure").error.code == code
        assert free(worker, slab) == [0]


@pytest.mark.parametrize("tool", ["double", "async_sum", "halves", "async_halves"])
def test_worker_releases_arrays_with_the_result(worker: Worker, slab: FakeSlab, tool: str) -> None:
    for _ in range(3):
        run(worker, slab, tool, value=doubles(80 * KIB))
        assert free(worker, slab) == [0]


def test_worker_releases_the_arrays_of_calls_it_gives_back(worker: Worker, slab: FakeSlab) -> None:
    array = doubles(80 * KIB)
    for call_id in (1, 2, 3):
        worker.link.send(slab.call(call_id, "hold", {"value": array, "seconds": 0.3}))
    worker.link.expect("progress")
    worker.link.send({"recall": link.Recall()})
    assert list(worker.link.expect("recalled").ids) == [2, 3]
    assert len(free(worker, slab)) == 2
    assert slab.take(worker.link.expect("result").value) == array.sum()
    assert len(free(worker, slab)) == 1


def test_worker_releases_the_arrays_of_cancelled_calls(worker: Worker, slab: FakeSlab) -> None:
    for call_id in (1, 2):
        body = slab.call(call_id, "hold", {"value": doubles(80 * KIB), "seconds": 1000})
        worker.link.send(body)
    worker.link.expect("progress")
    for call_id in (2, 1):
        worker.link.send({"cancel": link.Cancel(id=call_id)})
        failure = worker.link.expect("failure")
        assert (failure.id, failure.error.code) == (call_id, "cancelled")
        assert len(free(worker, slab)) == 1
    assert len(slab.space) == 0


def test_worker_that_stops_gives_arrays_back(worker: Worker, slab: FakeSlab) -> None:
    for call_id in (1, 2):
        body = slab.call(call_id, "hold", {"value": doubles(80 * KIB), "seconds": 0.2})
        worker.link.send(body)
    worker.link.expect("progress")
    worker.link.send({"stop": link.Stop()})
    worker.link.expect("recalled")
    worker.link.expect("result")
    assert worker.link.next() is None
    assert len(free(worker, slab)) == 2
    assert worker.wait() == 0


# ---- results ----


def test_worker_sends_in_the_frame_what_finds_no_room(worker: Worker, slab: FakeSlab) -> None:
    values = []
    for call_id in range(1, 5):
        worker.link.send(slab.call(call_id, "zeros", {"nbytes": 6 * MIB}))
        values.append(worker.link.expect("result").value)
    assert [len(value.shared) for value in values] == [1, 1, 0, 0]
    assert [slab.take(value).nbytes for value in values] == [6 * MIB] * 4
    assert not room_to_host(worker, slab)
    worker.link.send(release_of(*values))
    assert room_to_host(worker, slab)


def test_worker_sends_small_buffers_in_the_frame(worker: Worker, slab: FakeSlab) -> None:
    for nbytes, shared in ((PAGE - 8, 0), (PAGE, 1)):
        worker.link.send(slab.call(1, "zeros", {"nbytes": nbytes}))
        value = worker.link.expect("result").value
        assert len(value.shared) == shared
        assert slab.take(value).nbytes == nbytes


def test_worker_bounds_results_in_shared_memory_too(host: FakeHost, slab: FakeSlab) -> None:
    worker = host.start(
        "keeps_arrays:KeepsArrays", shared_memory=slab.offer, max_result_bytes=100 * KIB
    )
    error = worker.link.failure("zeros", nbytes=101 * KIB)
    assert error.code == "result_too_large"


def test_worker_never_sends_progress_through_shared_memory(worker: Worker, slab: FakeSlab) -> None:
    worker.link.send(slab.call(1, "report", {"value": doubles(80 * KIB)}))
    message = worker.link.next()
    while message is not None and message.WhichOneof("body") == "progress":
        value = message.progress.value
        assert len(value.shared) == 0
        assert slab.take(value)["data"].nbytes == 80 * KIB
        message = worker.link.next()
    assert message is not None
    assert message.WhichOneof("body") == "result"
    assert room_to_host(worker, slab)


def test_worker_keeps_a_forked_child_from_the_shared_memory(worker: Worker, slab: FakeSlab) -> None:
    got = run(worker, slab, "fork_and_give", size=100_000)
    assert (got.min(), got.max()) == (1, 1)
    assert room_to_host(worker, slab)


# ---- streams ----


@pytest.mark.parametrize("tool", ["chunks", "async_chunks"])
def test_worker_streams_arrays_through_shared_memory(
    worker: Worker, slab: FakeSlab, tool: str
) -> None:
    body = slab.call(1, tool, {"n": 4, "size": 10_000}, stream=True, window_bytes=1 << 30)
    worker.link.send(body)
    chunks = [worker.link.expect("chunk").value for _ in range(4)]
    worker.link.expect("result")
    assert [len(chunk.shared) for chunk in chunks] == [1] * 4
    assert [set(slab.take(chunk)) for chunk in chunks] == [{0}, {1}, {2}, {3}]
    worker.link.send(release_of(*chunks))
    assert room_to_host(worker, slab)


@pytest.mark.parametrize("tool", ["chunks", "async_chunks"])
def test_worker_collects_arrays_as_they_were_when_they_were_yielded(
    worker: Worker, slab: FakeSlab, tool: str
) -> None:
    assert [set(it) for it in run(worker, slab, tool, n=4, size=10_000)] == [{0}, {1}, {2}, {3}]


def test_worker_counts_shared_chunks_in_the_window(worker: Worker, slab: FakeSlab) -> None:
    body = slab.call(1, "chunks", {"n": 9, "size": 10_000}, stream=True, window_bytes=100_000)
    worker.link.send(body)
    for _ in range(2):
        worker.link.expect("chunk")
    worker.link.nothing_more()
    worker.link.send({"credit": link.Credit(id=1, bytes=80_000)})
    worker.link.expect("chunk")
    worker.link.nothing_more()


@pytest.mark.parametrize("tool", ["chunks", "async_chunks"])
def test_worker_loses_no_place_when_a_stream_is_cancelled(
    worker: Worker, slab: FakeSlab, tool: str
) -> None:
    for call_id in range(1, 41):
        body = slab.call(
            call_id, tool, {"n": 10**9, "size": 1_000}, stream=True, window_bytes=1 << 30
        )
        worker.link.send(body)
        worker.link.send(release_of(worker.link.expect("chunk").value))
        worker.link.send({"cancel": link.Cancel(id=call_id)})
        while True:
            message = worker.link.next()
            assert message is not None
            if message.WhichOneof("body") == "failure":
                break
            worker.link.send(release_of(message.chunk.value))
        assert message.failure.error.code == "cancelled"
    assert room_to_host(worker, slab)
