from __future__ import annotations

import _thread
import ctypes
import gc
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snakeden._link.slab import PlaceRef, Slab
from snakeden.errors import CallCancelled

PAGE = 4096
BYTES = 64 * PAGE


class Files:
    """The host's reads and writes in the files of a slab."""

    def __init__(self, directory: Path) -> None:
        self.to_worker = directory / "to_worker"
        self.to_host = directory / "to_host"
        for path in (self.to_worker, self.to_host):
            path.touch(mode=0o600)
            os.truncate(path, BYTES)

    def send(self, offset: int, data: bytes) -> None:
        with self.to_worker.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def read(self, offset: int, length: int) -> bytes:
        return self.to_host.read_bytes()[offset : offset + length]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def released() -> deque[PlaceRef]:
    return deque()


@pytest.fixture
def slab(files: Files, released: deque[PlaceRef]) -> Iterator[Slab]:
    slab = Slab(str(files.to_worker), str(files.to_host), nbytes=BYTES, on_release=released.append)
    yield slab
    slab.close()


def offsets(released: deque[PlaceRef]) -> list[int]:
    return [place.offset for place in released]


# ---- from the host ----


def test_view_shows_bytes_that_the_host_wrote_before_and_after_the_mapping(
    files: Files, slab: Slab
) -> None:
    files.send(PAGE, b"first")
    assert bytes(slab.view(PAGE, 5)) == b"first"
    files.send(PAGE, b"again")
    view = slab.view(PAGE, 5)
    assert bytes(view) == b"again"
    assert (view.format, view.ndim, view.itemsize, view.readonly) == ("B", 1, 1, True)


def test_a_place_is_released_once_with_the_last_array_that_uses_it(
    files: Files, slab: Slab, released: deque[PlaceRef]
) -> None:
    files.send(0, np.arange(100, dtype="<f8").tobytes())
    view = slab.view(0, 800)
    array: Any = np.frombuffer(view, "<f8").reshape(10, 10)
    cast: Any = view.cast("d", [10, 10])
    part = array.T[3:5, ::2]
    text: Any = memoryview(part)
    del view, array, part
    assert not released
    assert text.tolist() == [[3, 23, 43, 63, 83], [4, 24, 44, 64, 84]]
    del text
    assert not released
    assert cast[9, 9] == 99
    del cast
    assert offsets(released) == [0]
    gc.collect()
    assert offsets(released) == [0]


def test_a_place_is_released_when_the_collector_finds_a_cycle(
    slab: Slab, released: deque[PlaceRef]
) -> None:
    cycle: list[Any] = [slab.view(0, PAGE)]
    cycle.append(cycle)
    del cycle
    assert not released
    gc.collect()
    assert offsets(released) == [0]


def test_a_place_is_released_on_the_thread_that_held_it_last(
    slab: Slab, released: deque[PlaceRef]
) -> None:
    arrays = [np.frombuffer(slab.view(n * PAGE, PAGE), np.uint8) for n in range(8)]
    threads = [threading.Thread(target=arrays.pop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(offsets(released)) == [n * PAGE for n in range(8)]


def test_an_array_of_shared_memory_cannot_be_written(slab: Slab) -> None:
    array = np.frombuffer(slab.view(0, 80), "<f8")
    assert not array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.setflags(write=True)
    with pytest.raises(TypeError):
        ctypes.c_char.from_buffer(slab.view(PAGE, 1))


def test_a_place_can_be_used_again_after_its_release(
    files: Files, slab: Slab, released: deque[PlaceRef]
) -> None:
    for turn in range(3):
        files.send(PAGE, bytes([turn]) * 10)
        assert bytes(slab.view(PAGE, 10)) == bytes([turn]) * 10
        assert offsets(released) == [PAGE] * (turn + 1)


def test_view_refuses_a_place_that_is_still_in_use(slab: Slab, released: deque[PlaceRef]) -> None:
    array = np.frombuffer(slab.view(0, PAGE), np.uint8)
    with pytest.raises(ValueError, match="still in use"):
        slab.view(0, 10)
    assert not released
    del array
    assert offsets(released) == [0]


@pytest.mark.parametrize(
    ("offset", "length"), [(0, BYTES + 1), (BYTES, 1), (0, 0), (-PAGE, 1), (2**32 - PAGE, 1)]
)
def test_view_refuses_a_place_outside_of_the_file(slab: Slab, offset: int, length: int) -> None:
    with pytest.raises(ValueError, match="of shared memory"):
        slab.view(offset, length)


def test_views_outlive_the_slab(files: Files, released: deque[PlaceRef]) -> None:
    slab = Slab(str(files.to_worker), str(files.to_host), nbytes=BYTES, on_release=released.append)
    files.send(0, b"kept")
    view = slab.view(0, 4)
    slab.close()
    del slab
    gc.collect()
    assert bytes(view) == b"kept"


def test_a_forked_child_releases_nothing(slab: Slab, released: deque[PlaceRef]) -> None:
    view = slab.view(0, PAGE)
    child = os.fork()
    if child == 0:
        slab.forget()
        del view
        gc.collect()
        os._exit(len(released))
    assert os.waitpid(child, 0)[1] == 0
    assert not released
    del view
    assert offsets(released) == [0]


def test_a_forked_child_writes_nothing(files: Files, slab: Slab) -> None:
    child = os.fork()
    if child == 0:
        slab.forget()
        os._exit(0 if slab.write(b"child") is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert slab.write(b"own") == 0
    assert files.read(0, 5) == b"own\0\0"


def test_a_release_is_not_lost_when_a_call_is_cancelled_during_it(
    slab: Slab, released: deque[PlaceRef]
) -> None:
    def cancel(_signum: int, _frame: object) -> None:
        raise CallCancelled("cancelled")

    held = [slab.view(0, PAGE)]
    # All of this runs in C, so the first Python code after the signal would be that of
    # `on_release`.
    steps = [partial(_thread.interrupt_main, signal.SIGURG), held.clear]
    older = signal.signal(signal.SIGURG, cancel)
    try:
        with pytest.raises(CallCancelled):
            list(map(methodcaller("__call__"), steps))
    finally:
        signal.signal(signal.SIGURG, older)
    assert offsets(released) == [0]


# ---- to the host ----


def test_write_puts_bytes_where_the_host_sees_them(files: Files, slab: Slab) -> None:
    array: Any = np.arange(1000, dtype="<f8").reshape(10, 100)
    first = slab.write(b"x" * PAGE)
    second = slab.write(array.data)
    third = slab.write(bytearray(b"end"))
    assert (first, second, third) == (0, PAGE, 3 * PAGE)
    assert files.read(0, PAGE) == b"x" * PAGE
    assert files.read(PAGE, 8000) == array.tobytes()
    assert files.read(3 * PAGE, 3) == b"end"


def test_write_returns_none_while_there_is_no_room(slab: Slab) -> None:
    assert slab.write(bytes(BYTES - PAGE)) == 0
    assert slab.write(bytes(PAGE + 1)) is None
    assert slab.write(bytes(PAGE)) == BYTES - PAGE
    slab.release(0)
    slab.release(0)
    slab.release(12345)
    assert slab.write(bytes(PAGE)) == 0
    assert slab.write(bytes(BYTES)) is None


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_write_returns_none_when_the_disk_is_full(files: Files) -> None:
    slab = Slab(str(files.to_worker), "/dev/full", nbytes=BYTES, on_release=print)
    assert [slab.write(b"data") for _ in range(2)] == [None, None]
    slab.release(0)
    slab.close()


def test_write_releases_its_place_when_it_is_interrupted(
    slab: Slab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_args: object) -> int:
        raise CallCancelled("cancelled")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", interrupt)
        with pytest.raises(CallCancelled):
            slab.write(bytes(BYTES))
    assert slab.write(bytes(BYTES)) == 0


def test_write_continues_after_a_short_write(
    files: Files, slab: Slab, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:1000], at))
    data = os.urandom(5500)
    slab.write(bytes(PAGE))
    assert slab.write(data) == PAGE
    assert files.read(PAGE, 5500) == data


def test_write_and_release_from_many_threads_keep_places_apart(files: Files, slab: Slab) -> None:
    wrong: list[int] = []

    def work(mark: int) -> None:
        data = bytes([mark]) * (3 * PAGE)
        for _ in range(50):
            offset = slab.write(data)
            if offset is None:
                continue
            if files.read(offset, len(data)) != data:
                wrong.append(mark)
            slab.release(offset)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert slab.write(bytes(BYTES)) == 0


# ---- the files ----


def test_slab_refuses_a_missing_or_short_file(files: Files) -> None:
    os.truncate(files.to_worker, PAGE)
    with pytest.raises(ValueError, match="greater than file size"):
        Slab(str(files.to_worker), str(files.to_host), nbytes=BYTES, on_release=print)
    with pytest.raises(FileNotFoundError):
        Slab(str(files.to_worker) + "x", str(files.to_host), nbytes=BYTES, on_release=print)
    with pytest.raises(FileNotFoundError):
        Slab(str(files.to_worker), str(files.to_host) + "x", nbytes=PAGE, on_release=print)
