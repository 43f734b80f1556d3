"""What a worker makes of the adapters that its pool names."""

from __future__ import annotations

from pathlib import Path

from snakeden._worker import exit_status
from tests.fake_host import FakeHost


def test_worker_serves_the_tools_of_several_adapters(host: FakeHost) -> None:
    worker = host.start("snakeden.demo", "threads")
    assert worker.link.run("ping") == "pong"
    assert worker.link.run("leave_thread", call_id=2) > 1
    assert worker.stop() == exit_status.OK
    assert worker.stdout.startswith(b"threads: torn down\n")


def test_worker_serves_plain_functions_that_its_pool_exposes(
    host: FakeHost, tmp_path: Path
) -> None:
    (tmp_path / "texts.py").write_text(
        "def classify(text: str, top: int = 3) -> list[str]:\n"
        "    '''Classify one text.'''\n"
        "    return [text] * top\n"
        "def hidden(): pass\n"
    )
    worker = host.start("texts", paths=[str(tmp_path)], expose=["class*"])
    assert list(worker.tools) == ["classify"]
    assert worker.tools["classify"].description == "Classify one text."
    assert worker.link.run("classify", text="a", top=2) == ["a", "a"]
    error = worker.link.failure("classify", call_id=2, text=1)
    assert error.code == "invalid_arguments"


def test_worker_says_which_of_its_adapters_cannot_be_served(host: FakeHost) -> None:
    worker, error = host.start_failing("snakeden.demo", "raises_in_setup")
    assert error.message.startswith("adapter 'raises_in_setup' (2 of 2) raised FileNotFoundError")
    assert error.python.type == "FileNotFoundError"
    assert worker.wait() == exit_status.START_FAILED


def test_worker_tears_down_what_was_set_up_before_it_says_that_it_cannot_start(
    host: FakeHost,
) -> None:
    worker, error = host.start_failing("fails_second_setup")
    assert "raised OSError in Second.setup(): no disk" in error.message
    assert worker.stdout == b"First was torn down\n"
    assert worker.wait() == exit_status.START_FAILED
    assert worker.stdout == b"First was torn down\n"
