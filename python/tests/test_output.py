from __future__ import annotations

import subprocess
import sys

from tests.fake_host import SOURCES


def run(code: str) -> subprocess.CompletedProcess[bytes]:
    prelude = "from snakeden import output; output.prepare()\n"
    return subprocess.run(
        [sys.executable, "-c", prelude + code],
        env={"PYTHONPATH": str(SOURCES), "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )


def test_prepare_makes_print_take_any_text() -> None:
    done = run(r"print('\ud800 \xfc')")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "\\ud800 ü\n".encode()


def test_prepare_makes_print_write_whole_lines_at_once() -> None:
    assert run("print('line'); print('part', end=''); import os; os._exit(0)").stdout == b"line\n"


def test_prepare_gives_print_a_place_when_there_is_no_stdout() -> None:
    done = run("import os; os.close(1); output.prepare(); print('x'); output.flush()")
    assert done.returncode == 0, done.stderr
