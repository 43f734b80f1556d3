"""Tests of the guard as a program. tests/process/guard tests it together with the host."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from snakeden._guard.frames import Kind
from tests.guard.guarded import Job, running_guard, until_gone

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
pytestmark = linux_only

DETACHING = """
setsid sh -c 'trap "" TERM; echo one $$; sleep 1000; sleep 1000' &
(setsid sh -c 'trap "" TERM; echo two $$; sleep 1000; sleep 1000' &)
"""
NO_SUBREAPER = "system.become_subreaper = lambda: False"
PS_ALONE = """
system.become_subreaper = lambda: False
tree.HAS_PROC = False
tree._HAS_CHILDREN_FILE = False
"""
NO_LISTS = "tree._HAS_CHILDREN_FILE = False"
NO_HANDLES = """
import os
import time
def refuse(pid): raise OSError(38, "not implemented")
os.pidfd_open = refuse
"""
MARK = {"PATH": "/usr/bin:/bin", "MARK": "abc"}


@pytest.mark.parametrize("change", ["", NO_SUBREAPER, PS_ALONE, NO_LISTS, NO_HANDLES])
def test_a_stop_ends_all_processes_of_a_job(tmp_path: Path, change: str) -> None:
    with running_guard(tmp_path, change=change) as path, Job(path) as job:
        job.shell(f"{DETACHING} sleep 1000; sleep 1000", env=MARK, mark="MARK=abc")
        pids = [job.until(Kind.STARTED)["pid"], job.pid("one"), job.pid("two")]
        job.stop(10)
        assert job.until(Kind.ENDED)["cause"] == "stopped"
        until_gone(*pids)


@pytest.mark.parametrize("change", ["", NO_SUBREAPER, PS_ALONE, NO_LISTS])
def test_the_end_of_a_program_ends_what_it_left(tmp_path: Path, change: str) -> None:
    with running_guard(tmp_path, change=change) as path, Job(path) as job:
        job.shell(
            f"{DETACHING} while ! [ -e {tmp_path}/go ]; do sleep 0.01; done; exit 3",
            env=MARK,
            mark="MARK=abc",
        )
        pids = [job.pid("one"), job.pid("two")]
        (tmp_path / "go").touch()
        end = job.until(Kind.ENDED)
        assert (end["cause"], end["exit"]) == ("exited", {"code": 3})
        assert end["killed"] >= 4
        until_gone(*pids)


def test_the_end_of_standard_input_ends_all_jobs_and_the_guard(tmp_path: Path) -> None:
    with Job.__new__(Job) as job:
        with running_guard(tmp_path) as path:
            job.__init__(path)  # type: ignore[misc]
            job.shell(f"{DETACHING} sleep 1000")
            pids = [job.until(Kind.STARTED)["pid"], job.pid("one"), job.pid("two")]
            assert path.exists()
        until_gone(*pids)
        assert not path.exists()


def test_the_end_of_a_connection_ends_its_job_alone(tmp_path: Path) -> None:
    with running_guard(tmp_path) as path, Job(path) as other:
        other.shell("echo up 1; read line; exit 7", hasStdin=True)
        assert other.pid("up") == 1
        with Job(path) as job:
            job.shell(f"{DETACHING} sleep 1000")
            pids = [job.until(Kind.STARTED)["pid"], job.pid("one"), job.pid("two")]
        until_gone(*pids)
        other.send(Kind.INPUT, b"go\n")
        assert other.until(Kind.ENDED)["exit"] == {"code": 7}


def test_a_guard_that_cannot_fork_refuses_one_launch_and_keeps_the_others(tmp_path: Path) -> None:
    change = f"""
import os
fork = os.fork
def maybe():
    if os.path.exists({str(tmp_path / "full")!r}):
        raise OSError(11, "Resource temporarily unavailable")
    return fork()
os.fork = maybe
"""
    with running_guard(tmp_path, change=change) as path, Job(path) as first:
        first.shell("echo up 1; read line; exit 7", hasStdin=True)
        assert first.pid("up") == 1
        (tmp_path / "full").touch()
        with Job(path) as job:
            said = job.until(Kind.FAILED)
        assert (said["step"], said["code"]) == ("fork", "EAGAIN")
        (tmp_path / "full").unlink()
        first.send(Kind.INPUT, b"go\n")
        assert first.until(Kind.ENDED)["exit"] == {"code": 7}
        with Job(path) as again:
            assert again.shell("exit 4").until(Kind.ENDED)["exit"] == {"code": 4}


def test_a_guard_without_descriptors_refuses_launches_and_keeps_the_others(tmp_path: Path) -> None:
    change = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))"
    with ExitStack() as stack:
        path = stack.enter_context(running_guard(tmp_path, change=change))
        jobs: list[Job] = []
        for _ in range(24):
            job = stack.enter_context(Job(path))
            job.shell("echo up 1; read line; exit 7", hasStdin=True)
            said = job.until_one_of(Kind.STARTED, Kind.FAILED)
            if "code" in said:
                break
            jobs.append(job)
        assert (said["step"], said["code"]) == ("fork", "EMFILE")
        assert len(jobs) > 3
        for job in jobs:
            job.send(Kind.INPUT, b"go\n")
            assert job.until(Kind.ENDED)["exit"] == {"code": 7}
        # Their descriptors are free once the guard has reaped their wardens.
        end = time.monotonic() + 30
        said = {"code": "EMFILE"}
        while said.get("code") == "EMFILE" and time.monotonic() < end:
            with Job(path) as again:
                said = again.shell("exit 4").until_one_of(Kind.ENDED, Kind.FAILED)
        assert said["exit"] == {"code": 4}


def test_a_sweep_ends_all_processes_with_a_mark(tmp_path: Path) -> None:
    with running_guard(tmp_path) as path, Job(path) as marked, Job(path) as other:
        marked.shell("echo one $$; sleep 1000; sleep 1000", env=MARK)
        other.shell("echo two $$; read line; exit 5", env={"MARK": "abcd"}, hasStdin=True)
        pid = marked.pid("one")
        other.pid("two")
        with Job(path) as sweep:
            sweep.send(Kind.SWEEP, b"MARK=abc")
            # The shell and its sleep.
            assert sweep.until(Kind.ENDED)["killed"] == 2
            until_gone(pid)
        other.send(Kind.INPUT, b"go\n")
        assert other.until(Kind.ENDED)["exit"] == {"code": 5}
