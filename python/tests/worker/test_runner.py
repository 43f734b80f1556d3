from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
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
from snakeden._values.values import encode
from snakeden._worker.profiles.interrupt import Interrupter
from snakeden._worker.runner import Runner


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def runner(outbox: Outbox) -> Iterator[Runner]:
    before = signal.getsignal(signal.SIGURG)
    running = Runner(outbox, 1 << 20, 200)
    functions: list[Any] = [demo.ping, demo.sleep, asks]
    running.tools = {it.__name__: LoadedTool(it.__name__, it, None) for it in functions}
    yield running
    signal.signal(signal.SIGURG, before)


def wait() -> None:
    """The main thread has nothing to do; a link would wake it."""
    time.sleep(0.001)


def asks() -> dict[str, Any]:
    call = current_call()
    return {"id": call.id, "tool": call.tool, "left": call.remaining_ms}


def call(call_id: int, tool: str, json: bytes = b"{}", **fields: Any) -> WireCall:
    return WireCall(id=call_id, tool=tool, args=Value(json=json), **fields)


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

    later = threading.Timer(0.05, stop_then_call)
    later.start()
    runner.serve(wait)
    later.join()
    kinds = [message.WhichOneof("body") for message in messages(outbox)]
    assert kinds == ["result", "recalled"]


def test_runner_gives_each_call_its_context(runner: Runner, outbox: Outbox) -> None:
    runner.on_call(call(5, "asks"))
    runner.on_call(call(6, "asks", timeout_ms=60_000))
    threading.Timer(0.05, runner.stop).start()
    runner.serve(wait)
    first, second = [message.result.value.json for message in messages(outbox)]
    assert first == b'{"id":5,"tool":"asks","left":null}'
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
    runner.on_call(call(1, "sleep", b'{"seconds":1000}'))
    threading.Timer(0.05, runner.on_cancel, (1,)).start()
    threading.Timer(0.06, runner.stop).start()
    runner.serve(wait)
    assert asked == lost + 1
    assert [message.failure.error.code for message in messages(outbox)] == ["cancelled"]


def test_runner_stops_signalling_once_the_call_has_ended(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    really_stop = Interrupter.stop

    def stop(self: Interrupter) -> None:
        asked.append(time.monotonic())
        really_stop(self)

    monkeypatch.setattr(Interrupter, "stop", stop)
    runner.on_call(call(1, "sleep", b'{"seconds":1000}', timeout_ms=20))
    threading.Timer(0.3, runner.stop).start()
    runner.serve(wait)
    count = len(asked)
    assert count >= 1
    time.sleep(0.1)
    assert len(asked) == count


def test_runner_takes_a_stop_from_a_signal_handler(runner: Runner) -> None:
    before = signal.signal(signal.SIGUSR2, lambda *_: runner.stop())
    try:
        main = threading.main_thread().ident
        assert main is not None
        threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGUSR2)).start()
        runner.serve(wait)
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_runner_gives_back_on_recall_what_it_has_not_started(
    runner: Runner, outbox: Outbox
) -> None:
    runner.on_call(call(1, "sleep", b'{"seconds":0.1}'))
    for call_id in (2, 3):
        runner.on_call(call(call_id, "ping"))

    def recall_twice() -> None:
        runner.on_recall()
        runner.on_recall()
        runner.stop()

    threading.Timer(0.05, recall_twice).start()
    runner.serve(wait)
    first, second = messages(outbox)
    assert list(first.recalled.ids) == [2, 3]
    assert second.result.id == 1


def test_runner_imports_numpy_where_no_cancel_can_break_that_off(
    runner: Runner, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    armed: list[Any] = []
    import_numpy = arrays._import_numpy

    def spy() -> Any:
        armed.append(runner._interrupter.armed)
        return import_numpy()

    monkeypatch.setattr(arrays, "_numpy", None)
    monkeypatch.setattr(arrays, "_import_numpy", spy)
    encoded = encode({"value": np.arange(3)})
    runner.tools["echo"] = LoadedTool("echo", demo.echo, None)
    args = Value(json=encoded.json, tagged=True, buffers=map(bytes, encoded.buffers))
    runner.on_call(WireCall(id=1, tool="echo", args=args))
    threading.Timer(0.05, runner.stop).start()
    runner.serve(wait)
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
    running = Runner(outbox, 1 << 20, 200, events.append)
    running.tools = {"asks": LoadedTool("asks", asks, None)}
    for call_id in (1, 2):
        running.on_call(call(call_id, "asks"))
    threading.Timer(0.05, running.stop).start()
    running.serve(wait)
    signal.signal(signal.SIGURG, before)
    assert [it if isinstance(it, int) else it.result.id for it in events] == [1, 1, 2, 2]
