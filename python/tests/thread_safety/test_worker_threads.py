"""The checks of a worker whose pool runs calls in several threads."""

from __future__ import annotations

from tests.fake_host import FakeHost, Worker


def warnings_of(worker: Worker) -> list[str]:
    return [it.message for it in worker.link.logs if it.logger == "snakeden.thread_safety"]


def test_checks_log_an_overlap_with_its_call(host: FakeHost) -> None:
    worker = host.start("overlaps", env={"SNAKEDEN_THREAD_CHECKS": "warn"})
    assert worker.link.run("both", call_id=7) == "saved"
    library, overlap = warnings_of(worker)
    assert library.startswith("matplotlib is imported, and is not safe in several threads.")
    assert "Plots._save in tool 'both' (call " in overlap
    assert "began while Plots._draw, thread own ran" in overlap
    assert "return self._save()" in overlap
    assert "assert self.leave.wait(SECONDS)" in overlap
    assert worker.link.logs[-1].call_id == 7


def test_checks_that_are_strict_fail_the_second_call(host: FakeHost) -> None:
    worker = host.start("overlaps", env={"SNAKEDEN_THREAD_CHECKS": "error"})
    worker.link.call(1, "both")
    error = worker.link.expect("failure").error
    assert error.code == "python_exception"
    assert error.python.type == "snakeden.errors.OverlapError"
    assert error.python.message.startswith("two calls overlap that are marked @not_thread_safe")


def test_without_the_variable_nothing_is_checked(host: FakeHost) -> None:
    worker = host.start("overlaps")
    assert worker.link.run("both") == "saved"
    assert warnings_of(worker) == []
