from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from snakeden import __version__
from snakeden._link.gen import link_pb2 as link
from snakeden._link.gen.errors_pb2 import Error
from snakeden._worker import exit_status
from tests.fake_host import SOURCES, TIMEOUT, FakeHost, wait_for


def test_worker_says_hello_first(host: FakeHost) -> None:
    worker = host.connect()
    hello = worker.link.expect("hello")
    assert hello.protocol_version == 1
    assert hello.worker_id == "default-1"
    assert hello.token == "secret-token"
    assert hello.pid == worker.process.pid
    assert hello.python_version == platform.python_version()
    assert hello.package_version == __version__


def test_worker_answers_pings_before_it_is_welcome_and_while_it_loads(host: FakeHost) -> None:
    worker = host.connect()
    worker.link.expect("hello")
    worker.link.send({"ping": link.Ping(id=1)})
    assert worker.link.expect("pong").id == 1
    worker.welcome("never_says_hello")
    worker.link.send({"ping": link.Ping(id=2)})
    assert worker.link.expect("pong").id == 2


def test_worker_leaves_with_a_status_of_its_own_when_it_is_refused(host: FakeHost) -> None:
    worker = host.connect()
    worker.link.expect("hello")
    error = Error(code="protocol_mismatch", message="speaks version 1, this host version 2")
    worker.link.send({"refused": link.Refused(error=error)})
    assert worker.wait() == exit_status.REFUSED
    assert (
        "the host refused it: speaks version 1, this host version 2 (protocol_mismatch)"
        in worker.stderr
    )


def test_worker_leaves_when_nobody_listens(host: FakeHost, tmp_path: Path) -> None:
    kind = host.address.partition(":")[0]
    process, folder = host.spawn(address=f"{kind}:{tmp_path}/nobody.sock")
    assert process.wait(20) == exit_status.LINK_LOST
    assert "the link to " in (folder / "stderr").read_text()


def test_worker_that_nobody_told_an_address_says_so() -> None:
    worker = SOURCES / "snakeden" / "worker.py"
    done = subprocess.run([sys.executable, worker], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == exit_status.USAGE
    assert done.stderr == "snakeden worker: SNAKEDEN_ADDRESS is not set; a host sets it\n"


def test_worker_offers_its_tools(host: FakeHost) -> None:
    worker = host.start("typed")
    assert worker.tools["renamed.tool-1"].description == "Has a name and a description of its own."
    assert worker.tools["scale"].description == "Scale a point."
    assert '"Point"' in worker.tools["scale"].input_schema
    assert not worker.tools["scale"].streams
    assert not worker.tools["scale"].idempotent
    assert worker.stop() == exit_status.OK


def test_worker_tells_which_tools_may_run_twice(host: FakeHost) -> None:
    worker = host.start("dies_again")
    idempotent = sorted(name for name, it in worker.tools.items() if it.idempotent)
    assert idempotent == ["dies_at_first", "size_of", "stream_dies"]
    assert worker.stop() == exit_status.OK


def test_worker_takes_the_token_out_of_the_environment(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "env.py").write_text(
        "import os\nfrom snakeden import tool\n@tool\ndef env(): return dict(os.environ)\n"
    )
    worker = host.start("env", paths=[str(tmp_path)])
    assert "SNAKEDEN_TOKEN" not in worker.link.run("env")


@pytest.mark.parametrize(
    ("adapter", "message", "exception"),
    [
        ("no_such_adapter", "there is no module 'no_such_adapter'", None),
        ("not a name", "is not of the form", None),
        ("typed:Missing", "has no 'Missing'", None),
        ("raises_at_import", "raised KeyError while it was imported: 'MODEL_PATH'", "KeyError"),
        ("exits_at_import", "left by sys.exit(7) while it was imported", "SystemExit"),
        (
            "raises_in_setup",
            "raised FileNotFoundError in setup(): model.bin is not there",
            "FileNotFoundError",
        ),
    ],
)
def test_worker_says_why_it_cannot_start(
    host: FakeHost, adapter: str, message: str, exception: str | None
) -> None:
    worker, error = host.start_failing(adapter)
    assert error.code == "worker_start_failed"
    assert message in error.message
    if exception is None:
        assert not error.HasField("python")
    else:
        assert error.python.type == exception
        assert adapter in error.python.traceback
        assert "adapter_loader" not in error.python.traceback
    assert worker.link.next() is None
    assert worker.wait() == exit_status.START_FAILED


def test_worker_refuses_a_profile_that_it_does_not_have(host: FakeHost) -> None:
    worker, error = host.start_failing("snakeden.demo", profile="fibre")
    assert error.code == "worker_start_failed"
    assert error.message == "there is no profile 'fibre', only: process, thread, async"
    assert worker.wait() == exit_status.START_FAILED


def test_worker_shows_the_status_of_a_process_that_dies_at_import(host: FakeHost) -> None:
    worker = host.connect()
    worker.link.expect("hello")
    worker.welcome("dies_at_import")
    assert worker.wait() == 7
    assert "the native library gave up" in worker.stderr


@pytest.mark.parametrize(
    ("how", "status"),
    [("stop", exit_status.OK), ("SIGTERM", exit_status.SIGNALLED + signal.SIGTERM)],
)
def test_worker_that_is_still_starting_leaves_at_once(
    host: FakeHost, how: str, status: int
) -> None:
    worker = host.connect()
    worker.link.expect("hello")
    worker.welcome("never_says_hello")
    wait_for(lambda: b"waiting" in worker.stdout, "the import to begin")
    if how == "stop":
        worker.link.send({"stop": link.Stop()})
    else:
        worker.process.terminate()
    assert worker.wait() == status


@pytest.mark.parametrize("how", ["stop", "SIGTERM"])
def test_worker_finishes_its_call_before_it_stops(host: FakeHost, how: str) -> None:
    worker = host.start("swallows_cancel")
    worker.link.call(1, "stubborn_aloud", {"seconds": 0.5})
    worker.link.expect("progress")
    worker.link.call(2, "stubborn", {"seconds": 0})
    worker.link.send({"ping": link.Ping(id=1)})
    worker.link.expect("pong")
    if how == "stop":
        worker.link.send({"stop": link.Stop()})
    else:
        worker.process.send_signal(signal.SIGTERM)
        assert worker.link.expect("leaving").reason == "SIGTERM"
    assert list(worker.link.expect("recalled").ids) == [2]
    assert worker.link.result() == {"cancelled": False, "caught": False}
    if how == "SIGTERM":
        worker.link.call(3, "stubborn", {"seconds": 0})
        assert list(worker.link.expect("recalled").ids) == [3]
        worker.link.send({"stop": link.Stop()})
    assert worker.link.next() is None
    assert worker.wait() == exit_status.OK


def test_worker_gives_back_calls_that_come_after_the_stop(host: FakeHost) -> None:
    worker = host.start("swallows_cancel")
    worker.link.call(1, "stubborn_aloud", {"seconds": 0.3})
    worker.link.expect("progress")
    worker.link.send({"stop": link.Stop()})
    worker.link.call(2, "stubborn")
    assert list(worker.link.expect("recalled").ids) == [2]
    worker.link.expect("result")
    assert worker.wait() == exit_status.OK


def test_worker_tears_down_and_leaves_in_spite_of_threads(host: FakeHost) -> None:
    worker = host.start("threads")
    assert worker.link.run("leave_thread") > 1
    assert worker.stop() == exit_status.OK
    assert worker.stdout == b"threads: torn down\nthreads: exit handler ran\n"


@pytest.mark.parametrize("ignored", [False, True])
def test_worker_leaves_by_sighup_unless_that_was_ignored_from_the_start(
    host: FakeHost, ignored: bool
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        worker = host.start("threads")
    finally:
        signal.signal(signal.SIGHUP, before)
    worker.process.send_signal(signal.SIGHUP)
    if ignored:
        assert worker.link.run("leave_thread") > 1
    else:
        assert worker.link.expect("leaving").reason == "SIGHUP"
    assert worker.stop() == exit_status.OK


def test_worker_leaves_though_the_host_does_not_answer(host: FakeHost) -> None:
    worker = host.start("threads")
    worker.process.send_signal(signal.SIGTERM)
    worker.link.expect("leaving")
    assert worker.wait() == exit_status.OK
    assert b"torn down" in worker.stdout


def test_worker_takes_no_notice_of_sigint(host: FakeHost) -> None:
    worker = host.start("snakeden.demo")
    worker.link.call(1, "sleep", {"seconds": 0.3})
    worker.process.send_signal(signal.SIGINT)
    assert worker.link.result() >= 0.3
    assert worker.stop() == exit_status.OK


def test_worker_leaves_when_the_link_ends_while_it_is_idle(host: FakeHost) -> None:
    worker = host.start("threads")
    worker.link.drop()
    assert worker.wait() == exit_status.LINK_LOST
    assert "the host ended the link without a stop" in worker.stderr
    assert b"torn down" in worker.stdout


def test_worker_leaves_when_the_link_ends_while_it_works(host: FakeHost, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    worker = host.start("appender")
    worker.link.call(1, "append_stream", {"path": str(path)}, stream=True, window_bytes=1)
    worker.link.expect("chunk")
    worker.link.drop()
    assert worker.wait() == exit_status.LINK_LOST
    assert path.read_text().endswith("closed\n")


def test_worker_leaves_when_the_link_ends_though_its_tool_does_not(host: FakeHost) -> None:
    worker = host.start("swallows_cancel")
    worker.link.call(1, "stubborn", {"seconds": 1000})
    worker.link.drop()
    assert worker.wait() == exit_status.LINK_LOST


@pytest.mark.parametrize(
    ("adapter", "status"),
    [
        ("threads", exit_status.LINK_LOST),
        ("never_says_hello", exit_status.LINK_LOST),
        ("raises_at_import", exit_status.START_FAILED),
        (None, exit_status.REFUSED),
    ],
)
def test_worker_announces_a_status_that_a_tool_could_choose_too(
    host: FakeHost, adapter: str | None, status: int
) -> None:
    worker = host.connect(env={"SNAKEDEN_OUTPUT_MARK": "n0n5e"})
    worker.link.expect("hello")
    if adapter is None:
        worker.link.send({"refused": link.Refused(error=Error(code="internal", message="no"))})
    else:
        worker.welcome(adapter)
    if adapter == "threads":
        worker.link.expect("ready")
    if status == exit_status.LINK_LOST:
        worker.link.drop()
    assert worker.wait() == status
    assert f"\x1en0n5e:exit={status}\n" in worker.stderr


def test_worker_announces_no_status_of_a_tool(host: FakeHost) -> None:
    worker = host.connect(env={"SNAKEDEN_OUTPUT_MARK": "n0n5e"})
    worker.link.expect("hello")
    worker.welcome("dies_in_call")
    worker.link.expect("ready")
    worker.link.call(1, "exit_with", {"code": exit_status.LINK_LOST})
    assert worker.wait() == exit_status.LINK_LOST
    assert "exit=" not in worker.stderr


def test_worker_leaves_when_the_link_ends_while_it_loads(host: FakeHost) -> None:
    worker = host.connect()
    worker.link.expect("hello")
    worker.welcome("never_says_hello")
    worker.link.drop()
    assert worker.wait() == exit_status.LINK_LOST


def test_worker_tears_down_in_peace_after_a_sigterm_while_it_is_idle(host: FakeHost) -> None:
    worker = host.start("slow_teardown")
    worker.process.terminate()
    assert worker.wait() == exit_status.OK
    assert worker.stdout == b"torn down\n"


def test_worker_does_not_mind_a_default_timeout_of_sockets(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import socket; socket.setdefaulttimeout(0.05)")
    paths = os.pathsep.join([str(tmp_path), str(SOURCES)])
    worker = host.start("snakeden.demo", env={"PYTHONPATH": paths})
    worker.link.call(1, "sleep", {"seconds": 0.3})
    worker.link.expect("result")
    assert worker.link.run("ping", call_id=2)


def test_worker_awaits_setup_and_teardown_on_the_loop_of_the_tools(host: FakeHost) -> None:
    worker = host.start("async_life")
    assert worker.link.run("same_loop") == [True, True, "set"]
    assert worker.stop() == exit_status.OK
    assert "torn down on the same loop: True" in worker.stderr + worker.stdout.decode() + "".join(
        entry.message for entry in worker.link.logs
    )
