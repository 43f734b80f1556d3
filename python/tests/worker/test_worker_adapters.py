"""The adapters of a pool, loaded by a real worker."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("stops_here", "RuntimeError: breakpoint() cannot work: a worker has no terminal; call"),
        ("sets_trace", "BdbQuit (a worker has no terminal for a debugger; call the function in"),
        ("asks", "(a worker has no terminal and its input is empty; take an argument instead)"),
    ],
)
def test_failure_of_a_tool_that_wants_a_terminal_says_that_there_is_none(
    host: FakeHost, tool: str, said: str
) -> None:
    worker = host.start("wants_terminal")
    error = worker.link.failure(tool)
    assert error.code == "python_exception"
    assert said in error.message
    assert worker.stop() == exit_status.OK


def test_worker_leaves_breakpoint_to_whom_the_environment_names(host: FakeHost) -> None:
    worker = host.start("wants_terminal", env={"PYTHONBREAKPOINT": "0"})
    assert worker.link.run("stops_here") is None


def test_failure_says_what_is_known_of_a_module_that_is_missing(host: FakeHost) -> None:
    worker = host.start("misses_module")
    error = worker.link.failure("decode_picture")
    assert error.message == (
        "tool 'decode_picture' raised ModuleNotFoundError: No module named 'cv2' (its package is "
        "opencv-python)"
    )
    assert error.python.message == "No module named 'cv2'"
    error = worker.link.failure("count", call_id=2)
    assert error.message.endswith(
        "(the package 'snakeden.demo' has no module 'toolz' (did you mean tools?))"
    )


def test_worker_that_cannot_start_says_where_it_searched_for_a_module(
    host: FakeHost, tmp_path: Path
) -> None:
    (tmp_path / "needs.py").write_text("import sklearn_of_mine\n")
    _, error = host.start_failing("needs", paths=[str(tmp_path)])
    assert error.message.startswith(
        "adapter 'needs' cannot be imported: it needs a module that is not there: No module named "
        f"'sklearn_of_mine'; searched {tmp_path}, "
    )
