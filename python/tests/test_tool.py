from __future__ import annotations

import functools
import re
import subprocess
import sys
from typing import Any

import pytest

import snakeden
from snakeden import Adapter, tool
from snakeden.tool import ToolMark, mark_of
from tests.fake_host import SOURCES


def test_tool_returns_the_function_unchanged() -> None:
    @tool
    def double(x: int) -> int:
        """Twice."""
        return 2 * x

    assert double(2) == 4
    assert double.__name__ == "double"
    assert mark_of(double) == ToolMark()


def test_tool_accepts_a_name_and_a_description() -> None:
    @tool(name="other", description="Says more.")
    def double(x: int) -> int:
        return 2 * x

    assert mark_of(double) == ToolMark("other", "Says more.")


def test_tool_accepts_idempotent() -> None:
    @tool(idempotent=True)
    def double(x: int) -> int:
        return 2 * x

    mark = mark_of(double)
    assert mark is not None
    assert mark.idempotent is True


@pytest.mark.parametrize("idempotent", [1, "yes", None])
def test_tool_refuses_an_idempotent_that_is_not_a_bool(idempotent: Any) -> None:
    with pytest.raises(TypeError, match=r"@tool\(idempotent=\.\.\.\) takes True or False, not"):
        tool(idempotent=idempotent)


def test_tool_takes_a_deadline_a_form_of_arrays_and_a_media_type() -> None:
    @tool(timeout_ms=1_500, arrays="list", media_type="Image/PNG")
    def draw() -> bytes:
        return b""

    assert mark_of(draw) == ToolMark(timeout_ms=1_500, arrays="list", media_type="image/png")


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"timeout_ms": 0}, ValueError, "greater than 0 and at most 86400000, not 0"),
        ({"timeout_ms": 86_400_001}, ValueError, "not 86400001"),
        ({"timeout_ms": float("nan")}, ValueError, "not nan"),
        ({"timeout_ms": True}, TypeError, "not True"),
        ({"timeout_ms": "1s"}, TypeError, "not '1s'"),
        ({"stall_timeout_ms": 0}, ValueError, "@tool(stall_timeout_ms=...) takes"),
        ({"arrays": "lists"}, ValueError, "takes 'list' or 'base64', not 'lists'"),
        ({"media_type": b"image/png"}, TypeError, "takes text such as 'image/png'"),
        ({"media_type": "png"}, ValueError, "a type and a subtype such as 'image/png', not 'png'"),
        ({"media_type": "image/png\r\nx: y"}, ValueError, "a type and a subtype"),
    ],
)
def test_tool_refuses_an_option_that_is_wrong(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=re.escape(text)):
        tool(**options)


def test_tool_marks_methods_of_every_kind() -> None:
    class Kinds:
        @tool
        def method(self) -> int:
            return 1

        @tool
        @staticmethod
        def outside_static() -> int:
            return 2

        @staticmethod
        @tool
        def inside_static() -> int:
            return 3

        @tool
        @classmethod
        def of_class(cls) -> int:
            return 4

    kinds = Kinds()
    for name, value in [
        ("method", 1),
        ("outside_static", 2),
        ("inside_static", 3),
        ("of_class", 4),
    ]:
        assert mark_of(getattr(kinds, name)) is not None
        assert getattr(kinds, name)() == value


def test_tool_survives_wrapping() -> None:
    def twice(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return function(*args) * 2

        return wrapper

    @twice
    @tool
    def one() -> int:
        return 1

    assert mark_of(one) is not None


@pytest.mark.parametrize(
    "target", [Adapter, 5, functools.partial(print)], ids=lambda it: type(it).__name__
)
def test_tool_refuses_a_target_that_is_not_a_function(target: Any) -> None:
    with pytest.raises(TypeError, match="@tool marks functions and methods; it was used on"):
        tool(target)


def test_mark_of_ignores_objects_that_have_every_attribute() -> None:
    class Anything:
        def __getattr__(self, name: str) -> Any:
            return self

    assert mark_of(Anything()) is None


def test_import_of_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, snakeden; "
        "heavy = ('grpc', 'google.protobuf', 'numpy', 'msgspec', 'json'); "
        "print([it for it in heavy if it in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "[]\n"
    assert snakeden.__version__


def test_tool_takes_main_thread() -> None:
    @tool(main_thread=True)
    def handle() -> None: ...

    assert mark_of(handle) == ToolMark(main_thread=True)
    wrong: Any = 1
    with pytest.raises(TypeError, match=r"@tool\(main_thread=\.\.\.\) takes True or False, not 1"):
        tool(main_thread=wrong)
