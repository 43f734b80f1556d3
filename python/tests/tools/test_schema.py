from __future__ import annotations

import datetime
import enum
import json
import math
import pathlib
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Optional, TypedDict, Union

import msgspec
import numpy as np
import numpy.typing as npt
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakeden._tools.schema import ToolSchema
from snakeden._values import values
from snakeden._values.type_name import type_name
from snakeden.errors import AdapterError, ArgumentsError, InvalidValueError

if TYPE_CHECKING:
    from nowhere import Missing  # type: ignore[import-not-found]


def call(function: Any, /, **args: Any) -> Any:
    """Send the arguments over the link's format and call."""
    schema = ToolSchema(function.__name__, function)
    encoded = values.encode(args)
    positional, named = schema.parse(encoded.json, encoded.tagged, buffers=encoded.buffers)
    return function(*positional, **named)


def issues(function: Any, /, **args: Any) -> dict[str, str]:
    with pytest.raises(ArgumentsError) as caught:
        call(function, **args)
    return {issue.path: issue.message for issue in caught.value.issues}


def plain(a: int, b: float = 2.5, *, c: str = "c") -> tuple[Any, ...]:
    return (a, b, c)


def test_parse_fills_in_defaults_and_keywords() -> None:
    assert call(plain, a=1) == (1, 2.5, "c")
    assert call(plain, a=1, b=3, c="x") == (1, 3.0, "x")
    assert type(call(plain, a=1, b=3)[1]) is float


def test_parse_names_every_bad_field_at_once() -> None:
    assert issues(plain, a="5", b=True, c=None, d=1) == {
        "args.a": "Expected `int`, got `str`",
        "args.b": "Expected `float`, got `bool`",
        "args.c": "Expected `str`, got `null`",
        "args.d": "is no argument of 'plain', which takes a, b, c",
    }


@pytest.mark.parametrize("value", [True, "5", 1.5, None, [1], {"a": 1}])
def test_parse_takes_only_integers_for_int(value: Any) -> None:
    assert list(issues(plain, a=value)) == ["args.a"]


def test_parse_says_what_is_missing() -> None:
    assert issues(plain) == {"args.a": "is missing"}


def near(text: str, top: int = 3) -> None: ...


def test_parse_suggests_near_names() -> None:
    found = issues(near, txt="x")
    assert found["args.txt"] == "is no argument of 'near'; did you mean text?"
    assert found["args.text"] == "is missing"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"[1]", "an array"),
        (b'"x"', "a string"),
        (b"1.5", "a number"),
        (b"null", "null"),
        (b"true", "a boolean"),
    ],
)
def test_parse_refuses_arguments_that_are_no_object(text: bytes, kind: str) -> None:
    with pytest.raises(
        ArgumentsError, match=f"args: has to be an object of named arguments, got {kind}"
    ):
        ToolSchema("plain", plain).parse(text, False)


def nothing() -> str:
    return "x"


def test_parse_takes_no_value_at_all_as_no_arguments() -> None:
    assert ToolSchema("nothing", nothing).parse(b"", False) == ((), {})
    assert issues(nothing, a=1) == {
        "args.a": "is no argument of 'nothing', which takes no arguments"
    }


def untyped(a, b=None, *, c=[]):  # type: ignore[no-untyped-def]
    return (a, b, c)


def test_parse_lets_anything_into_parameters_without_hints() -> None:
    assert call(untyped, a={"x": [1]}) == ({"x": [1]}, None, [])
    # The default itself, as Python would pass it.
    assert call(untyped, a=1)[2] is call(untyped, a=1)[2]


def extra(a: int, **rest: int) -> Any:
    return (a, rest)


def test_parse_gives_other_names_to_kwargs() -> None:
    assert call(extra, a=1, x=2, y=3) == (1, {"x": 2, "y": 3})
    assert issues(extra, x="two") == {"args.a": "is missing", "args.x": "Expected `int`, got `str`"}


def positional(a: int, b: int = 7, /, c: int = 8) -> Any:
    return (a, b, c)


def test_parse_passes_positional_only_parameters_by_position() -> None:
    assert call(positional, a=1) == (1, 7, 8)
    assert call(positional, a=1, c=3) == (1, 7, 3)


def variadic(*numbers: int) -> int:
    return sum(numbers)


def test_tool_schema_refuses_var_positional_and_says_what_to_do() -> None:
    with pytest.raises(
        AdapterError,
        match=r"tool 'variadic' takes \*numbers, but arguments come by name; take a list",
    ):
        ToolSchema("variadic", variadic)


@dataclass
class Point:
    x: int
    y: list[int] = field(default_factory=list)


class Options(TypedDict, total=False):
    limit: int


class Pair(NamedTuple):
    a: int
    b: str


class Struct(msgspec.Struct, rename="camel"):
    first_name: str
    size: int = 0


class Inner(pydantic.BaseModel):
    n: int


class Model(pydantic.BaseModel):
    name: str
    inner: list[Inner] = []


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def rich(
    point: Point,
    age: Annotated[int, msgspec.Meta(ge=0)] = 0,
    mode: Literal["a", "b"] = "a",
    colour: Colour = Colour.RED,
    maybe: Optional[int] = None,
    implicit: int = None,  # type: ignore[assignment]
    points: list[Point] = [],
    table: dict[str, list[int]] = {},
    options: Options = {},
    pair: tuple[int, str] = (1, "a"),
    struct: Optional[Struct] = None,
    model: Optional[Model] = None,
    when: Optional[datetime.datetime] = None,
    path: Optional[pathlib.PurePosixPath] = None,
) -> Any:
    return dict(locals())


def test_parse_converts_rich_hints() -> None:
    got = call(
        rich,
        point={"x": 1, "y": [2]},
        age=3,
        mode="b",
        colour="blue",
        maybe=4,
        points=[{"x": 5}],
        table={"k": [1]},
        options={"limit": 1},
        pair=[2, "b"],
        struct={"firstName": "Ann"},
        model={"name": "m", "inner": [{"n": 1}]},
        when="2024-02-29T12:00:00Z",
        path="/a",
    )
    assert got["point"] == Point(1, [2])
    assert got["colour"] is Colour.BLUE
    assert got["points"] == [Point(5)]
    assert got["pair"] == (2, "b")
    assert got["struct"] == Struct("Ann")
    assert got["model"] == Model(name="m", inner=[Inner(n=1)])
    assert got["when"] == datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc)
    assert got["path"] == pathlib.PurePosixPath("/a")
    assert call(rich, point={"x": 1}, implicit=None)["implicit"] is None


def test_parse_finds_every_issue_deep_inside() -> None:
    assert issues(
        rich,
        point={"y": [1, "2", None]},
        age=-1,
        mode="c",
        colour="green",
        points=[{"x": 1}, {"x": "2"}, 3],
        table={"k": [1, "2"], "l": 3},
        options={"limit": "x"},
        pair=[1, 2],
        struct={"size": "x"},
        model={"inner": [{"n": "x"}]},
        when="yesterday",
        path=3,
    ) == {
        "args.point.x": "is missing",
        "args.point.y[1]": "Expected `int`, got `str`",
        "args.point.y[2]": "Expected `int`, got `null`",
        "args.age": "Expected `int` >= 0",
        "args.mode": "has to be one of 'a', 'b'; got 'c'",
        "args.colour": "has to be one of 'red', 'blue'; got 'green'",
        "args.points[1].x": "Expected `int`, got `str`",
        "args.points[2]": "Expected `object`, got `int`",
        "args.table.k[1]": "Expected `int`, got `str`",
        "args.table.l": "Expected `array`, got `int`",
        "args.options.limit": "Expected `int`, got `str`",
        "args.pair[1]": "Expected `str`, got `int`",
        "args.struct.firstName": "is missing",
        "args.struct.size": "Expected `int`, got `str`",
        "args.model.name": "Field required",
        "args.model.inner[0].n": (
            "Input should be a valid integer, unable to parse string as an integer"
        ),
        "args.when": "Invalid RFC3339 encoded datetime",
        "args.path": f"Expected `{type_name(pathlib.PurePosixPath)}`, got `int`",
    }


def many(numbers: list[int]) -> None: ...


def test_parse_bounds_the_number_of_issues() -> None:
    assert len(issues(many, numbers=["x"] * 1000)) == 50


def unions(a: Union[list[int], list[str]], b: Union[int, npt.NDArray[Any], None] = None) -> Any:
    return (a, b)


def test_parse_tries_the_members_of_unions_that_msgspec_cannot() -> None:
    assert call(unions, a=["x"], b=3) == (["x"], 3)
    assert call(unions, a=[1], b=np.zeros(2))[1].tolist() == [0, 0]
    assert "args.a" in issues(unions, a=[1, "x"])


def buffers(data: bytes, grid: npt.NDArray[np.float32], scalar: np.float64 = np.float64(1)) -> Any:
    return (data, grid, scalar)


def test_parse_passes_buffers_and_arrays_through() -> None:
    data, grid, _ = call(buffers, data=b"\x00\xff", grid=np.arange(4, dtype="i2").reshape(2, 2))
    assert data == b"\x00\xff"
    assert grid.dtype == np.int16
    assert not grid.flags.writeable


def test_parse_takes_base64_and_lists_from_clients_without_buffers() -> None:
    data, grid, scalar = call(buffers, data="AP8=", grid=[[1, 2], [3, 4]], scalar=2)
    assert data == b"\x00\xff"
    assert grid.dtype == np.float32
    assert type(scalar) is np.float64
    found = issues(buffers, data=5, grid=[1, "x"], scalar="s")
    assert set(found) == {"args.data", "args.grid", "args.scalar"}


def test_parse_takes_numbers_that_json_lacks() -> None:
    assert math.isnan(call(plain, a=2**80, b=math.nan)[1])
    assert call(plain, a=2**80)[0] == 2**80


def unresolved(a: Missing, b: int) -> Any:
    return (a, b)


def test_parse_treats_hints_it_cannot_resolve_as_any() -> None:
    assert call(unresolved, a="whatever", b=1) == ("whatever", 1)
    assert list(issues(unresolved, a=1, b="x")) == ["args.b"]


def test_parse_words_nesting_that_is_too_deep() -> None:
    deep = b'{"a":' + b"[" * 90_000 + b"]" * 90_000 + b"}"
    with pytest.raises(ArgumentsError, match="args: nested deeper"):
        ToolSchema("x", untyped).parse(deep, False)
    with pytest.raises(InvalidValueError, match="nested deeper"):
        ToolSchema("x", untyped).parse(deep, True)


@pytest.mark.parametrize("function", [untyped, plain])
@pytest.mark.parametrize("text", [b'{"a":1', b'{"a":1},{"a":2}', b'{"a":"\xff"}'])
def test_parse_refuses_a_text_that_is_no_json(function: Any, text: bytes) -> None:
    with pytest.raises(ArgumentsError, match="args: not "):
        ToolSchema("x", function).parse(text, False)


@given(
    st.dictionaries(
        st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())
    )
)
def test_parse_either_converts_or_names_issues(args: dict[str, Any]) -> None:
    try:
        a, b, c = call(rich_enough, **args)
    except ArgumentsError as error:
        assert error.issues
        assert all(issue.path.startswith("args.") for issue in error.issues)
    else:
        assert type(a) is int
        assert type(b) is list
        assert type(c) is str


def rich_enough(a: int, b: list[int] = [], c: str = "") -> Any:
    return (a, b, c)


# ---- JSON Schema ----


def input_of(function: Any) -> Any:
    return json.loads(ToolSchema(function.__name__, function).input_schema)


def output_of(function: Any) -> Any:
    text = ToolSchema(function.__name__, function).output_schema
    return json.loads(text) if text else None


def test_input_schema_describes_the_parameters() -> None:
    assert input_of(plain) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "number", "default": 2.5},
            "c": {"type": "string", "default": "c"},
        },
        "required": ["a"],
        "additionalProperties": False,
    }
    assert input_of(extra)["additionalProperties"] == {"type": "integer"}
    assert input_of(untyped)["properties"]["a"] == {}


def test_input_schema_defines_classes_once() -> None:
    schema = input_of(rich)
    assert schema["properties"]["point"] == {"$ref": "#/$defs/Point"}
    assert schema["properties"]["age"] == {"type": "integer", "minimum": 0, "default": 0}
    assert {"Point", "Options", "Struct", "Colour", "Inner"} <= set(schema["$defs"])
    text = json.dumps(schema)
    for name in [part.split('"')[0] for part in text.split("#/$defs/")[1:]]:
        assert name in schema["$defs"]


def test_input_schema_allows_both_forms_of_bytes_and_arrays() -> None:
    properties = input_of(buffers)["properties"]
    assert {"type": "string", "contentEncoding": "base64"} in properties["data"]["anyOf"]
    assert properties["grid"]["anyOf"][1] == {"type": "array"}
    assert properties["scalar"]["type"] == "number"


def gives_point() -> Point:
    raise NotImplementedError


def gives_bytes() -> bytes:
    raise NotImplementedError


def gives_none() -> None: ...


def gives_untyped():  # type: ignore[no-untyped-def]
    raise NotImplementedError


def gives_ints() -> Iterator[int]:
    yield 1


def gives_generator() -> Generator[str, None, int]:
    yield "x"
    return 1


async def gives_async() -> AsyncIterator[bool]:
    yield True


def untyped_generator():  # type: ignore[no-untyped-def]
    yield 1


def hands_iterator() -> Iterator[int]:
    return iter([1])


@pytest.mark.parametrize(
    ("function", "expected", "streams"),
    [
        (gives_none, {"type": "null"}, False),
        (gives_untyped, None, False),
        (gives_ints, {"type": "integer"}, True),
        (gives_generator, {"type": "string"}, True),
        (gives_async, {"type": "boolean"}, True),
        (untyped_generator, None, True),
        (hands_iterator, {"type": "integer"}, True),
    ],
)
def test_output_schema_describes_the_result_or_one_chunk(
    function: Any, expected: Any, streams: bool
) -> None:
    schema = output_of(function)
    if schema is not None:
        del schema["$schema"]
    assert schema == expected
    assert ToolSchema("x", function).streams is streams


def test_output_schema_refers_to_classes_and_tags() -> None:
    assert output_of(gives_point)["$defs"]["Point"]["required"] == ["x", "y"]
    assert output_of(gives_bytes)["properties"]["$snakeden"] == {"const": "bytes"}
