from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import math
import os
import pathlib
import re
import uuid
from collections import (
    ChainMap,
    Counter,
    OrderedDict,
    UserDict,
    UserList,
    UserString,
    defaultdict,
    deque,
    namedtuple,
)
from contextlib import nullcontext
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakeden import InvalidValueError, ResultTooLargeError
from snakeden._values.values import Encoded, decode, encode

SAFE = 2**53 - 1


def there_and_back(value: object, **options: Any) -> Any:
    encoded = encode(value, **options)
    # Values that JSON.parse accepts: no NaN, no Infinity.
    json.loads(encoded.json, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    return decode(encoded)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.integers(min_value=-(2**200), max_value=2**200)
)
texts = st.text() | st.just("$snakeden")
trees = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=30
)


@given(trees)
def test_decode_restores_every_encoded_tree(value: Any) -> None:
    assert there_and_back(value) == value


@given(st.lists(st.floats()) | st.dictionaries(st.text(), st.floats()))
def test_encode_keeps_every_bit_of_a_float(value: Any) -> None:
    before = list(value.values()) if isinstance(value, dict) else value
    back = there_and_back(value)
    after = list(back.values()) if isinstance(back, dict) else back
    assert [x.hex() for x in before] == [x.hex() for x in after]


@given(st.lists(st.integers()) | st.integers())
def test_encode_keeps_every_integer_an_integer(value: Any) -> None:
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


@given(trees)
def test_encode_sets_tagged_only_if_there_is_a_tag(value: Any) -> None:
    encoded = encode(value)
    assert encoded.tagged == (b'"$snakeden":' in encoded.json)
    if not encoded.tagged:
        assert msgspec.json.decode(encoded.json) == value


@pytest.mark.parametrize("value", [SAFE, -SAFE, 0, -1])
def test_encode_leaves_safe_integers_plain(value: int) -> None:
    assert encode(value) == (str(value).encode(), False, ())


@pytest.mark.parametrize(
    "value",
    [SAFE + 1, -SAFE - 1, 2**64, -(10**400), 10**5000, -(10**5000)],
    ids=lambda value: f"{value.bit_length()} bits",
)
def test_encode_tags_integers_beyond_the_safe_ones(value: int) -> None:
    encoded = encode([value])
    assert encoded.tagged
    assert decode(encoded) == [value]


@pytest.mark.parametrize(
    ("value", "name"),
    [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")],
)
def test_encode_tags_floats_that_json_has_no_form_for(value: float, name: str) -> None:
    encoded = encode({"x": value})
    assert json.loads(encoded.json) == {"x": {"$snakeden": "float", "value": name}}
    assert str(decode(encoded)["x"]) == str(value)


def test_encode_keeps_negative_zero() -> None:
    assert encode(-0.0) == (b"-0.0", False, ())
    assert math.copysign(1, decode(Encoded(b'{"$snakeden":"float","value":"-0"}', True, ()))) == -1


def test_encode_is_not_fooled_by_a_sum_that_overflows() -> None:
    assert not encode([1e308, 1e308]).tagged


def test_encode_escapes_an_object_with_the_key_of_tags() -> None:
    value = {"$snakeden": "int", "value": "1"}
    encoded = encode([value])
    assert json.loads(encoded.json) == [{"$snakeden": "object", "value": value}]
    assert decode(encoded) == [value]


Pair = namedtuple("Pair", "a b")


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Point:
    x: int
    y: Any = None


class Struct(msgspec.Struct, rename="camel", tag="s"):
    first_name: str
    inner: Any = None


@attrs.define
class Attrs:
    a: int
    b: bytes = b"x"


class Model(pydantic.BaseModel):
    when: datetime.date
    count: int = 1


class RawModel(pydantic.BaseModel):
    raw: bytes
    when: datetime.date


class Row(NamedTuple):
    a: int
    b: str


class WithToDict:
    def to_dict(self) -> dict[str, Any]:
        return {"self": [1, 2]}


class WithAsDict:
    def _asdict(self) -> dict[str, Any]:
        return {"x": 1}


class Text(str):
    __slots__ = ()


CONVERSIONS: list[tuple[object, Any]] = [
    ((1, 2), [1, 2]),
    ({3}, [3]),
    (frozenset({"a"}), ["a"]),
    (deque([1]), [1]),
    (range(3), [0, 1, 2]),
    ({"a": 1}.keys(), ["a"]),
    ({"a": 1}.values(), [1]),
    (OrderedDict(a=1), {"a": 1}),
    (defaultdict(list, a=[1]), {"a": [1]}),
    (UserDict({"a": 1}), {"a": 1}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    (Pair(1, 2), [1, 2]),
    (Row(1, "x"), [1, "x"]),
    (Text("sub"), "sub"),
    (Colour.RED, "red"),
    (Level.HIGH, 3),
    ({Level.HIGH: 1}, {"3": 1}),
    ({1: "a", None: "b", 2.5: "c", False: "d"}, {"1": "a", "null": "b", "2.5": "c", "false": "d"}),
    (datetime.datetime(2024, 2, 29, 1, 2, 3), "2024-02-29T01:02:03"),
    (datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc), "2024-02-29T00:00:00+00:00"),
    (datetime.date(2024, 2, 29), "2024-02-29"),
    (datetime.time(1, 2, 3, 4), "01:02:03.000004"),
    (datetime.timedelta(days=1, seconds=2), "P1DT2S"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (decimal.Decimal("1.10"), "1.10"),
    (pathlib.PurePosixPath("/a/b"), "/a/b"),
    (Point(1, Point(2)), {"x": 1, "y": {"x": 2, "y": None}}),
    (Struct("Ann", b"x"), {"type": "s", "firstName": "Ann", "inner": b"x"}),
    (Attrs(1), {"a": 1, "b": b"x"}),
    (Model(when=datetime.date(2024, 1, 1)), {"when": "2024-01-01", "count": 1}),
    (RawModel(raw=b"\xff", when=datetime.date(2024, 1, 1)), {"raw": b"\xff", "when": "2024-01-01"}),
    (WithToDict(), {"self": [1, 2]}),
    (WithAsDict(), {"x": 1}),
    (datetime.timedelta(days=-1, seconds=5), "-PT86395S"),
    (datetime.timedelta(0), "P0D"),
    (datetime.timedelta(hours=30, microseconds=100), "P1DT21600.0001S"),
    (fractions.Fraction(1, 3), "1/3"),
    (ipaddress.ip_address("127.0.0.1"), "127.0.0.1"),
    (ipaddress.ip_address("::1"), "::1"),
    (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    (ipaddress.ip_interface("10.0.0.1/8"), "10.0.0.1/8"),
    (SimpleNamespace(a=1, b=[b"x"]), {"a": 1, "b": [b"x"]}),
    (UserList([1, "a"]), [1, "a"]),
    (UserString("abc"), "abc"),
    (Counter("aab"), {"a": 2, "b": 1}),
    (ChainMap({"a": 1}, {"b": 2}), {"b": 2, "a": 1}),
    ({"a": 1}.items(), [["a", 1]]),
    (Access.READ | Access.WRITE, 3),
    (pathlib.PurePosixPath(os.fsdecode(b"a\xff")), "a\ufffd"),
    (bytearray(b"ab"), b"ab"),
    (memoryview(b"abcdef")[::2], b"ace"),
]


@pytest.mark.parametrize(("value", "expected"), CONVERSIONS, ids=lambda it: type(it).__name__)
def test_encode_converts_the_types_of_python(value: object, expected: Any) -> None:
    assert there_and_back([value]) == [expected]
    assert there_and_back({"v": value, "n": math.inf}) == {"v": expected, "n": math.inf}


class Hidden:
    def __repr__(self) -> str:
        pytest.fail("repr() must never be called")


class Failing:
    def to_dict(self) -> dict[str, Any]:
        raise RuntimeError("not now")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "object"),
        (print, "builtin_function_or_method"),
        (Hidden(), f"{__name__}.Hidden"),
        (Failing(), f"{__name__}.Failing"),
        (slice(1, 2), "slice"),
        (re.compile("x"), "re.Pattern"),
        (ValueError("x"), "ValueError"),
        (nullcontext(), "contextlib.nullcontext"),
        (Hidden, "type"),
        (iter([]), "list_iterator"),
    ],
    ids=lambda it: type(it).__name__,
)
def test_encode_replaces_unserializable_values_with_markers(value: object, name: str) -> None:
    marker = {"$snakeden": "unserializable", "type": name}
    encoded = encode({"v": value})
    assert json.loads(encoded.json) == {"v": marker}
    assert decode(encoded) == {"v": marker}


def test_encode_replaces_lone_surrogates_as_text_encoder_does() -> None:
    assert there_and_back(["\ud800x", "\ud83d\ude00"]) == ["\ufffdx", "\U0001f600"]
    assert there_and_back({"\udfff": 1}) == {"\ufffd": 1}


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: (v,)[0]])
def test_encode_allows_nesting_up_to_the_limit(wrap: Any) -> None:
    assert there_and_back(wrap(nested(200))) == nested(200)
    with pytest.raises(InvalidValueError, match="nested deeper than 200"):
        encode(wrap(nested(201)))


def test_encode_stops_at_a_cycle_by_the_depth_limit() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(InvalidValueError, match="nested deeper than 200") as caught:
        encode(cycle)
    assert len(str(caught.value)) < 500
    loop: dict[str, Any] = {}
    loop["again"] = [loop, loop]
    with pytest.raises(InvalidValueError, match="nested deeper than 20"):
        encode(loop, max_depth=20)


def test_encode_reports_a_stack_that_is_smaller_than_the_depth_limit() -> None:
    with pytest.raises(InvalidValueError, match="nested deeper than this Python's stack allows"):
        encode(nested(90_000), max_depth=100_000)


def test_encode_names_the_path_of_a_key_that_cannot_be_sent() -> None:
    with pytest.raises(InvalidValueError, match=r"^result\.rows\[1\]: a key of type tuple; keys"):
        encode({"rows": [1, {(1, 2): 3}]})
    with pytest.raises(InvalidValueError, match=r"two keys that are both '1' as text"):
        encode({1: "a", "1": "b"})


def test_encode_refuses_a_value_above_the_size_limit() -> None:
    assert encode("x" * 8, max_bytes=10).size == 10
    with pytest.raises(
        ResultTooLargeError, match="the result has at least 11 bytes, the limit is 10"
    ):
        encode("x" * 9, max_bytes=10)
    with pytest.raises(ResultTooLargeError):
        encode([b"x" * 6, b"y" * 6], max_bytes=10)
    with pytest.raises(ResultTooLargeError):
        encode([math.nan] * 10, max_bytes=50)


def test_encode_continues_the_numbers_of_shared_buffers() -> None:
    buffers: list[bytes | memoryview] = []
    first = encode(b"a", buffers=buffers)
    second = encode([b"b"], buffers=buffers)
    assert buffers == [b"a", b"b"]
    assert decode(Encoded(first.json, True, buffers)) == b"a"
    assert decode(Encoded(second.json, True, buffers)) == [b"b"]


@pytest.mark.parametrize(
    ("json_text", "problem"),
    [
        (b"{", "not JSON"),
        (b'"\xff"', "not UTF-8"),
        (b'{"$snakeden":"bytes","buffer":1}', "buffer 1 of 1"),
        (b'{"$snakeden":"bytes","buffer":-1}', "buffer -1 of 1"),
        (b'{"$snakeden":"bytes","buffer":true}', "buffer True of 1"),
        (b'{"$snakeden":"bytes"}', "KeyError"),
        (b'{"$snakeden":"int","value":"x"}', "a broken"),
        (b'{"$snakeden":"int","value":"1e999999999"}', "a broken"),
        (b'{"$snakeden":"float","value":"1"}', "a broken"),
        (b'{"$snakeden":"pickle","value":""}', "an unknown"),
        (b'{"$snakeden":["x"]}', "an unknown"),
        (b'{"$snakeden":"object","value":1}', "an unknown"),
        (b'{"$snakeden":"array","dtype":"|O8","shape":[1],"buffer":0}', "dtype"),
        (b'{"$snakeden":"array","dtype":"<f8","shape":[2],"buffer":0}', "8 bytes for <f8"),
        (b'{"$snakeden":"array","dtype":"<f8","shape":[-1],"buffer":0}', "not a list of sizes"),
        (b'{"$snakeden":"array","dtype":"<f8","shape":1,"buffer":0}', "not a list of sizes"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper"),
    ],
)
def test_decode_refuses_broken_values(json_text: bytes, problem: str) -> None:
    with pytest.raises(InvalidValueError, match=problem):
        decode(Encoded(json_text, True, [b"12345678"]))
