"""Tests of the schema of results: objects from Python have all their fields."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, TypedDict, Union

import msgspec
import numpy as np
import numpy.typing as npt
import pydantic
import pytest
from typing_extensions import Required

from snakeden._tools.schema import ToolSchema
from snakeden._values import values


@dataclass
class Point:
    x: int
    tags: list[str] = field(default_factory=list)


@dataclass
class Odd:
    """Has a field that needs a part of our own."""

    sizes: dict[bool, int] = field(default_factory=dict)


class Pet(msgspec.Struct, tag="pet", omit_defaults=True):
    lives: int = 9
    owner: Union[str, msgspec.UnsetType] = msgspec.UNSET


class Row(msgspec.Struct, array_like=True):
    a: int
    b: int = 2


class Pair(NamedTuple):
    a: int
    b: str = "b"


class Options(TypedDict, total=False):
    limit: Required[int]
    exact: bool


class OddOptions(TypedDict, total=False):
    sizes: dict[bool, int]


class Base(pydantic.BaseModel):
    name: str = pydantic.Field("n", alias="the-name")
    hidden: int = pydantic.Field(0, exclude=True)


class ByAlias(Base):
    model_config = pydantic.ConfigDict(serialize_by_alias=True)


def schema_of(hint: Any, *, lists: bool = False) -> Any:
    def tool() -> Any: ...

    tool.__annotations__ = {"return": hint}
    return json.loads(ToolSchema("tool", tool, lists=lists).output_schema)


@pytest.mark.parametrize(
    ("hint", "make", "required"),
    [
        (Point, lambda: Point(1), ["x", "tags"]),
        (Odd, lambda: Odd(), ["sizes"]),
        (Pet, lambda: Pet(), ["type", "lives"]),
        (Base, lambda: Base.model_validate({}), ["name"]),
        (ByAlias, lambda: ByAlias.model_validate({}), ["the-name"]),
        (Options, lambda: Options(limit=1), ["limit"]),
        (OddOptions, lambda: OddOptions(), []),
    ],
)
def test_output_schema_requires_the_keys_that_objects_have(
    hint: Any, make: Callable[[], Any], required: list[str]
) -> None:
    schema = schema_of(hint)
    (definition,) = schema["$defs"].values() if "$defs" in schema else (schema,)
    assert definition.get("required", []) == required
    sent = json.loads(values.encode(make()).json)
    assert list(sent) == required
    assert set(sent) <= set(definition["properties"])


@pytest.mark.parametrize(("hint", "make"), [(Row, lambda: Row(1)), (Pair, lambda: Pair(1))])
def test_output_schema_requires_all_items_of_a_tuple(hint: Any, make: Callable[[], Any]) -> None:
    (definition,) = schema_of(hint)["$defs"].values()
    assert definition["minItems"] == len(json.loads(values.encode(make()).json)) == 2


def test_output_schema_uses_what_pydantic_makes_inside_other_hints() -> None:
    schema = schema_of(Annotated[dict[str, list[Base]], pydantic.Field(max_length=3)])
    assert "name" in json.dumps(schema)
    assert "the-name" not in json.dumps(schema)


def test_output_schema_falls_back_for_models_whose_serialization_has_no_schema() -> None:
    class Odd(pydantic.BaseModel):
        x: int = 1

        @pydantic.model_serializer
        def dump(self) -> Callable[[], None]:
            raise NotImplementedError

    assert "properties" in json.dumps(schema_of(Odd))


def test_input_schema_leaves_defaults_optional() -> None:
    def tool(point: Point, pet: Pet, base: Base) -> None: ...

    tool.__annotations__ = {"point": Point, "pet": Pet, "base": Base}
    schema = json.loads(ToolSchema("tool", tool).input_schema)
    assert schema["$defs"]["Point"]["required"] == ["x"]
    base = schema["properties"]["base"]
    assert "required" not in base
    assert "the-name" in base["properties"]


def test_output_schema_of_arrays_as_lists() -> None:
    assert schema_of(npt.NDArray[np.float32])["properties"]["$snakeden"] == {"const": "array"}
    as_list = schema_of(npt.NDArray[np.float32], lists=True)
    assert {key: as_list[key] for key in as_list if key != "$schema"} == {
        "title": "ndarray",
        "type": "array",
    }
    assert schema_of(bytes, lists=True)["properties"]["$snakeden"] == {"const": "bytes"}


def test_output_schema_of_a_tensor_is_that_of_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = types.ModuleType("torch")
    torch.Tensor = type("Tensor", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    schema = schema_of(torch.Tensor)
    assert schema["properties"]["$snakeden"] == {"const": "array"}
