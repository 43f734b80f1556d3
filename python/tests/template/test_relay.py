"""Tests of the way from a pipe of a worker to the host."""

from __future__ import annotations

import os
import select
import socket

from snakeden._template.relay import Relay

LINES = b"0123456789abcde\n" * 4096


def test_a_pipe_that_has_ended_wakes_nobody_until_the_host_has_read_the_rest() -> None:
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()
    theirs.settimeout(20)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    relay = Relay(reading, ours)
    poll = select.poll()
    relay.watch(poll)
    os.write(writing, LINES)
    os.close(writing)
    assert relay.carry(dict(poll.poll()))
    relay.watch(poll)
    # The connection is full.
    assert poll.poll(0) == []
    taken = b""
    is_open = True
    while is_open:
        taken += theirs.recv(len(LINES))
        events = dict(poll.poll(0))
        is_open = relay.carry(events)
        if is_open:
            relay.watch(poll)
    relay.end(poll)
    while data := theirs.recv(len(LINES)):
        taken += data
    assert taken == LINES
    theirs.close()
