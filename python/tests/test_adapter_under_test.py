from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from snakeden import Adapter, HostError, current_call, tool
from snakeden.errors import AdapterError, ArgumentsError
from snakeden.testing import given_file
from snakeden.testing.adapter_under_test import AdapterUnderTest, load_adapter

SOURCE = Path(__file__).resolve().parents[1] / "src"
FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "adapters"


@dataclass
class Point:
    x: float
    y: float


@dataclass
class Moved:
    point: Point
    steps: tuple[int, ...]


class Shapes(Adapter):
    events: list[str] = []

    def setup(self) -> None:
        self.events.append("setup")
        self.calls = 0

    def teardown(self) -> None:
        self.events.append("teardown")

    @tool
    def move(self, point: Point, by: float = 1.0, axis: Literal["x", "y"] = "x") -> Moved:
        self.calls += 1
        assert isinstance(point, Point)
        setattr(point, axis, getattr(point, axis) + by)
        return Moved(point, (1, self.calls))

    @tool
    def count(self, n: int) -> Generator[int, None, str]:
        try:
            for i in range(n):
                current_call().progress((i + 1) / n)
                yield i
        finally:
            self.events.append("count closed")
        return "counted"

    @tool
    def total(self, name: str) -> int:
        call = current_call()
        numbers = call.tools.numbers(upto=3)
        call.session.variables[name] = sum(numbers)
        return sum(numbers)

    @tool
    def fails(self) -> None:
        raise KeyError("on purpose")


class Inputs(Adapter):
    @tool
    def longest(self, lines: Iterator[str], least: int = 0) -> Iterator[str]:
        for line in lines:
            if len(line) >= least:
                yield line.upper()
            if line == "stop":
                return

    @tool
    async def added(self, numbers: AsyncIterator[int]) -> int:
        return sum([it async for it in numbers])


class Waits(Adapter):
    async def setup(self) -> None:
        self.loop = asyncio.get_running_loop()

    @tool
    async def wait(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        # The loop of setup(), which clients such as those of databases belong to.
        assert asyncio.get_running_loop() is self.loop
        return current_call().request_id

    @tool
    async def leave_task(self) -> None:
        async def hang() -> None:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                Shapes.events.append("task cancelled")
                raise

        self.task = asyncio.get_running_loop().create_task(hang())
        await asyncio.sleep(0)

    @tool
    async def drip(self, n: int) -> AsyncIterator[int]:
        try:
            for i in range(n):
                await asyncio.sleep(0)
                yield i
        finally:
            Shapes.events.append("drip closed")


@tool
def double(n: int) -> int:
    return 2 * n


@pytest.fixture
def shapes() -> Iterator[AdapterUnderTest]:
    Shapes.events.clear()
    with load_adapter(Shapes) as loaded:
        yield loaded


@pytest.fixture
def waits() -> Iterator[AdapterUnderTest]:
    Shapes.events.clear()
    with load_adapter(Waits) as loaded:
        yield loaded


def test_arguments_are_converted_and_results_travel(shapes: AdapterUnderTest) -> None:
    assert shapes.run("move", {"point": {"x": 1, "y": 2}, "axis": "y"}) == {
        "point": {"x": 1, "y": 3},
        "steps": [1, 1],
    }
    # One instance, as in a worker.
    assert shapes.run("move", {"point": {"x": 0, "y": 0}})["steps"] == [1, 2]
    assert shapes.tools == ["count", "fails", "move", "total"]


def test_wrong_arguments_raise_with_the_path_of_each_field(shapes: AdapterUnderTest) -> None:
    with pytest.raises(ArgumentsError) as caught:
        shapes.run("move", {"point": {"x": "no"}, "axis": "z", "extra": 1})
    assert sorted(it.path for it in caught.value.issues) == [
        "args.axis",
        "args.extra",
        "args.point.x",
        "args.point.y",
    ]
    with pytest.raises(ArgumentsError, match="args.n"):
        list(shapes.stream("count"))


def test_streams_are_collected_or_read_item_by_item(shapes: AdapterUnderTest) -> None:
    assert shapes.run("count", {"n": 3}) == [0, 1, 2]
    assert shapes.call is not None
    assert [it["fraction"] for it in shapes.call.reports] == [1 / 3, 2 / 3, 1.0]

    stream = shapes.stream("count", {"n": 2})
    assert next(stream) == 0
    with pytest.raises(RuntimeError, match="outside of a call"):
        current_call()
    assert next(stream) == 1
    with pytest.raises(StopIteration) as end:
        next(stream)
    assert end.value.value == "counted"


def test_a_stream_that_is_left_is_closed(shapes: AdapterUnderTest, waits: AdapterUnderTest) -> None:
    for loaded, name, event in ((shapes, "count", "count closed"), (waits, "drip", "drip closed")):
        Shapes.events.clear()
        stream = loaded.stream(name, {"n": 3})
        assert next(stream) == 0
        assert Shapes.events == []
        stream.close()
        assert Shapes.events == [event]


def test_a_tool_that_does_not_stream_yields_its_result(shapes: AdapterUnderTest) -> None:
    (item,) = shapes.stream("move", {"point": {"x": 0, "y": 0}})
    assert item["point"] == {"x": 1, "y": 0}


def test_a_session_and_tools_of_the_host_are_pretended(shapes: AdapterUnderTest) -> None:
    def numbers(upto: int) -> list[int]:
        return list(range(1, upto + 1))

    assert shapes.run("total", {"name": "sum"}, session={}, tools={"numbers": numbers}) == 6
    assert shapes.call is not None
    assert shapes.call.variables == {"sum": 6}
    with pytest.raises(HostError) as caught:
        shapes.run("total", {"name": "sum"}, session={})
    assert caught.value.code == "unknown_tool"


def test_iterators_are_input_streams_whose_items_are_checked() -> None:
    closed: list[str] = []

    def endless() -> Iterator[str]:
        try:
            yield "a"
            while True:
                yield "stop"
        finally:
            closed.append("endless")

    with load_adapter(Inputs) as inputs:
        assert inputs.run("longest", {"lines": iter(["a", "bb"]), "least": 2}) == ["BB"]
        assert inputs.run("longest", {"least": 0, "lines": endless()}) == ["A", "STOP"]
        assert closed == ["endless"]
        assert inputs.run("added", {"numbers": iter([1, 2])}) == 3
        stream = inputs.stream("longest", {"lines": iter(["a", 1])})
        assert next(stream) == "A"
        with pytest.raises(ArgumentsError) as caught:
            next(stream)
        assert [it.path for it in caught.value.issues] == ["args.lines[1]"]
        with pytest.raises(HostError) as failed:
            inputs.run("added", {"numbers": (1 / it for it in [1, 0])})
        assert failed.value.code == "input_failed"
        with pytest.raises(ArgumentsError, match="args.least"):
            inputs.run("longest", {"lines": iter([]), "least": "x"})


def test_what_a_tool_raises_is_raised(shapes: AdapterUnderTest) -> None:
    with pytest.raises(KeyError, match="on purpose"):
        shapes.run("fails")
    with pytest.raises(LookupError, match="there is no tool 'mov'; did you mean 'move'"):
        shapes.run("mov")
    with pytest.raises(TypeError, match="sesion"):
        shapes.run("fails", sesion={})


def test_asynchronous_tools_share_the_loop_of_their_setup(waits: AdapterUnderTest) -> None:
    assert waits.run("wait", {"seconds": 0}, request_id="r1") == "r1"
    assert waits.run("drip", {"n": 2}) == [0, 1]
    assert list(waits.stream("drip", {"n": 2})) == [0, 1]


def test_what_tools_have_left_on_the_loop_is_cancelled() -> None:
    Shapes.events.clear()
    with load_adapter(Waits) as waits:
        waits.run("leave_task")
    assert Shapes.events == ["task cancelled"]


def test_asynchronous_tools_run_in_asynchronous_tests_too(waits: AdapterUnderTest) -> None:
    async def test() -> list[Any]:
        return [waits.run("wait", {"seconds": 0}), list(waits.stream("drip", {"n": 2}))]

    assert asyncio.run(test()) == ["", [0, 1]]


def test_an_adapter_is_set_up_and_torn_down_once_each() -> None:
    Shapes.events.clear()
    before = (sys.path[:], sys.meta_path[:])
    with load_adapter(Shapes) as loaded:
        assert Shapes.events == ["setup"]
        loaded.run("move", {"point": {"x": 0, "y": 0}})
    assert Shapes.events == ["setup", "teardown"]
    assert (sys.path, sys.meta_path) == before


def test_modules_and_names_are_loaded_as_a_pool_names_them(tmp_path: Path) -> None:
    with load_adapter(sys.modules[__name__]) as loaded:
        assert loaded.run("double", {"n": 2}) == 4
        assert "move" in loaded.tools
    with load_adapter("snakeden.demo", Shapes) as loaded:
        assert {"add", "move"} < set(loaded.tools)
    (tmp_path / "plain_file_of_test.py").write_text(
        "def triple(n: int) -> int:\n    return 3 * n\n"
    )
    with load_adapter(
        "plain_file_of_test", module_paths=[str(tmp_path)], expose=["triple"]
    ) as loaded:
        assert loaded.run("triple", {"n": 2}) == 6


def test_what_no_worker_could_load_is_refused() -> None:
    class Local(Adapter):
        @tool
        def nothing(self) -> None: ...

    with pytest.raises(TypeError, match="class inside of a function"):
        load_adapter(Local)
    with pytest.raises(TypeError, match="given 3; allowed: the name of an adapter"):
        load_adapter(3)  # type: ignore[arg-type]
    with pytest.raises(AdapterError, match="no_such_module_at_all"):
        load_adapter("no_such_module_at_all")


def test_the_plugin_closes_what_a_test_has_loaded(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["snakeden.testing.pytest_plugin"]\n')
    (tmp_path / "texts.py").write_text(
        "from snakeden import Adapter, tool\n"
        "class Texts(Adapter):\n"
        "    def setup(self): self.happy = {'good'}\n"
        "    def teardown(self): open('torn_down', 'a').write('x')\n"
        "    @tool\n"
        "    def classify(self, text: str) -> str:\n"
        "        return 'happy' if self.happy & set(text.split()) else 'neutral'\n"
    )
    (tmp_path / "test_texts.py").write_text(
        "import os, pytest\n"
        "from snakeden.errors import ArgumentsError\n"
        "def test_classify(load_adapter):\n"
        "    texts = load_adapter('texts:Texts')\n"
        "    assert texts.run('classify', {'text': 'a good day'}) == 'happy'\n"
        "    assert not os.path.exists('torn_down')\n"
        "def test_wrong(load_adapter):\n"
        "    assert open('torn_down').read() == 'x'\n"
        "    with pytest.raises(ArgumentsError, match='args.text'):\n"
        "        load_adapter('texts:Texts').run('classify', {'text': 1})\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout
    assert (tmp_path / "torn_down").read_text() == "xx"


def test_files_among_the_arguments_become_what_the_hints_ask_for(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n")
    file = given_file(path)
    with load_adapter("files_at_work:Files", module_paths=[str(FIXTURES)]) as adapter:
        assert adapter.run("forms", {"path": file, "raw": file, "text": file, "many": [file]}) == {
            "path": str(path),
            "raw": "a,b\n",
            "text": "a,b\n",
            "many": [str(path)],
            "closed": False,
        }
        assert adapter.run("was_closed") is True
        made = adapter.run("upper", {"source": file})
        assert adapter.call is not None
        [own] = adapter.call.files
        assert made == {"$file": own.id, "name": "upper.txt", "bytes": 4}
        assert own.path.read_text() == "A,B\n"
