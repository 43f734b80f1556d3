from __future__ import annotations

import threading

import pytest

from snakeden._link import wire
from snakeden._link.gen.link_pb2 import WorkerFrame
from snakeden._link.outbox import FRAME_BYTES, MAX_LOG_ENTRIES, NOW_BYTES, Outbox
from snakeden._link.slab import PlaceRef


def drained(outbox: Outbox) -> list[bytes]:
    outbox.close()
    return list(outbox)


def test_outbox_sends_gathered_messages_as_one_frame() -> None:
    outbox = Outbox()
    for message in (b"a", b"b", b"c"):
        outbox.put(message)
    assert next(iter(outbox)) == b"abc"


def test_outbox_ends_a_frame_at_its_size() -> None:
    outbox = Outbox()
    half = b"x" * (FRAME_BYTES // 2)
    big = b"y" * (3 * FRAME_BYTES)
    for message in (half, half, b"small", big, b"after"):
        outbox.put(message)
    assert list(map(len, drained(outbox))) == [FRAME_BYTES, 5, len(big), 5]


def test_outbox_sends_pongs_before_results() -> None:
    outbox = Outbox()
    outbox.put(b"x" * FRAME_BYTES)
    outbox.put(b"y" * FRAME_BYTES)
    outbox.put_urgent(b"pong")
    assert next(iter(outbox)).startswith(b"pong")


def test_outbox_sends_only_the_newest_progress_of_a_call() -> None:
    outbox = Outbox()
    for step in range(1000):
        outbox.put_progress(1, b"p%03d" % step)
        outbox.put_progress(2, b"q%03d" % step)
    assert drained(outbox) == [b"p999q999"]


def test_outbox_puts_progress_and_logs_in_front_of_the_result_they_came_before() -> None:
    outbox = Outbox()
    outbox.put_log(lambda _dropped: b"log ")
    outbox.put_progress(1, b"progress ")
    outbox.put(b"result")
    assert drained(outbox) == [b"progress log result"]


def test_outbox_drops_log_entries_above_the_limit_and_counts_them() -> None:
    outbox = Outbox()
    for _ in range(MAX_LOG_ENTRIES + 7):
        outbox.put_log(lambda dropped: b"%d;" % dropped)
    outbox.put(b"result")
    assert next(iter(outbox)) == b"0;" * MAX_LOG_ENTRIES + b"result"
    outbox.put_log(lambda dropped: b"%d;" % dropped)
    outbox.put_log(lambda dropped: b"%d;" % dropped)
    assert next(iter(outbox)) == b"7;0;"


def test_outbox_limits_the_bytes_of_log_entries() -> None:
    outbox = Outbox()
    for _ in range(100):
        outbox.put_log(lambda _dropped: b"x" * 100_000)
    assert sum(map(len, drained(outbox))) < 1_200_000


def test_outbox_never_drops_messages_and_keeps_their_order() -> None:
    outbox = Outbox()

    def produce() -> None:
        for number in range(20_000):
            outbox.put(b"%d," % number)
        outbox.close()

    thread = threading.Thread(target=produce)
    thread.start()
    frames = list(outbox)
    thread.join()
    assert b"".join(frames) == b"".join(b"%d," % number for number in range(20_000))


class Memory:
    """An object that a weak reference can watch."""


def place(offset: int) -> PlaceRef:
    released = PlaceRef(Memory())
    released.offset = offset
    return released


@pytest.mark.parametrize("writes", [True, False])
def test_outbox_reports_released_places_with_the_next_message(writes: bool) -> None:
    outbox = Outbox()
    frames: list[bytes] = []
    ended = threading.Event()
    if writes:
        outbox.write_with(frames.append, ended.set)
    for number in (1, 2):
        outbox.released.extend([place(4096 * number), place(0)])
        outbox.put_answer(wire.pong(number))
    outbox.put_answer(wire.pong(3))
    outbox.close()
    if writes:
        assert ended.wait(20)
    else:
        frames.extend(outbox)
    # The writer may run in between and split a frame, but the order stays.
    heard = [
        list(it.release.offsets) or it.pong.id
        for it in WorkerFrame.FromString(b"".join(frames)).messages
    ]
    if writes:
        assert heard == [[4096, 0], 1, [8192, 0], 2, 3]
    else:
        assert heard == [[4096, 0, 8192, 0], 1, 2, 3]


def test_outbox_ends_after_close_and_stays_ended() -> None:
    outbox = Outbox()
    outbox.put(b"last")
    outbox.close()
    outbox.put(b"too late")
    assert list(outbox) == [b"last"]
    with pytest.raises(StopIteration):
        next(iter(outbox))


class Writes:
    """The frames that an outbox has written, each with the name of its thread. The first byte of a
    frame may hold it up, or fail.
    """

    def __init__(self) -> None:
        self.frames: list[tuple[bytes, str]] = []
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.ended = threading.Event()

    def __call__(self, frame: bytes) -> None:
        if frame.startswith(b"slow"):
            self.begun.set()
            assert self.go_on.wait(20)
        if frame.startswith(b"fails"):
            raise TimeoutError("of a signal handler")
        self.frames.append((frame, threading.current_thread().name))


def test_outbox_writes_a_message_of_put_now_before_it_returns() -> None:
    outbox, writes = Outbox(), Writes()
    outbox.write_with(writes, writes.ended.set)
    outbox.put_now(b"ask")
    assert writes.frames == [(b"ask", threading.current_thread().name)]
    outbox.close()
    assert writes.ended.wait(20)


def test_outbox_keeps_the_order_of_put_now_behind_a_message_that_is_written() -> None:
    outbox, writes = Outbox(), Writes()
    outbox.write_with(writes, writes.ended.set)
    outbox.put(b"slow")
    assert writes.begun.wait(20)
    outbox.put_now(b"1")
    outbox.put_now(b"2")
    assert writes.frames == []
    writes.go_on.set()
    outbox.close()
    assert writes.ended.wait(20)
    assert b"".join(frame for frame, _ in writes.frames) == b"slow12"


def test_outbox_leaves_a_large_message_of_put_now_to_the_writer() -> None:
    outbox, writes = Outbox(), Writes()
    outbox.write_with(writes, writes.ended.set)
    outbox.put_now(b"x" * (NOW_BYTES + 1))
    outbox.close()
    assert writes.ended.wait(20)
    assert [name for _, name in writes.frames] == ["snakeden-writer"]


def test_outbox_goes_on_after_a_signal_handler_has_raised_in_put_now() -> None:
    outbox, writes = Outbox(), Writes()
    outbox.write_with(writes, writes.ended.set)
    with pytest.raises(TimeoutError):
        outbox.put_now(b"fails")
    outbox.put_now(b"ask")
    outbox.put(b"after")
    outbox.close()
    assert writes.ended.wait(20)
    assert [frame for frame, _ in writes.frames] == [b"ask", b"after"]


def test_outbox_keeps_messages_of_put_now_without_a_writer() -> None:
    outbox = Outbox()
    outbox.put_now(b"ask")
    outbox.put_now(b"another")
    assert drained(outbox) == [b"askanother"]


def test_outbox_says_when_an_answer_is_written_that_another_thread_has_taken() -> None:
    outbox = Outbox()
    taken = threading.Event()
    goes_on = threading.Event()
    written = threading.Event()

    def write(frame: bytes) -> None:
        if frame:
            taken.set()
            goes_on.wait(20)

    outbox.write_with(write, lambda: None, begin_write=lambda _frame: True)
    outbox.gather_on_this_thread()
    outbox.put(b"the answer of a task")
    # Such as the outcomes of a bulk call, which the watch over deadlines sends.
    other = threading.Thread(target=outbox.put_answer, args=(b"chunk",))
    other.start()
    assert taken.wait(20)
    outbox.on_written = written.set
    assert not outbox.write_waiting()
    goes_on.set()
    assert written.wait(20)
    other.join()
    outbox.close()
    outbox.join(20)
