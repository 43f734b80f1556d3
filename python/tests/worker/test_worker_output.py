from __future__ import annotations

from tests.fake_host import FakeHost, Worker, wait_for


def entries(worker: Worker) -> list[tuple[int, str, str, int]]:
    return [(log.level, log.logger, log.message, log.call_id) for log in worker.link.logs]


def test_logging_goes_over_the_link_with_the_call(host: FakeHost) -> None:
    worker = host.start("logs")
    worker.link.run("log", call_id=5, level="INFO", message="hello \ud83d\ude00")
    worker.link.run("log", call_id=6, level="DEBUG", message="too low")
    worker.link.run("log", call_id=7, level="ERROR", message="bad")
    assert entries(worker) == [
        (20, "fixtures.logs", "hello \U0001f600", 5),
        (40, "fixtures.logs", "bad", 7),
    ]
    assert worker.link.logs[0].time > 1.7e9


def test_logging_level_comes_from_the_host(host: FakeHost) -> None:
    worker = host.start("logs", log_level="ERROR")
    worker.link.run("log", level="WARNING", message="no")
    worker.link.run("log", level="CRITICAL", message="yes")
    assert [log.message for log in worker.link.logs] == ["yes"]


def test_logging_carries_exceptions(host: FakeHost) -> None:
    worker = host.start("logs")
    worker.link.run("log_exception")
    message = worker.link.logs[0].message
    assert message.startswith("it went wrong\nTraceback")
    assert message.endswith("ValueError: caught")


def test_logging_with_wrong_arguments_breaks_nothing(host: FakeHost) -> None:
    worker = host.start("logs")
    assert worker.link.run("log_badly") == "fine"
    assert worker.link.logs[0].message.startswith("%d items (cannot be formatted: TypeError")


def test_logging_counts_what_it_drops(host: FakeHost) -> None:
    worker = host.start("logs")
    total = 20_000
    assert worker.link.run("log_many", count=total) == total
    worker.link.run("log", level="INFO", message="last")
    logs = worker.link.logs
    assert logs[-1].message == "last"
    assert len(logs) + sum(log.dropped for log in logs) == total + 1


def test_print_goes_to_stdout_and_never_to_the_link(host: FakeHost) -> None:
    worker = host.start("logs")
    worker.link.run("say", text="plain ü")
    assert worker.stdout == "plain ü\n".encode()
    assert "plain ü\n" in worker.stderr


def test_print_of_garbage_breaks_nothing(host: FakeHost) -> None:
    worker = host.start("prints_garbage")
    assert worker.link.run("garbage", size=100_000) == "still here"
    worker.link.run("garbage", size=10)
    wait_for(lambda: len(worker.stdout) > 300_000, "the garbage to be written")
    assert worker.stop() == 0
    assert worker.stdout.endswith(b"lone surrogate \\ud800, zero \x00, escape \x1b[31m")
