from __future__ import annotations

import os
from typing import Any

from snakeden import demo
from snakeden._tools.schema import ToolSchema
from snakeden._worker.calls.exceptions import MAX_TRACEBACK, describe


def caught(function: Any) -> BaseException:
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError("did not raise")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


def test_describe_names_built_in_types_bare_and_others_in_full() -> None:
    assert describe(ValueError("x")).type == "ValueError"
    assert describe(Unprintable()).type == f"{__name__}.Unprintable"


def test_describe_survives_exceptions_without_a_text() -> None:
    described = describe(caught(lambda: (_ for _ in ()).throw(Unprintable())))
    assert described.message == "<the message is not available: str() of it raised>"
    assert "Unprintable" in described.traceback


def test_describe_keeps_the_chain_of_causes() -> None:
    def fail() -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error

    text = describe(caught(fail)).traceback
    assert "KeyError: 'inner'" in text
    assert "direct cause" in text
    assert "ValueError: outer" in text
    assert 'raise ValueError("outer") from error' in text


def test_describe_leaves_out_frames_of_the_package() -> None:
    def tool(a: int) -> None: ...

    described = describe(caught(lambda: ToolSchema("t", tool).parse(b'{"a":"x"}', False)))
    assert "schema.py" not in described.traceback
    assert "test_exceptions.py" in described.traceback


def test_describe_shows_frames_of_tools_that_ship_with_the_package() -> None:
    described = describe(caught(lambda: demo.sleep("long")))  # type: ignore[arg-type]
    assert "demo" + os.sep + "tools.py" in described.traceback


def test_describe_bounds_message_and_traceback() -> None:
    def fail() -> None:
        raise ValueError("x" * 100_000)

    described = describe(caught(fail))
    assert len(described.message) < 10_000
    assert len(described.traceback) < MAX_TRACEBACK + 100
    assert described.traceback.startswith("Traceback (most recent call last)")


def test_describe_shortens_endless_recursion() -> None:
    def fail() -> None:
        fail()

    described = describe(caught(fail))
    assert described.type == "RecursionError"
    assert "more times]" in described.traceback


def test_describe_takes_surrogates_out_of_texts() -> None:
    assert describe(ValueError("\ud800")).message == "?"
