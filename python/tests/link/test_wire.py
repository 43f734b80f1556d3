from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from snakeden._link import wire
from snakeden._link.gen.link_pb2 import WorkerFrame
from snakeden._link.gen.values_pb2 import Value
from snakeden._link.slab import SharedMemory, Slab
from snakeden._values.values import Encoded, encode
from tests.fake_slab import PAGE, FakeSlab

BYTES = 4 * PAGE


@pytest.fixture
def host(tmp_path: Path) -> FakeSlab:
    return FakeSlab(tmp_path, BYTES)


@pytest.fixture
def slab(host: FakeSlab) -> Iterator[Slab]:
    offer = host.offer
    slab = Slab(offer.to_worker_path, offer.to_host_path, nbytes=BYTES, on_release=print)
    yield slab
    slab.close()


def value_of(data: bytes) -> Value:
    return WorkerFrame.FromString(data).messages[0].result.value


def test_result_puts_large_buffers_into_shared_memory(host: FakeSlab, slab: Slab) -> None:
    values = [b"small", os.urandom(PAGE), os.urandom(PAGE - 1), np.arange(1000.0)]
    value = value_of(
        wire.result(1, encode(values), run_ms=0, shared=SharedMemory(slab=slab, min_bytes=PAGE))
    )
    assert [len(buffer) for buffer in value.buffers] == [5, 0, PAGE - 1, 0]
    assert [(it.index, it.offset, it.length) for it in value.shared] == [
        (1, 0, PAGE),
        (3, PAGE, 8000),
    ]
    got = host.take(value)
    assert got[:3] == values[:3]
    np.testing.assert_array_equal(got[3], values[3])


def test_result_without_shared_memory_holds_every_buffer() -> None:
    value = value_of(wire.result(1, encode([b"x" * BYTES, np.arange(1000.0)]), run_ms=0))
    assert [len(buffer) for buffer in value.buffers] == [BYTES, 8000]
    assert len(value.shared) == 0


def test_result_releases_its_places_when_it_fails(slab: Slab) -> None:
    class Broken(bytes):
        def __bytes__(self) -> bytes:
            raise MemoryError("no more")

    with pytest.raises(MemoryError):
        wire.result(
            1,
            Encoded(b"1", True, [bytes(PAGE), Broken(b"x")]),
            run_ms=0,
            shared=SharedMemory(slab=slab, min_bytes=PAGE),
        )
    assert slab.write(bytes(BYTES)) == 0


def test_buffers_returns_those_of_the_message_when_none_is_shared() -> None:
    assert list(wire.buffers(Value(buffers=[b"a", b"b"]), None)) == [b"a", b"b"]


def test_buffers_refuses_a_missing_entry(slab: Slab) -> None:
    value = Value(buffers=[b""])
    value.shared.add(index=1, offset=0, length=1)
    with pytest.raises(IndexError):
        wire.buffers(value, slab)
