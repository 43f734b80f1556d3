"""Tests of the tables of processes, and of frames."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from snakeden._guard import ps, tree
from snakeden._guard.frames import Kind, Splitter, frame
from snakeden._guard.marks import marked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_frames_are_split_wherever_the_bytes_are_cut() -> None:
    whole = frame(Kind.STOP, b"abcd") + frame(Kind.INPUT_END) + frame(Kind.INPUT, b"x" * 70_000)
    for size in (1, 3, 5, 1000, len(whole)):
        splitter = Splitter()
        found = [
            it for at in range(0, len(whole), size) for it in splitter.push(whole[at : at + size])
        ]
        assert found == [(b"S", b"abcd"), (b"E", b""), (b"I", b"x" * 70_000)]


def test_a_process_is_read_whatever_its_name() -> None:
    code = "import time; open('/proc/self/comm', 'w').write(') S 1 (x\\n'); print(); time.sleep(99)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = tree.find(child.pid)
        assert found is not None
        assert (found.parent, found.group) == (os.getpid(), os.getpgrp())
        assert found.rss_bytes > 1_000_000
        assert not found.is_dead
        child.kill()


def test_below_lists_all_descendants_and_leaves_out_those_that_are_spared() -> None:
    script = "sh -c 'sleep 99 & echo $!; wait' & echo $!; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        pids = [int(child.stdout.readline()), int(child.stdout.readline())]
        everybody = {child.pid, *pids}
        assert everybody <= {it.pid for it in tree.below(os.getpid())}
        assert everybody.isdisjoint(it.pid for it in tree.below(os.getpid(), spared=[child.pid]))
        processes = tree.below(child.pid)
        assert {it.pid for it in processes} == set(pids)
        for it in processes:
            assert tree.send(it, signal.SIGKILL)
        child.wait()
        assert tree.below(child.pid) == []


def test_send_spares_a_process_that_has_the_pid_of_another_one() -> None:
    with subprocess.Popen(["sleep", "99"]) as child:
        process = tree.find(child.pid)
        assert process is not None
        assert not tree.send(process._replace(start=process.start - 1), signal.SIGKILL)
        assert child.poll() is None
        assert tree.send(process, signal.SIGKILL)
        child.wait()
        assert not tree.send(process, signal.SIGKILL)


def test_an_empty_mark_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "99"], env={"MARK": "here"}) as child:
        assert [it.pid for it in marked(b"MARK=here")] == [child.pid]
        assert marked(b"") == []
        monkeypatch.setattr(tree, "HAS_PROC", False)
        assert [it.pid for it in marked(b"MARK=here")] == [child.pid]
        assert marked(b"") == []
        child.kill()


def test_ps_shows_the_same_as_proc() -> None:
    with subprocess.Popen(["sleep", "99"], env={"MARK": "a b"}, start_new_session=True) as child:
        process, text = ps.ps_table()[child.pid]
        in_proc = tree.find(child.pid)
        assert in_proc is not None
        assert (process.parent, process.group) == (in_proc.parent, in_proc.group)
        assert not process.is_dead
        assert "MARK=a b" in text
        child.kill()
        child.wait()
        assert child.pid not in ps.ps_table()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("00:00:01", 1000), ("0:01.25", 1250), ("1-02:03:04", 93_784_000), ("12:00", 720_000)],
)
def test_times_of_ps_are_read(text: str, expected: float) -> None:
    assert ps.milliseconds(text) == expected
