from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from snakeden import InvalidValueError
from snakeden.script.values import json_of, value_of


@dataclasses.dataclass
class Row:
    name: str
    size: int


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        2**70,
        1.5,
        "text\n\u00e9\U0001f40d",
        [],
        {"a": [1, {"b": None}]},
        b"\x00\xff",
        math.inf,
        -math.inf,
        {"$snakeden": "mine", "b": b"x"},
        {"deep": {"$snakeden": {"$snakeden": 1}}},
    ],
)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    text = json_of(value, "v")
    assert text.isascii()
    assert "\n" not in text
    assert value_of(text) == value


def test_floats_that_json_lacks_survive() -> None:
    assert math.isnan(value_of(json_of(math.nan, "v")))
    assert math.copysign(1, value_of(json_of(-0.0, "v"))) == -1


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<i2", "|u1", "|b1", "<c8", ">i4", "<f2"])
def test_arrays_keep_their_type_and_shape(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    back = value_of(json_of({"a": array.T}, "v"))["a"]
    assert back.shape == (3, 2)
    assert back.dtype == array.dtype.newbyteorder("<")
    assert (back == array.T).all()


def test_values_with_a_plain_form_take_it() -> None:
    value = {
        "tuple": (1, 2),
        "row": Row("a", 1),
        "when": datetime.date(2026, 11, 2),
        "path": Path("/a/b"),
        "id": UUID(int=1),
        "level": Level.HIGH,
        "scalar": np.float32(1.5),
        "view": memoryview(b"ab"),
    }
    assert json.loads(json_of(value, "v")) == {
        "tuple": [1, 2],
        "row": {"name": "a", "size": 1},
        "when": "2026-11-02",
        "path": "/a/b",
        "id": "00000000-0000-0000-0000-000000000001",
        "level": 3,
        "scalar": 1.5,
        "view": {"$snakeden": "bytes", "base64": "YWI="},
    }


def test_what_json_has_no_form_for_is_refused_at_its_place() -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    wrong: list[tuple[Any, str]] = [
        ({"a": [1, object()]}, r"^result\.a\[1\]: given a value of type object"),
        ({1: 2}, r"^result: given a key of type int"),
        (deep, "nested deeper than 200 levels"),
        (Row, "of type type"),
    ]
    for value, text in wrong:
        with pytest.raises(InvalidValueError, match=text):
            json_of(value, "result")


@pytest.mark.parametrize(
    "text",
    ["{", '{"$snakeden":"bytes","base64":"*"}', '{"$snakeden":"array","dtype":"x","shape":[]}'],
)
def test_a_malformed_value_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        value_of(text)


def test_a_marker_of_what_could_not_be_sent_stays_a_marker() -> None:
    marker = {"$snakeden": "unserializable", "type": "m.C"}
    assert value_of(json.dumps(marker)) == marker
