from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.fake_host import SOURCES, FakeHost, Worker, wait_for


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def close_stdin(worker: Worker) -> None:
    assert worker.process.stdin is not None
    worker.process.stdin.close()


def test_host_guard_ends_an_idle_worker(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    close_stdin(worker)
    assert worker.wait() == -signal.SIGKILL


@pytest.mark.parametrize("tool", ["spawn_child", "fork_child"])
def test_host_guard_ends_the_children_too(host: FakeHost, tool: str) -> None:
    worker = host.start("forks_children")
    child = worker.link.run(tool)
    assert not gone(child)
    close_stdin(worker)
    assert worker.wait() == -signal.SIGKILL
    wait_for(lambda: gone(child), "the child to be killed")


@pytest.mark.skipif(sys.platform != "linux", reason="only the kernel can do this")
def test_host_guard_ends_a_worker_whose_tool_holds_the_gil(host: FakeHost) -> None:
    worker = host.start("holds_gil")
    worker.link.call(1, "hold_gil", {"seconds": 1000})
    wait_for(lambda: b"holding" in worker.stdout, "the call to start")
    close_stdin(worker)
    assert worker.wait() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only the kernel can do this")
def test_host_guard_ends_a_worker_that_is_stopped(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    worker.process.send_signal(signal.SIGSTOP)
    close_stdin(worker)
    assert worker.wait() == -signal.SIGKILL


def test_host_guard_ends_a_worker_that_is_still_loading(host: FakeHost) -> None:
    worker = host.connect()
    worker.link.expect("hello")
    worker.welcome("never_says_hello")
    close_stdin(worker)
    assert worker.wait() == -signal.SIGKILL


def test_host_guard_keeps_the_pipe_from_tools_and_their_children(host: FakeHost) -> None:
    worker = host.start("logs")
    assert worker.link.run("read_stdin") == ""
    if sys.platform == "linux":
        assert os.readlink(f"/proc/{worker.process.pid}/fd/0") == os.devnull


GUARDED = """
import time
from snakeden._worker.system import host_guard, output
print(host_guard.arm(), flush=True)
time.sleep({})
"""


def guarded(seconds: float, stdin: int, new_session: bool = True) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", GUARDED.format(seconds)],
        env={"PYTHONPATH": str(SOURCES)},
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=new_session,
    )


def test_arm_does_nothing_when_stdin_is_no_pipe() -> None:
    process = guarded(0, subprocess.DEVNULL)
    output, _ = process.communicate(timeout=20)
    assert (output, process.returncode) == ("none\n", 0)


def test_arm_notices_an_end_that_came_before_it() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    process = guarded(1000, reader)
    os.close(reader)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL


def test_arm_never_kills_a_group_it_does_not_lead() -> None:
    process = guarded(1000, subprocess.PIPE, new_session=False)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    process.stdin.close()
    assert process.wait(20) == -signal.SIGKILL
    process.stdout.close()
    # We are in that group, and here.
    assert time.monotonic()
