from __future__ import annotations

import subprocess
import sys
from queue import SimpleQueue

import psutil

from snakeden._link.gen import link_pb2 as link
from snakeden._worker.system.memory_gauge import MemoryGauge
from tests.fake_host import TIMEOUT, FakeHost, wait_for

MIB = 1 << 20


def test_gauge_measures_what_the_system_says() -> None:
    gauge = MemoryGauge(0, lambda _rss: None)
    own = psutil.Process().memory_info().rss
    assert abs(gauge.measure() - own) < 16 * MIB


def test_gauge_counts_children() -> None:
    gauge = MemoryGauge(0, lambda _rss: None)
    gauge._children_due = 0.0
    before = gauge.measure()
    program = f"x = b'x' * {64 * MIB}; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        gauge._children_due = 0.0
        assert gauge.measure() - before > 48 * MIB
        child.kill()
    gauge._children_due = 0.0
    assert gauge.measure() - before < 48 * MIB


def test_gauge_reports_by_itself_when_the_limit_is_passed() -> None:
    reports: SimpleQueue[int] = SimpleQueue()
    gauge = MemoryGauge(1, reports.put)
    gauge.start()
    assert reports.get(timeout=TIMEOUT) > 1


def test_worker_tells_its_memory_with_a_pong(host: FakeHost) -> None:
    worker = host.start("eats_memory")
    worker.link.send({"ping": link.Ping(id=0)})
    before = worker.link.expect("pong").rss_bytes
    assert before > MIB
    worker.link.run("eat", megabytes=64)

    def after() -> bool:
        worker.link.send({"ping": link.Ping(id=0)})
        return bool(worker.link.expect("pong").rss_bytes - before > 60 * MIB)

    wait_for(after, "the memory to be seen")


def test_worker_reports_that_it_is_over_its_limit_in_the_middle_of_a_call(host: FakeHost) -> None:
    limits = link.Limits(memory_bytes=128 * MIB)
    worker = host.start("eats_memory", limits=limits)
    worker.link.call(1, "eat_and_stay", {"megabytes": 160})
    report = worker.link.expect("pong")
    assert report.id == 0
    assert report.rss_bytes > 128 * MIB
