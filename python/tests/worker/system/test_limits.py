from __future__ import annotations

import resource
import signal

import pytest

from snakeden._link.gen import link_pb2 as link
from tests.fake_host import FakeHost

MIB = 1 << 20


def test_worker_has_no_limit_of_its_own_unless_told(host: FakeHost) -> None:
    worker = host.start("shows_limits")
    limits = worker.link.run("limits")
    assert limits["openFiles"] == list(resource.getrlimit(resource.RLIMIT_NOFILE))
    assert limits["dataBytes"] == list(resource.getrlimit(resource.RLIMIT_DATA))
    assert limits["cpuSeconds"] == list(resource.getrlimit(resource.RLIMIT_CPU))


def test_worker_bounds_itself_before_it_loads_its_adapter(host: FakeHost) -> None:
    limits = link.Limits(data_bytes=1024 * MIB, open_files=64, cpu_seconds=9, nice=3)
    worker = host.start("shows_limits", limits=limits)
    for shown in (worker.link.run("limits_at_import"), worker.link.run("limits")):
        assert shown["openFiles"] == [64, 64]
        assert shown["dataBytes"] == [1024 * MIB, 1024 * MIB]
        assert shown["nice"] >= 3


def test_worker_grants_each_call_its_cpu_time(host: FakeHost) -> None:
    worker = host.start("shows_limits", limits=link.Limits(cpu_seconds=2))
    first, _ = worker.link.run("limits")["cpuSeconds"]
    # More than one call may take, in calls that each take less.
    for _ in range(4):
        worker.link.run("burn", seconds=1.0)
    assert worker.link.run("limits")["cpuSeconds"][0] > first + 2


def test_worker_ends_by_sigxcpu_when_a_call_takes_more(host: FakeHost) -> None:
    worker = host.start("shows_limits", limits=link.Limits(cpu_seconds=1))
    worker.link.call(1, "burn", {"seconds": 60})
    assert worker.wait() == -signal.SIGXCPU
    assert "in burn" in worker.stderr


def test_worker_names_the_limit_of_open_files_and_lives(host: FakeHost) -> None:
    worker = host.start("shows_limits", limits=link.Limits(open_files=64))
    worker.link.call(1, "open_files", {"count": 100})
    error = worker.link.expect("failure").error
    assert error.code == "python_exception"
    assert "the limit openFiles of the pool is 64" in error.message
    assert worker.link.run("open_files", count=5) == 5


def test_worker_names_the_limit_of_data_and_lives(host: FakeHost) -> None:
    worker = host.start("eats_memory", limits=link.Limits(data_bytes=512 * MIB))
    worker.link.call(1, "eat", {"megabytes": 1024})
    error = worker.link.expect("failure").error
    assert error.code == "python_exception"
    assert error.python.type == "MemoryError"
    assert f"the limit dataBytes of the pool is {512 * MIB}" in error.message
    assert worker.link.run("let_go") > 100
    assert worker.link.run("eat", megabytes=1) == 1


def test_worker_says_which_limit_the_system_refuses(host: FakeHost) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= 2**32 - 1:
        pytest.skip("the system sets no limit that could be exceeded")
    _, error = host.start_failing("shows_limits", limits=link.Limits(open_files=hard + 1))
    assert error.code == "worker_start_failed"
    assert f"openFiles to {hard + 1}: the system allows at most {hard}" in error.message
