"""Classes for hints, and what arrives for them on each of the ways that arguments may come."""

from __future__ import annotations

import enum
import json
import math
from dataclasses import InitVar, dataclass, field
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
)

import attrs
import msgspec
import pydantic

from snakeden._tools.schema import ToolSchema
from snakeden._values import values
from snakeden.errors import ArgumentsError

T = TypeVar("T")


@dataclass
class Circle:
    radius: float


@dataclass
class Square:
    side: float


Shape = Union[Circle, Square]


class Model(pydantic.BaseModel):
    n: int


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    tricks: int


@pydantic.dataclasses.dataclass
class Checked:
    n: Annotated[int, pydantic.Field(gt=0)]


class Struct(msgspec.Struct, rename="camel"):
    my_shape: Shape
    my_size: int = 4


class Cow(msgspec.Struct, tag=True):
    milk: int


class Hen(msgspec.Struct, tag=True):
    eggs: int


class Table(TypedDict):
    shape: Union[Circle, str, Square]


class Loose(TypedDict, total=False):
    limit: int
    label: str


class Row(NamedTuple):
    n: int
    shape: Shape


@attrs.define
class Attrs:
    n: int
    _shape: Optional[Shape] = None


@dataclass
class Holder:
    shape: Optional[Shape]
    kids: list[Holder] = field(default_factory=list)


@dataclass
class Node:
    n: int
    kids: list[Node] = field(default_factory=list)


@dataclass
class Box(Generic[T]):
    item: T


@dataclass
class Scaled:
    n: int
    by: InitVar[int] = 1

    def __post_init__(self, by: int) -> None:
        self.n *= by


@dataclass
class Declared:
    n: int = pydantic.Field(default=3, ge=0)
    m: Annotated[int, pydantic.Field(ge=0)] = 1


class Mixed(enum.Enum):
    TEXT = "text"
    NUMBER = 1.5


class Number(enum.IntEnum):
    ONE = 1


class Anything(Protocol):
    def method(self) -> None: ...


def arrivals(hint: Any, value: Any) -> list[Any]:
    """Return what arrives for a parameter of this hint: alone, beside a tagged one, by `**`."""

    def alone(it: Any, blob: Any = None) -> None: ...

    def loose(it: Any, **more: Any) -> None: ...

    alone.__annotations__["it"] = loose.__annotations__["it"] = hint
    arrived = []
    for function in (alone, loose):
        schema = ToolSchema("tool", function)
        for more in ({}, {"blob": b"x"}, {"blob": math.nan}, {"blob": 2**80}):
            encoded = values.encode({"it": value, **more})
            try:
                positional, _ = schema.parse(encoded.json, encoded.tagged, buffers=encoded.buffers)
                arrived.append(positional[0])
            except ArgumentsError as error:
                arrived.append({issue.path: issue.message for issue in error.issues})
    return arrived


def arrives(hint: Any, value: Any) -> Any:
    """Return the value that arrives, and check that it is the same on every way."""
    arrived = arrivals(hint, value)
    assert all(repr(it) == repr(arrived[0]) for it in arrived), arrived
    return arrived[0]


def schema_of(hint: Any) -> Any:
    def tool(it: Any) -> None: ...

    tool.__annotations__["it"] = hint
    return json.loads(ToolSchema("tool", tool).input_schema)
