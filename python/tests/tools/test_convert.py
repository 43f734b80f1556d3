"""The rules by which arguments become what hints ask for, on both ways that they may come."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import ipaddress
import json
import math
import pathlib
import typing
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import (
    Annotated,
    Any,
    Literal,
    Optional,
    Union,
)

import annotated_types
import attrs
import msgspec
import numpy as np
import numpy.typing as npt
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakeden._tools.schema import ToolSchema
from snakeden._values import values
from snakeden.errors import AdapterError, ArgumentsError
from tests.tools.hint_cases import (
    Anything,
    Attrs,
    Box,
    Cat,
    Checked,
    Circle,
    Declared,
    Dog,
    Holder,
    Mixed,
    Model,
    Node,
    Number,
    Row,
    Scaled,
    Shape,
    Square,
    Struct,
    Table,
    arrivals,
    arrives,
    schema_of,
)

# ---- parts that msgspec cannot check ----


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (list[Shape], [{"side": 1}, {"radius": 2}], [Square(1), Circle(2)]),
        (dict[str, Shape], {"k": {"side": 1}}, {"k": Square(1)}),
        (Optional[list[Shape]], [{"side": 1}], [Square(1)]),
        (tuple[Shape, int], [{"side": 1}, 2], (Square(1), 2)),
        (Sequence[Shape], [{"side": 1}], [Square(1)]),
        (Mapping[str, list[Shape]], {"k": [{"side": 1}]}, {"k": [Square(1)]}),
        (collections.deque[Shape], [{"side": 1}], collections.deque([Square(1)])),
        (list[Union[Model, str]], ["x", {"n": 1}], ["x", Model(n=1)]),
        (list[Union[Cat, Dog]], [{"kind": "dog", "tricks": 1}], [Dog(kind="dog", tricks=1)]),
        (
            list[Annotated[Union[Cat, Dog], pydantic.Field(discriminator="kind")]],
            [{"kind": "cat", "lives": 9}],
            [Cat(kind="cat", lives=9)],
        ),
        (
            Holder,
            {"shape": {"side": 1}, "kids": [{"shape": None}]},
            Holder(Square(1), [Holder(None)]),
        ),
        (Struct, {"myShape": {"side": 1}}, Struct(Square(1))),
        (Table, {"shape": {"side": 1}}, {"shape": Square(1)}),
        (Row, [1, {"side": 1}], Row(1, Square(1))),
        (Attrs, {"n": 1, "_shape": {"side": 1}}, Attrs(1, Square(1))),
        (Box[Shape], {"item": {"side": 1}}, Box(Square(1))),
        (Scaled, {"n": 2, "by": 3}, Scaled(2, 3)),
        (list[Literal["a", 1.5]], ["a", 1.5], ["a", 1.5]),  # type: ignore[valid-type]
        (list[Mixed], ["text", 1.5], [Mixed.TEXT, Mixed.NUMBER]),
        (Literal[Mixed.TEXT], "text", Mixed.TEXT),
        (tuple[Anything, int], ["x", 1], ("x", 1)),
        (list[Union[Anything, int]], [1, "x"], [1, "x"]),
        (Iterable[int], [1], [1]),
        (typing.Mapping, {"a": 1}, {"a": 1}),
        (list[pydantic.Json[Any]], ["[1]"], [[1]]),
        (pydantic.PastDate, "2020-01-01", datetime.date(2020, 1, 1)),
        (list[fractions.Fraction], ["1/2"], [fractions.Fraction(1, 2)]),
        (ipaddress.IPv4Address, "10.0.0.1", ipaddress.IPv4Address("10.0.0.1")),
        (complex, 1.5, 1.5 + 0j),
        (np.float32, 1, np.float32(1)),
    ],
    ids=str,
)
def test_converter_converts_parts_of_hints_wherever_they_are(
    hint: Any, value: Any, expected: Any
) -> None:
    arrived = arrives(hint, value)
    assert arrived == expected
    assert type(arrived) is type(expected)


@pytest.mark.parametrize(
    ("hint", "value", "paths"),
    [
        (list[Shape], [{"side": 1}, {"wrong": 2}], ["args.it[1]"]),
        (list[Shape], [{"side": "x"}], ["args.it[0].side"]),
        (dict[str, Shape], {"k": 5}, ["args.it.k"]),
        (list[Union[Model, str]], [{"n": "q"}], ["args.it[0].n"]),
        (list[Union[Cat, Dog]], [{"kind": "dog", "tricks": "x"}], ["args.it[0].tricks"]),
        (Holder, {"shape": None, "kids": [{"shape": 1}]}, ["args.it.kids[0].shape"]),
        (Row, [1, {"sid": 1}], ["args.it[1]"]),
        (Checked, {"n": 0}, ["args.it.n"]),
        (tuple[Anything, int], ["x", "y"], ["args.it[1]"]),
        (Iterable[int], [1, "x"], ["args.it[1]"]),
        (collections.deque[int], ["x"], ["args.it[0]"]),
        (np.int64, 1.5, ["args.it"]),
        (list[Union[np.int8, str]], [300], ["args.it[0]"]),
        (np.float64, True, ["args.it"]),
        (npt.NDArray[np.uint8], [1.5], ["args.it"]),
        (fractions.Fraction, "1/0", ["args.it"]),
    ],
    ids=str,
)
def test_converter_names_what_fits_no_part(hint: Any, value: Any, paths: list[str]) -> None:
    assert list(arrives(hint, value)) == paths


@dataclass
class Plus:
    inner: Term
    plus: int


@dataclass
class Times:
    inner: Term
    times: int


Term = Union[Plus, Times, int]


@pytest.mark.parametrize("leaf", [1, "x"])
def test_converter_tries_each_member_of_a_union_once_at_each_level(leaf: Any) -> None:
    value = leaf
    for _ in range(25):  # Without that, some 2 to the power of 25 tries.
        value = {"inner": value, "times": 2}
    schema = ToolSchema("deep", deep)
    try:
        (term, _), _ = schema.parse(values.encode({"it": value}).json, False)
        assert isinstance(term, Times)
    except ArgumentsError as error:
        assert leaf == "x"
        assert error.issues[0].path == "args.it" + 25 * ".inner"


def deep(it: Term, blob: Any = None) -> None: ...


def test_input_schema_says_the_same_of_parts() -> None:
    schema = schema_of(Optional[list[Shape]])
    items = schema["properties"]["it"]["anyOf"][0]["items"]
    assert items == {"anyOf": [{"$ref": "#/$defs/Circle"}, {"$ref": "#/$defs/Square"}]}
    assert schema["$defs"]["Circle"]["additionalProperties"] is False
    holder = schema_of(Holder)
    assert holder["properties"]["it"] == {"$ref": "#/$defs/Holder"}
    assert {"Holder", "Circle", "Square"} <= set(holder["$defs"])


# ---- keys ----


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        (int, "1", 1),
        (float, "1.5", 1.5),
        (bool, "true", True),
        (Number, "1", Number.ONE),
        (Mixed, "1.5", Mixed.NUMBER),
        (Literal[1, "a"], "1", 1),
        (uuid.UUID, str(uuid.UUID(int=1)), uuid.UUID(int=1)),
        (datetime.date, "2024-02-29", datetime.date(2024, 2, 29)),
        (decimal.Decimal, "1.50", decimal.Decimal("1.50")),
        (pathlib.PurePosixPath, "a/b", pathlib.PurePosixPath("a/b")),
        (Optional[int], "1", 1),
        (Annotated[int, pydantic.Field(ge=0)], "1", 1),
    ],
    ids=str,
)
def test_converter_reads_keys_from_text(key: Any, text: str, expected: Any) -> None:
    Keyed: Any = dataclass(type("Keyed", (), {"__annotations__": {"it": dict[key, str]}}))
    assert arrives(dict[key, str], {text: "x"}) == {expected: "x"}
    assert arrives(list[dict[key, str]], [{text: "x"}]) == [{expected: "x"}]
    assert arrives(Keyed, {"it": {text: "x"}}).it == {expected: "x"}


def test_converter_names_a_key_that_does_not_fit() -> None:
    assert arrives(dict[int, str], {"a": "x"}) == {"args.it": "Expected `int`, got `str` as a key"}


# ---- families ----


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (list[int], np.array([1, 2], "i4"), [1, 2]),
        (list[int], np.array([1, 2], "f8"), [1, 2]),
        (list[float], b"\x01\x02", [1.0, 2.0]),
        (tuple[int, int], np.array([1, 2], "u8"), (1, 2)),
        (set[int], np.array([1, 2], "i8"), {1, 2}),
        (list[list[float]], np.ones((1, 2)), [[1.0, 1.0]]),
        (Optional[list[int]], np.array([1]), [1]),
        (dict[str, list[int]], {"k": np.array([1])}, {"k": [1]}),
        (Iterable[float], np.array([1.5]), [1.5]),
        (collections.deque[int], np.array([1]), collections.deque([1])),
        (list, np.array([1]), [1]),
        (Node, {"n": 1.0, "kids": []}, Node(1, [])),
        (bytes, np.array([1, 2], "u1"), b"\x01\x02"),
        (bytearray, b"ab", bytearray(b"ab")),
        (int, 1e21, 10**21),
        (int, -0.0, 0),
    ],
    ids=str,
)
def test_converter_takes_one_of_a_family_for_another(hint: Any, value: Any, expected: Any) -> None:
    assert arrives(hint, value) == expected


@pytest.mark.parametrize("hint", [np.ndarray, npt.NDArray[np.uint8], Optional[np.ndarray]])
def test_converter_takes_bytes_for_an_array(hint: Any) -> None:
    array = arrives(hint, b"\x01\x02")
    assert (array.dtype, array.tolist()) == (np.uint8, [1, 2])
    assert arrives(list[hint], [b"\x01"])[0].tolist() == [1]
    assert arrives(Union[list[int], np.ndarray], np.array([1])).tolist() == [1]


@dataclass
class Image:
    pixels: npt.NDArray[Any]
    shape: list[int]
    labels: Optional[str] = None


class Picture(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    pixels: np.ndarray
    inner: list[Picture] = []


def test_converter_takes_bytes_for_an_array_in_a_model() -> None:
    picture = arrives(Picture, {"pixels": b"\x01", "inner": [{"pixels": [2.5]}]})
    assert picture.pixels.dtype == np.uint8
    assert picture.inner[0].pixels.tolist() == [2.5]


def test_converter_takes_a_complex_number_back() -> None:
    assert arrives(list[complex], [1j, 2]) == [1j, 2]
    assert arrives(np.complex64, 1j) == np.complex64(1j)


def test_converter_leaves_an_array_alone_beside_one_that_becomes_a_list() -> None:
    image = arrives(Image, {"pixels": b"\x01", "shape": np.array([1], "i4"), "labels": "x"})
    assert (image.pixels.dtype, image.shape) == (np.uint8, [1])
    grid = np.ones((2, 2), "f4")
    assert arrives(Image, {"pixels": grid, "shape": np.array([2], "i4")}).pixels.dtype == "f4"


def test_converter_names_arrays_as_callers_do() -> None:
    assert arrives(int, np.array([1], "i4")) == {"args.it": "Expected `int`, got `Int32Array`"}
    assert arrives(list[int], np.array([1.5])) == {"args.it[0]": "Expected `int`, got `float`"}


# ---- what other libraries declare ----

AS_IT_IS = pydantic.AfterValidator(lambda it: it)


@pytest.mark.parametrize(
    ("hint", "value", "path"),
    [
        (Annotated[int, pydantic.Field(ge=0)], -5, "args.it"),
        (list[Annotated[int, pydantic.Field(ge=0)]], [1, -5], "args.it[1]"),
        (Annotated[Optional[int], pydantic.Field(ge=0)], -1, "args.it"),
        (Annotated[Optional[int], msgspec.Meta(ge=0)], -1, "args.it"),
        (dict[str, Annotated[int, annotated_types.Interval(ge=0, lt=3)]], {"k": 3}, "args.it.k"),
        (Annotated[list[int], annotated_types.Len(1, 2)], [], "args.it"),
        (Annotated[str, pydantic.Field(pattern="^a+$")], "b", "args.it"),
        (Annotated[decimal.Decimal, pydantic.Field(ge=0)], "-1", "args.it"),
        (Annotated[int, annotated_types.Predicate(lambda it: it % 2 == 0)], 3, "args.it"),
        (pydantic.PositiveInt, 0, "args.it"),
        (Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)], math.inf, "args.it"),
        (Annotated[datetime.date, pydantic.Field(gt=datetime.date.max)], "2020-01-01", "args.it"),
        (Annotated[int, pydantic.Field(ge=0, gt=1)], 1, "args.it"),
        (Annotated[datetime.time, annotated_types.Timezone(...)], "10:00:00", "args.it"),
        (Annotated[int | float, msgspec.Meta(ge=0)], -0.5, "args.it"),
        (Annotated[np.ndarray, pydantic.Field(min_length=1)], [], "args.it"),
        (Annotated[int, msgspec.Meta(ge=0), AS_IT_IS], -1, "args.it"),
        (Annotated[int, pydantic.BeforeValidator(int), msgspec.Meta(ge=0)], "-1", "args.it"),
        (Declared, {"n": -1}, "args.it.n"),
        (Declared, {"m": -1}, "args.it.m"),
    ],
)
def test_converter_holds_the_constraints_of_other_libraries(
    hint: Any, value: Any, path: str
) -> None:
    assert list(arrives(hint, value)) == [path]


def test_converter_runs_the_validators_of_pydantic() -> None:
    doubled = pydantic.AfterValidator(lambda it: it * 2)
    assert arrives(Annotated[list[Shape], doubled], [{"side": 1}]) == [Square(1), Square(1)]
    split = pydantic.BeforeValidator(lambda it: it.split(","))
    assert arrives(list[Annotated[list[str], split]], ["a,b"]) == [["a", "b"]]
    assert arrives(Declared, {}) == Declared(3, 1)


def defaulted(
    a: int = pydantic.Field(default=7, ge=0, description="A number."),
    b: list[int] = pydantic.Field(default_factory=list),
    c: Annotated[int, pydantic.Field(default=9)] = 8,
    d: int = pydantic.Field(default=1, alias="dee"),
) -> None: ...


def required(a: int = pydantic.Field(..., ge=0)) -> None: ...


def test_parse_takes_the_defaults_that_pydantic_declares() -> None:
    schema = ToolSchema("defaulted", defaulted)
    assert schema.parse(b"{}", False)[0] == (7, [], 8, 1)
    assert schema.parse(b"{}", False)[0][1] is not schema.parse(b"{}", False)[0][1]
    assert schema.parse(b'{"dee":2}', False)[0][3] == 2
    properties = json.loads(schema.input_schema)["properties"]
    assert properties["a"] == {
        "type": "integer",
        "minimum": 0,
        "default": 7,
        "description": "A number.",
    }
    assert "dee" in properties
    with pytest.raises(ArgumentsError, match=r"args\.a: is missing"):
        ToolSchema("required", required).parse(b"{}", False)


@pytest.mark.parametrize(
    "default", [field(default=1), attrs.field(default=1), msgspec.field(default=1)], ids=repr
)
def test_tool_schema_refuses_defaults_that_only_another_library_reads(default: Any) -> None:
    def tool(a: int = default) -> None: ...

    with pytest.raises(AdapterError, match=r"tool 'tool', parameter 'a': .* is not understood"):
        ToolSchema("tool", tool)


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (list[Annotated[decimal.Decimal, msgspec.Meta(ge=0)]], "cannot be applied to"),
        (Annotated[int, msgspec.Meta(min_length=1), AS_IT_IS], "cannot be applied to"),
        (Annotated[datetime.time, annotated_types.Timezone("UTC")], "is not understood"),
    ],
)
def test_tool_schema_refuses_constraints_that_nobody_can_hold(hint: Any, text: str) -> None:
    with pytest.raises(AdapterError, match=f"tool 'tool', parameter 'it': .*{text}"):
        schema_of(hint)


# ---- any hint ----

LEAVES = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bool, st.booleans()),
    (str, st.text()),
    (type(None), st.none()),
    (Number, st.just(1)),
    (Mixed, st.sampled_from(["text", 1.5])),
    (Literal["a", 2], st.sampled_from(["a", 2])),
    (uuid.UUID, st.uuids().map(str)),
    (datetime.date, st.dates().map(str)),
    (decimal.Decimal, st.decimals(allow_nan=False, allow_infinity=False).map(str)),
    (Annotated[int, pydantic.Field(ge=0)], st.integers(0)),
    (Circle, st.fixed_dictionaries({"radius": st.floats(0, 1)})),
    (Shape, st.fixed_dictionaries({"side": st.floats(0, 1)})),
    (Union[Model, str], st.fixed_dictionaries({"n": st.integers(0, 9)}) | st.text()),
    (Struct, st.fixed_dictionaries({"myShape": st.just({"side": 1})})),
    (Checked, st.fixed_dictionaries({"n": st.integers(1, 9)})),
    (Any, st.integers(0, 9) | st.text()),
]
KEYS = [(int, st.integers().map(str)), (bool, st.sampled_from(["true", "false"])), (str, st.text())]
Pairs = st.SearchStrategy[tuple[Any, Any]]


def grown(inner: Pairs) -> Pairs:
    """Return a container of the hint, and of values for it."""

    def containers(pair: tuple[Any, Any]) -> Pairs:
        hint, items = pair
        lists = st.lists(items, max_size=3)
        dicts = {of: st.dictionaries(texts, items, max_size=3) for of, texts in KEYS}
        generic: Any = dict
        boxed: Any = Box
        return st.sampled_from(
            [
                (list.__class_getitem__(hint), lists),
                (Optional.__getitem__(hint), st.none() | items),
                (tuple.__class_getitem__((hint, ...)), lists),
                (collections.deque.__class_getitem__(hint), lists),
                (boxed[hint], st.fixed_dictionaries({"item": items})),
                *((generic[of, hint], texts) for of, texts in dicts.items()),
            ]
        )

    return inner.flatmap(containers)


HINTS: Pairs = st.recursive(st.sampled_from(LEAVES), grown, max_leaves=4)


@given(HINTS, st.data())
def test_converter_takes_what_fits_whatever_else_is_in_the_call(
    pair: tuple[Any, Any], data: st.DataObject
) -> None:
    hint, fitting = pair
    arrived = arrivals(hint, data.draw(fitting))
    assert all(it == arrived[0] for it in arrived), arrived
    assert not (isinstance(arrived[0], dict) and "args.it" in arrived[0])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(HINTS, JSON)
def test_converter_refuses_the_same_whatever_else_is_in_the_call(
    pair: tuple[Any, Any], value: Any
) -> None:
    arrived = arrivals(pair[0], value)
    assert all(it == arrived[0] for it in arrived), arrived
