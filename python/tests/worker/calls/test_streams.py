from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snakeden._link.gen.link_pb2 import Call as WireCall
from snakeden._link.gen.link_pb2 import WorkerFrame
from snakeden._link.slab import SharedMemory, Slab
from snakeden._values.values import ValueLimits, decode
from snakeden._worker.calls import streams
from snakeden._worker.calls.attempt import Attempt
from snakeden._worker.calls.streams import Collector, Sender
from snakeden._worker.profiles.event_loop import EventLoop
from snakeden._worker.profiles.interrupt import Interrupter
from snakeden.errors import CallCancelled
from tests.fake_slab import PAGE, FakeSlab


@pytest.fixture
def slab(tmp_path: Path) -> Iterator[Slab]:
    offer = FakeSlab(tmp_path, 4 * PAGE).offer
    slab = Slab(offer.to_worker_path, offer.to_host_path, nbytes=4 * PAGE, on_release=print)
    yield slab
    slab.close()


@pytest.fixture
def interrupter() -> Iterator[Interrupter]:
    before = signal.getsignal(signal.SIGURG)
    yield Interrupter(EventLoop(), lambda _when: None)
    signal.signal(signal.SIGURG, before)


class Stream:
    """A sender, and the frames that it has put."""

    def __init__(self, interrupter: Interrupter, slab: Slab) -> None:
        self.call = Attempt(WireCall(id=1), lambda _call, _report: None)
        self.frames: list[bytes] = []
        self.sender = Sender(
            self.call,
            self.frames.append,
            window=1 << 20,
            limits=ValueLimits(),
            interruption=interrupter,
            shared=SharedMemory(slab=slab, min_bytes=PAGE),
        )

    @property
    def shared(self) -> list[int]:
        """Return the number of shared buffers of each frame."""
        chunks = [WorkerFrame.FromString(frame).messages[0].chunk for frame in self.frames]
        return [len(chunk.value.shared) for chunk in chunks]


def cancels(call: Attempt, then: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that cancels the call just before it does its work."""

    def cancel(*args: Any) -> Any:
        call.stop_code = "cancelled"
        signal.raise_signal(signal.SIGURG)
        return then(*args)

    return cancel


def test_sender_sends_a_shared_chunk_whole_when_the_call_is_cancelled_meanwhile(
    interrupter: Interrupter, slab: Slab, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(interrupter, slab)
    interrupter.armed = stream.call
    write = slab.write
    monkeypatch.setattr(slab, "write", cancels(stream.call, write))
    with pytest.raises(CallCancelled):
        stream.sender.send(bytes(PAGE))
    assert stream.shared == [1]
    assert interrupter.armed is None


def test_sender_interrupts_a_call_once(
    interrupter: Interrupter, slab: Slab, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(interrupter, slab)
    # The tool has caught its CallCancelled, and goes on.
    stream.call.stop_code = "cancelled"
    monkeypatch.setattr(slab, "write", cancels(stream.call, slab.write))
    stream.sender.send(bytes(PAGE))
    assert stream.shared == [1]
    assert interrupter.armed is None


def test_sender_leaves_the_call_armed(interrupter: Interrupter, slab: Slab) -> None:
    stream = Stream(interrupter, slab)
    interrupter.armed = stream.call
    for item in (bytes(PAGE), bytes(PAGE - 1), "text"):
        stream.sender.send(item)
        assert interrupter.armed is stream.call
    assert stream.shared == [1, 0, 0]


def test_collector_takes_an_array_as_it_is_when_it_is_yielded() -> None:
    collector = Collector(ValueLimits())
    array = np.zeros(10_000)
    for number in range(3):
        array[:] = number
        collector.send(array)
    encoded = collector.finish(None)
    assert [set(it) for it in decode(encoded)] == [{0}, {1}, {2}]


def test_collector_shows_that_chunks_come_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(streams, "monotonic", lambda: now)
    signs: list[object] = []
    collector = Collector(ValueLimits(), sign=lambda nothing: signs.append(decode(nothing)))
    for number in range(100):
        now += streams.SIGN_INTERVAL / 10
        collector.send(number)
    assert 9 <= len(signs) <= 10
    assert set(signs) == {None}
    assert decode(collector.finish(None)) == list(range(100))
