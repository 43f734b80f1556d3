from __future__ import annotations

from pathlib import Path

import pytest

from snakeden._link.gen import link_pb2 as link
from tests.fake_host import FakeHost


def test_failure_asks_an_exception_once_for_its_text(host: FakeHost, tmp_path: Path) -> None:
    worker = host.start("raises_slowly")
    for tool in ("told", "told_as_cause"):
        path = tmp_path / tool
        error = worker.link.failure(tool, path=str(path))
        assert error.code == "python_exception"
        assert path.read_text() == "asked\n"
        assert "Told: told" in error.python.traceback
    assert worker.link.failure("told", path=str(path)).python.message == "told"


def test_failure_is_described_under_the_deadline(host: FakeHost, tmp_path: Path) -> None:
    worker = host.start("raises_slowly")
    args = {"path": str(tmp_path / "told"), "seconds": 1000.0}
    worker.link.call(1, "told", args, timeout_ms=300)
    assert worker.link.expect("failure").error.code == "deadline_exceeded"
    worker.link.call(2, "endless", {}, timeout_ms=300)
    assert worker.link.expect("failure").error.code == "deadline_exceeded"
    assert worker.link.failure("says", what="int").code == "python_exception"


@pytest.mark.parametrize("length", [0, 3])
def test_failure_that_is_being_described_can_be_cancelled(host: FakeHost, length: int) -> None:
    worker = host.start("raises_slowly")
    worker.link.call(1, "endless_chain", {"length": length})
    worker.link.nothing_more()
    worker.link.send({"cancel": link.Cancel(id=1)})
    assert worker.link.expect("failure").error.code == "cancelled"
    assert worker.link.failure("says", what="int").code == "python_exception"


def test_failure_of_a_tool_that_hid_its_cancel_is_described_for_a_moment_only(
    host: FakeHost,
) -> None:
    worker = host.start("raises_slowly")
    worker.link.call(1, "endless_after_cancel", {})
    worker.link.nothing_more()
    worker.link.send({"cancel": link.Cancel(id=1)})
    assert worker.link.expect("failure").error.code == "cancelled"
    assert worker.link.failure("says", what="int").code == "python_exception"


def test_failure_survives_every_text(host: FakeHost) -> None:
    worker = host.start("raises_slowly")
    for what in ("int", "None", "exits", "interrupts", "raises", "recurses"):
        error = worker.link.failure("says", what=what)
        assert error.code == "python_exception", what
        assert error.python.type == "raises_slowly.Says"
        assert error.python.message == "<the message is not available: str() of it raised>"
        assert "in says" in error.python.traceback
    assert worker.link.failure("says", what="text").python.message == "of a subclass"
    huge = worker.link.failure("says", what="huge").python
    assert huge.message.startswith("xxx")
    assert len(huge.message) + len(huge.traceback) < 40_000
    assert worker.process.poll() is None


def test_failure_survives_every_trick_of_the_class_of_an_exception(host: FakeHost) -> None:
    worker = host.start("raises_slowly")
    for tool in ("tricky", "nameless"):
        error = worker.link.failure(tool)
        assert error.code == "python_exception"
        assert error.python.type.endswith(tool.title())
    assert "but with a text" in error.message
    markers = worker.link.run("a_nameless_value")
    assert [it["type"] for it in markers] == [
        "raises_slowly._nameless.<locals>.Nameless",
        "raises_slowly.Tricky",
    ]
    assert worker.process.poll() is None
