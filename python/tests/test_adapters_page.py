"""The Python of docs/adapters.md is served, called and tested as the page says."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from snakeden.testing.adapter_under_test import load_adapter
from snakeden.testing.overlaps import overlaps
from tests.fake_host import REPOSITORY, SOURCES, FakeHost

PAGE = (REPOSITORY / "docs" / "adapters.md").read_text("utf-8")
FILE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONFIG = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)

ONNXRUNTIME = """
class SessionOptions:
    intra_op_num_threads = 0

class InferenceSession:
    def __init__(self, path, options, providers):
        self.threads = options.intra_op_num_threads

    def get_providers(self):
        return ["{chosen}"]

    def run(self, outputs, inputs):
        return [[self.threads]]
"""


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


@pytest.mark.parametrize("chosen", ["CUDAExecutionProvider", "CPUExecutionProvider"])
def test_page_passes_threads_to_onnxruntime_and_refuses_the_cpu(
    folder: Path, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    (folder / "onnxruntime.py").write_text(ONNXRUNTIME.format(chosen=chosen), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for name in ("onnxruntime", "scores"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    scores = importlib.import_module("scores").Scores()
    if chosen == "CPUExecutionProvider":
        with pytest.raises(RuntimeError, match="the model is on the CPU"):
            scores.setup()
    else:
        scores.setup()
        assert scores.score([1.0]) == [3]


# What the page uses of torch.
TORCH = """
from contextlib import nullcontext as inference_mode
from types import SimpleNamespace

log = []
cuda = SimpleNamespace(
    is_available=lambda: True,
    set_per_process_memory_fraction=lambda share, index: log.append([share, index]),
)

class Linear:
    def __init__(self, *shape):
        self.shape = shape
    def to(self, device):
        log.append([*self.shape, device])
        return self
    def __call__(self, features):
        return sum(features)

nn = SimpleNamespace(Linear=Linear)

def tensor(values, device):
    log.append([device])
    return values

from snakeden import tool

@tool(name="log")
def get_log() -> list[list[object]]:
    return log
"""


def test_page_shows_an_adapter_that_uses_its_device(host: FakeHost, folder: Path) -> None:
    (folder / "torch.py").write_text(TORCH, encoding="utf-8")
    assigned = {
        "id": "cuda:3",
        "kind": "cuda",
        "uuid": None,
        "name": "",
        "memoryBytes": None,
        "share": 0.5,
        "reservedBytes": None,
    }
    env = {"SNAKEDEN_DEVICE": msgspec.json.encode(assigned).decode()}
    worker = host.start("rates", "torch", paths=[str(folder)], env=env)
    assert worker.link.run("rate", call_id=1, features=[1, 2, 4]) == 7
    log = worker.link.run("log", call_id=2)
    assert log == [[0.45, 0], [3, 1, "cuda:0"], ["cuda:0"]]


def test_page_shows_an_adapter_for_several_threads(folder: Path) -> None:
    with (
        load_adapter("pages:Pages", module_paths=[str(folder)]) as pages,
        overlaps() as found,
        ThreadPoolExecutor(4) as pool,
    ):
        url = "https://example.org/a"
        counts = list(pool.map(lambda _: pages.run("visit", {"url": url}), range(40)))
    assert sorted(counts) == list(range(1, 41))
    assert found == []


def test_page_shows_tests_that_pass(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={"PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr
