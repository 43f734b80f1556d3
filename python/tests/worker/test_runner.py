from __future__ import annotations

import signal
import threading
import time
from collections import UserDict
from collections.abc import Callable, ItemsView, Iterator
from math import inf
from typing import Any

import numpy as np
import pytest

from snakeden import current_call, demo
from snakeden._link.gen.link_pb2 import Call as WireCall
from snakeden._link.gen.link_pb2 import WorkerFrame, WorkerMessage
from snakeden._link.gen.values_pb2 import Value
from snakeden._link.outbox import Outbox
from snakeden._tools.adapter_loader import LoadedTool
from snakeden._values import arrays
from snakeden._values.values import ValueLimits, encode
from snakeden._worker.calls.attempt import Attempt
from snakeden._worker.profiles.interrupt import Interrupter
from snakeden._worker.profiles.process import ProcessProfile
from snakeden._worker.runner import Runner
from tests.fake_host import TIMEOUT


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def runner(outbox: Outbox) -> Iterator[Runner]:
    before = signal.getsignal(signal.SIGURG)
    running = Runner(outbox, limits=ValueLimits(max_bytes=1 << 20))
    functions: list[Any] = [demo.ping, sleeps, asks]
    running.tools.update({it.__name__: LoadedTool(it.__name__, it) for it in functions})
    yield running
    signal.signal(signal.SIGURG, before)


asleep = threading.Semaphore(0)
"""Released by each call of `sleeps` that has begun."""


def sleeps() -> None:
    asleep.release()
    time.sleep(1000)


def once_asleep(step: Callable[[], object]) -> threading.Thread:
    """Run this as soon as `sleeps` has begun, on another thread."""

    def run() -> None:
        assert asleep.acquire(timeout=TIMEOUT)
        step()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def asks() -> dict[str, Any]:
    call = current_call()
    return {"id": call.id, "tool": call.tool, "left": call.remaining_ms}


def call(call_id: int, tool: str, json: bytes = b"{}", **fields: Any) -> WireCall:
    return WireCall(id=call_id, number=call_id, tool=tool, args=Value(json=json), **fields)


def messages(outbox: Outbox) -> list[WorkerMessage]:
    outbox.close()
    return [message for data in outbox for message in WorkerFrame.FromString(data).messages]


def test_runner_runs_what_waits_and_gives_back_what_comes_after_stop(
    runner: Runner, outbox: Outbox
) -> None:
    runner.on_call(call(1, "ping"))

    def stop_then_call() -> None:
        runner.stop()
        runner.on_call(call(2, "ping"))

    runner.serve(stop_then_call)
    kinds = [message.WhichOneof("body") for message in messages(outbox)]
    assert kinds == ["result", "recalled"]


def test_runner_gives_each_call_its_context(runner: Runner, outbox: Outbox) -> None:
    runner.on_call(call(5, "asks"))
    runner.on_call(call(6, "asks", timeout_ms=60_000))
    runner.serve(runner.stop)
    first, second = [message.result.value.json for message in messages(outbox)]
    assert first == b'{"id":"5","tool":"asks","left":null}'
    assert b'"left":5' in second
    with pytest.raises(RuntimeError):
        current_call()


@pytest.mark.parametrize("lost", [1, 4])
def test_runner_signals_again_when_a_signal_was_lost(
    runner: Runner, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    asked = 0
    really_stop = Interrupter.stop

    def stop(self: Interrupter) -> None:
        nonlocal asked
        asked += 1
        if asked > lost:
            really_stop(self)

    monkeypatch.setattr(Interrupter, "stop", stop)
    runner.on_call(call(1, "sleeps"))
    later = once_asleep(lambda: runner.on_cancel(1))
    runner.serve(runner.stop)
    later.join()
    assert asked > lost
    assert [message.failure.error.code for message in messages(outbox)] == ["cancelled"]


def test_runner_stops_signalling_once_the_call_has_ended(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    really_stop = Interrupter.stop

    def stop(self: Interrupter) -> None:
        nonlocal asked
        asked += 1
        really_stop(self)

    monkeypatch.setattr(Interrupter, "stop", stop)
    runner.on_call(call(1, "sleeps"))
    later = once_asleep(lambda: runner.on_cancel(1))

    def look_again() -> None:
        later.join()
        count = asked
        assert count >= 1
        assert runner.profile.repeat_stops(time.monotonic()) == inf
        assert asked == count
        runner.stop()

    runner.serve(look_again)


def test_runner_sends_no_progress_of_a_call_that_ends_while_that_is_encoded(
    runner: Runner, outbox: Outbox
) -> None:
    encoding, over = threading.Event(), threading.Event()

    class Rows(UserDict[str, int]):
        def items(self) -> ItemsView[str, int]:
            encoding.set()
            assert over.wait(TIMEOUT)
            return super().items()

    threads: list[threading.Thread] = []

    def reports_late() -> None:
        call = current_call()
        threads.append(threading.Thread(target=lambda: call.progress(rows=Rows())))
        threads[0].start()
        assert encoding.wait(TIMEOUT)

    def end() -> None:
        over.set()
        threads[0].join()
        runner.stop()

    runner.tools["reports_late"] = LoadedTool("reports_late", reports_late)
    runner.on_call(call(1, "reports_late"))
    runner.serve(end)
    assert [message.WhichOneof("body") for message in messages(outbox)] == ["result"]


def test_runner_takes_a_stop_from_a_signal_handler(runner: Runner) -> None:
    before = signal.signal(signal.SIGUSR2, lambda *_: runner.stop())
    try:
        runner.serve(lambda: signal.raise_signal(signal.SIGUSR2))
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_runner_gives_back_on_recall_what_it_has_not_started(
    runner: Runner, outbox: Outbox
) -> None:
    runner.on_call(call(1, "sleeps"))
    for call_id in (2, 3):
        runner.on_call(call(call_id, "ping"))

    def recall_twice() -> None:
        runner.on_recall()
        runner.on_recall()
        runner.on_cancel(1)

    later = once_asleep(recall_twice)
    runner.serve(runner.stop)
    later.join()
    first, second = messages(outbox)
    assert list(first.recalled.ids) == [2, 3]
    assert second.failure.id == 1


def test_runner_imports_numpy_where_no_cancel_can_break_that_off(
    runner: Runner, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    armed: list[Any] = []
    import_numpy = arrays._import_numpy

    def spy() -> Any:
        assert isinstance(runner.profile, ProcessProfile)
        armed.append(runner.profile._interrupter.armed)
        return import_numpy()

    monkeypatch.setattr(arrays, "_numpy", None)
    monkeypatch.setattr(arrays, "_import_numpy", spy)
    encoded = encode({"value": np.arange(3)})
    runner.tools["echo"] = LoadedTool("echo", demo.echo)
    args = Value(json=encoded.json, tagged=True, buffers=map(bytes, encoded.buffers))
    runner.on_call(WireCall(id=1, tool="echo", args=args))
    runner.serve(runner.stop)
    assert [message.WhichOneof("body") for message in messages(outbox)] == ["result"]
    assert armed[0] is None


def test_runner_notes_each_call_before_it_starts_it_and_after_the_answer_before_it(
    outbox: Outbox,
) -> None:
    events: list[Any] = []
    before = signal.getsignal(signal.SIGURG)
    outbox.write_with(
        lambda data: events.extend(WorkerFrame.FromString(data).messages), lambda: None
    )
    running = Runner(outbox, limits=ValueLimits(), note_of=lambda _place: events.append)
    running.tools["asks"] = LoadedTool("asks", asks)
    for call_id in (1, 2):
        running.on_call(call(call_id, "asks"))
    running.serve(running.stop)
    signal.signal(signal.SIGURG, before)
    assert [it if isinstance(it, int) else it.result.id for it in events] == [1, 1, 2, 2]


def test_a_forked_copy_reports_no_progress(runner: Runner, outbox: Outbox) -> None:
    def shown() -> bytes:
        Attempt(call(1, "ping"), runner._report).report({"fraction": 0.5})
        return outbox._take()

    assert b"0.5" in shown()
    runner.after_fork_in_child()
    assert shown() == b""
