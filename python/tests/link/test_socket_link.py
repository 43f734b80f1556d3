from __future__ import annotations

import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakeden._link.gen.link_pb2 import HostFrame, HostMessage
from snakeden._link.outbox import NOW_BYTES, Outbox
from snakeden._link.socket_link import SocketLink
from tests.fake_host import TIMEOUT, wait_for

MESSAGES = 400
RELIEF = "snakeden-relief"


class Peer:
    """A link, the host's end of its socket, and the messages that it has handled."""

    def __init__(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            listener.listen()
            self.link = SocketLink(str(path), Outbox())
            self._host, _ = listener.accept()
        self.handled: list[tuple[int, str]] = []
        self.ends: list[str | None] = []

    def start(self) -> None:
        """Have the messages handled."""
        self.link.start(self._handle, self.ends.append)

    def send(self, *ids: int) -> None:
        """Send a frame with a ping for each id."""
        frame = HostFrame()
        for it in ids:
            frame.messages.add().ping.id = it
        data = frame.SerializeToString()
        self._host.sendall(len(data).to_bytes(4, "little") + data)

    def received(self) -> list[bytes]:
        """Return the frames that have arrived, after which no other one begins."""
        self._host.settimeout(0.2)
        data = b""
        try:
            while piece := self._host.recv(1 << 20):
                data += piece
        except TimeoutError:
            pass
        frames = []
        while data:
            length = int.from_bytes(data[:4], "little")
            frames.append(data[4 : 4 + length])
            assert len(frames[-1]) == length
            data = data[4 + length :]
        return frames

    def end(self) -> None:
        """End the stream."""
        self._host.close()

    def wait_handled(self, count: int) -> None:
        """Wait until so many messages have been handled."""
        wait_for(lambda: len(self.handled) == count, f"the message {count}")

    def _handle(self, message: HostMessage) -> None:
        self.handled.append((message.ping.id, threading.current_thread().name))


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    peer = Peer(tmp_path / "link")
    yield peer
    peer.end()
    wait_for(lambda: peer.ends, "the end of the link")
    peer.link._socket.close()


def test_socket_link_reads_in_another_thread_for_as_long_as_the_main_thread_is_busy(
    peer: Peer,
) -> None:
    peer.start()
    # So many that both ways of waiting are used: by ticks, and for bytes.
    for number in range(1, 21):
        peer.send(number)
        peer.wait_handled(number)
    assert peer.handled == [(number, RELIEF) for number in range(1, 21)]
    peer.end()
    wait_for(lambda: peer.ends, "the end of the link")
    assert peer.ends == [None]


def test_socket_link_handles_each_message_once_and_in_order_whoever_reads_it(peer: Peer) -> None:
    peer.start()
    choose = random.Random(11)
    pauses = [0.0, 0.0, 0.0001, 0.002, 0.007]

    def send() -> None:
        number = 1
        while number <= MESSAGES:
            count = choose.randint(1, 3)
            peer.send(*range(number, number + count))
            number += count
            time.sleep(choose.choice(pauses))

    sender = threading.Thread(target=send)
    sender.start()
    busy = random.Random(12)
    while len(peer.handled) < MESSAGES:
        peer.link.wait()
        # A tool that runs for no time, for some ticks, and until the relief waits for bytes.
        time.sleep(busy.choice([*pauses, 0.03 if busy.random() < 0.1 else 0.0]))
    sender.join()
    numbers = [number for number, _ in peer.handled]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {thread for _, thread in peer.handled} == {RELIEF, threading.current_thread().name}


def test_socket_link_wakes_the_main_thread_while_the_relief_waits_for_bytes(peer: Peer) -> None:
    peer.start()
    for number in range(1, 11):
        peer.send(number)
        peer.wait_handled(number)
    peer.link.wake()
    peer.link.wait()
    peer.send(11)
    while len(peer.handled) < 11:
        peer.link.wait()
    assert [number for number, _ in peer.handled] == list(range(1, 12))


class HeldPoll:
    """Holds the relief between the moment when bytes are there and its read."""

    def __init__(self, link: SocketLink) -> None:
        self._poll = link._poll.poll
        self.ready = threading.Event()
        self.go_on = threading.Event()

    def poll(self, pause: int) -> list[tuple[int, int]]:
        ready = self._poll(pause)
        if ready:
            self.ready.set()
            assert self.go_on.wait(TIMEOUT)
        return ready


def test_socket_link_leaves_the_bytes_to_a_main_thread_that_has_come_back(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldPoll(peer.link)
    monkeypatch.setattr(peer.link, "_poll", held)
    # So that a relief that read nevertheless would keep the turn for longer than the test waits.
    peer.link._wait_for_bytes(seconds=2 * int(TIMEOUT))
    peer.start()
    peer.send(1)
    assert held.ready.wait(TIMEOUT)
    peer.link.wait()
    held.go_on.set()

    def send_when_it_waits() -> None:
        wait_for(lambda: peer.link._waiting, "the main thread to wait")
        peer.send(2)

    sender = threading.Thread(target=send_when_it_waits)
    sender.start()
    while len(peer.handled) < 2 and sender.is_alive():
        peer.link.wait()
    sender.join()
    main = threading.current_thread().name
    assert peer.handled == [(1, main), (2, main)]


def test_socket_link_sends_whole_frames_only_if_a_signal_handler_raises(peer: Peer) -> None:
    def expire(_signum: int, _frame: object) -> None:
        raise TimeoutError("the alarm of a tool")

    outbox = peer.link._outbox
    message = b"x" * NOW_BYTES
    before = signal.signal(signal.SIGALRM, expire)
    sent = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3, 0.05)
        with pytest.raises(TimeoutError, match="alarm"):
            # The host does not read, so one of these waits until the alarm.
            while sent < 200:
                outbox.put_now(message)
                sent += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert peer.received() == [message] * sent
    outbox.put_now(b"after")
    assert peer.received() == [b"after"]
    peer.start()


def test_socket_link_does_not_wait_for_bytes_when_the_relief_has_just_handled_some(
    peer: Peer,
) -> None:
    # So that a wait for bytes takes longer than the test waits.
    peer.link._wait_for_bytes(seconds=2 * int(TIMEOUT))
    peer.start()
    # The main thread has found no call to run, and is about to wait.
    peer.send(1)
    peer.wait_handled(1)
    waiting = threading.Thread(target=peer.link.wait)
    waiting.start()
    waiting.join(TIMEOUT)
    assert not waiting.is_alive()
    assert peer.handled == [(1, RELIEF)]
