"""The Python of docs/adapters.md is served, called and tested as the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.fake_host import REPOSITORY, SOURCES, FakeHost

PAGE = (REPOSITORY / "docs" / "adapters.md").read_text("utf-8")
FILE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONFIG = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of the page."""
    for name, code in FILE.findall(PAGE):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code, encoding="utf-8")
    return tmp_path


def test_page_names_a_file_in_each_block_of_python() -> None:
    assert len(FILE.findall(PAGE)) == PAGE.count("```python\n")


def test_page_shows_pools_that_serve_its_tools(host: FakeHost, folder: Path) -> None:
    served = []
    for text in CONFIG.findall(PAGE):
        (pool,) = msgspec.json.decode(text)["pools"]
        expose = pool.get("expose", [])
        worker = host.start(pool["adapter"], paths=[str(folder)], expose=expose)
        served.append(list(worker.tools))
        assert worker.stop() == 0
    assert served == [["count_words", "classify", "classify_all"], ["slug", "embed_length"]]


def test_page_says_which_tools_a_package_and_a_list_have(host: FakeHost, folder: Path) -> None:
    paths = [str(folder)]
    assert list(host.start("mytools", paths=paths).tools) == ["mean", "longest"]
    assert list(host.start("mytools.*", paths=paths).tools) == ["mean", "longest"]
    worker = host.start("texts:Texts", "counter", paths=paths)
    assert list(worker.tools) == ["classify", "classify_all", "increment"]
    assert [worker.link.run("increment", call_id=it) for it in (1, 2)] == [1, 2]


def test_page_shows_tests_that_pass(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={"PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
