from __future__ import annotations

from pathlib import Path

import msgspec

from snakeden._link.gen import link_pb2 as link
from tests.fake_host import FakeHost, decoded, wait_for


def test_stream_sends_chunks_then_what_the_generator_returned(host: FakeHost) -> None:
    worker = host.start("streams")
    assert worker.tools["returns_value"].streams
    worker.link.call(1, "returns_value", {"n": 3}, stream=True, window_bytes=1 << 20)
    assert [decoded(worker.link.expect("chunk").value) for _ in range(3)] == [0, 1, 2]
    assert worker.link.result() == "sent 3"


def test_stream_collects_chunks_when_the_caller_wants_a_list(host: FakeHost) -> None:
    worker = host.start("streams")
    assert worker.link.run("returns_value", n=3) == [0, 1, 2]
    assert worker.link.run("async_numbers", n=3) == [0, 1, 2]
    assert worker.link.run("numbers", n=0) == []


def test_stream_bounds_the_list_it_collects(host: FakeHost) -> None:
    worker = host.start("streams", max_result_bytes=10_000)
    error = worker.link.failure("endless", size=100)
    assert error.code == "result_too_large"
    assert "the list of chunks has at least" in error.message


PARTS = """
from snakeden import tool

@tool
def parts():
    yield b"a"
    yield {"x": b"b"}
    yield 1
"""


def test_stream_shares_buffers_among_collected_chunks(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "parts.py").write_text(PARTS)
    assert host.start("parts", paths=[str(tmp_path)]).link.run("parts") == [b"a", {"x": b"b"}, 1]


def weight(chunk: link.Chunk) -> int:
    return len(chunk.value.json) + sum(map(len, chunk.value.buffers)) + 64


def test_stream_does_not_run_ahead_of_the_window(host: FakeHost, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    worker = host.start("appender")
    # A chunk weighs 65 bytes: three fill a window of 150.
    worker.link.call(1, "append_stream", {"path": str(path)}, stream=True, window_bytes=150)
    chunks = [worker.link.expect("chunk") for _ in range(3)]
    assert [weight(chunk) for chunk in chunks] == [65, 65, 65]
    worker.link.nothing_more()
    assert len(path.read_text().splitlines()) == 3
    worker.link.send({"credit": link.Credit(id=1, bytes=130)})
    assert [decoded(worker.link.expect("chunk").value) for _ in range(2)] == [3, 4]
    worker.link.nothing_more()
    worker.link.send({"cancel": link.Cancel(id=1)})
    assert worker.link.expect("failure").error.code == "cancelled"
    assert path.read_text().endswith("closed\n")


def test_stream_of_an_asynchronous_generator_keeps_to_the_window(host: FakeHost) -> None:
    worker = host.start("streams")
    worker.link.call(1, "async_numbers", {"n": 10}, stream=True, window_bytes=1)
    for expected in range(10):
        chunk = worker.link.expect("chunk")
        assert decoded(chunk.value) == expected
        if expected == 3:
            worker.link.nothing_more()
        worker.link.send({"credit": link.Credit(id=1, bytes=weight(chunk))})
    assert worker.link.result() is None


def test_stream_of_an_asynchronous_generator_can_be_cancelled(host: FakeHost) -> None:
    worker = host.start("streams")
    worker.link.call(1, "async_numbers", {"n": 10}, stream=True, window_bytes=1)
    worker.link.expect("chunk")
    worker.link.send({"cancel": link.Cancel(id=1)})
    assert worker.link.expect("failure").error.code == "cancelled"
    assert worker.link.run("async_numbers", n=2) == [0, 1]


def test_stream_fails_after_the_chunks_it_sent(host: FakeHost) -> None:
    worker = host.start("streams")
    worker.link.call(1, "fails_after", {"n": 2}, stream=True, window_bytes=1 << 20)
    assert [decoded(worker.link.expect("chunk").value) for _ in range(2)] == [0, 1]
    error = worker.link.expect("failure").error
    assert (error.code, error.python.message) == ("python_exception", "failed after 2 chunks")


def test_stream_meets_its_deadline_while_it_waits_for_credit(host: FakeHost) -> None:
    worker = host.start("streams")
    worker.link.call(1, "endless", {}, stream=True, window_bytes=1, timeout_ms=100)
    worker.link.expect("chunk")
    assert worker.link.expect("failure").error.code == "deadline_exceeded"


def test_stream_fills_frames_but_keeps_them_bounded(host: FakeHost) -> None:
    worker = host.start("streams")
    args = {"n": 2000, "size": 10_000}
    worker.link.call(1, "numbers", args, stream=True, window_bytes=1 << 30)
    for _ in range(2000):
        worker.link.expect("chunk")
    worker.link.result()
    assert max(worker.link.frame_sizes) <= (1 << 20) + 20_000


def test_progress_keeps_only_what_is_newest(host: FakeHost) -> None:
    worker = host.start("streams")
    worker.link.call(1, "reports", {"n": 20_000})
    reports = []
    while True:
        message = worker.link.next()
        assert message is not None
        if message.WhichOneof("body") == "result":
            break
        reports.append(decoded(message.progress.value))
    assert reports[-1] == {"fraction": 1.0, "message": "step 20000", "step": 20000}
    assert len(reports) < 20_000
    steps = [report["step"] for report in reports]
    assert steps == sorted(steps)


def test_progress_may_come_from_a_thread_that_was_handed_the_call(host: FakeHost) -> None:
    worker = host.start("threads")
    worker.link.call(1, "progress_from_thread")
    report = worker.link.expect("progress")
    assert report.id == 1
    assert decoded(report.value) == {"fraction": 0.5, "message": "from a thread"}
    assert worker.link.result() == "reported"


def test_profile_csv_reports_while_it_reads(host: FakeHost, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n" + "1,x\n" * 200_000)
    worker = host.start("snakeden.demo")
    worker.link.call(1, "profile_csv", {"path": str(path)})
    fractions = []
    while True:
        message = worker.link.next()
        assert message is not None
        if message.WhichOneof("body") == "result":
            break
        fractions.append(decoded(message.progress.value)["fraction"])
    assert fractions[-1] == 1.0
    assert fractions == sorted(fractions)
    profile = decoded(message.result.value)
    assert profile["rows"] == 200_000
    assert msgspec.json.encode(profile)


def test_credit_for_a_call_that_does_not_stream_is_ignored(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    worker.link.call(1, "sleep", {"seconds": 0.05})
    worker.link.send(
        {"credit": link.Credit(id=1, bytes=10)}, {"credit": link.Credit(id=7, bytes=1)}
    )
    worker.link.result()
    wait_for(lambda: worker.process.poll() is None, "the worker to live")
