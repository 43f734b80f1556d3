from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from snakeden import current_call, demo
from snakeden.adapter_loader import LoadedTool
from snakeden.gen.link_pb2 import Call as WireCall
from snakeden.gen.link_pb2 import WorkerFrame, WorkerMessage
from snakeden.gen.values_pb2 import Value
from snakeden.interrupt import Interrupter
from snakeden.outbox import Outbox
from snakeden.runner import Runner


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


def asks() -> dict[str, Any]:
    call = current_call()
    return {"id": call.id, "tool": call.tool, "left": call.remaining_ms}


def call(call_id: int, tool: str, json: bytes = b"{}", **fields: Any) -> WireCall:
    return WireCall(id=call_id, tool=tool, args=Value(json=json), **fields)


def messages(outbox: Outbox) -> list[WorkerMessage]:
    outbox.close()
    return [message for data in outbox for message in WorkerFrame.FromString(data).messages]


def test_runner_runs_what_waits_and_drops_what_comes_after_stop(
    runner: Runner, outbox: Outbox
) -> None:
    runner.on_call(call(1, "ping"))

    def stop_then_call() -> None:
        runner.stop()
        runner.on_call(call(2, "ping"))

    later = threading.Timer(0.05, stop_then_call)
    later.start()
    runner.serve()
    later.join()
    kinds = [message.WhichOneof("body") for message in messages(outbox)]
    assert kinds == ["result", "failure"]


def test_runner_gives_each_call_its_context(runner: Runner, outbox: Outbox) -> None:
    runner.on_call(call(5, "asks"))
    runner.on_call(call(6, "asks", timeout_ms=60_000))
    threading.Timer(0.05, runner.stop).start()
    runner.serve()
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
    runner.serve()
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
    runner.serve()
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
        runner.serve()
    finally:
        signal.signal(signal.SIGUSR2, before)
