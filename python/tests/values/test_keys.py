from __future__ import annotations

import datetime
import enum
import fractions
import ipaddress
import math
import pathlib
import uuid
from collections import UserString, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakeden import InvalidValueError
from snakeden._values.values import decode, encode


class Colour(enum.Enum):
    RED = "red"
    ONE = 1
    PAIR = (1, 2)


class Level(enum.IntEnum):
    HIGH = 3


class Text(str, enum.Enum):
    A = "a"


class Access(enum.Flag):
    READ = 1


class SubText(str):
    __slots__ = ()


@dataclass(frozen=True)
class Point:
    x: int


Pair = namedtuple("Pair", "a b")

ACCEPTED: list[tuple[Any, str]] = [
    ("a", "a"),
    (SubText("a"), "a"),
    (UserString("a"), "a"),
    (None, "null"),
    (True, "true"),
    (False, "false"),
    (7, "7"),
    (2**70, str(2**70)),
    (10**5000, "1" + "0" * 5000),
    (1.5, "1.5"),
    (-0.0, "-0.0"),
    (math.nan, "NaN"),
    (-math.inf, "-Infinity"),
    (Colour.RED, "red"),
    (Colour.ONE, "1"),
    (Level.HIGH, "3"),
    (Text.A, "a"),
    (Access.READ, "1"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (datetime.date(2024, 2, 29), "2024-02-29"),
    (datetime.datetime(2024, 2, 29, 1), "2024-02-29T01:00:00"),
    (datetime.time(1, 2), "01:02:00"),
    (datetime.timedelta(seconds=90), "PT90S"),
    (Decimal("1.50"), "1.50"),
    (fractions.Fraction(1, 3), "1/3"),
    (pathlib.PurePosixPath("/a"), "/a"),
    (ipaddress.ip_address("::1"), "::1"),
    (np.str_("a"), "a"),
    (np.int8(-3), "-3"),
    (np.uint64(2**64 - 1), "18446744073709551615"),
    (np.float32(0.5), "0.5"),
    (np.bool_(True), "true"),
    (np.datetime64("2024-02-29"), "2024-02-29"),
    (np.datetime64("NaT", "s"), "null"),
    (np.timedelta64(1, "ns"), "PT0.000000001S"),
    (pd.NA, "null"),
    (pd.NaT, "null"),
    (pd.Timestamp("2024-02-29", tz="UTC"), "2024-02-29T00:00:00+00:00"),
    (pd.Timedelta(nanoseconds=1), "PT0.000000001S"),
    (pd.Period("2024-02", "M"), "2024-02"),
    (pd.Interval(0, 1), "(0, 1]"),
]


@pytest.mark.parametrize(("key", "text"), ACCEPTED, ids=lambda it: type(it).__name__)
def test_encode_writes_a_key_as_it_writes_the_value(key: Any, text: str) -> None:
    encoded = encode({key: 1})
    assert decode(encoded) == {text: 1}
    assert not encoded.tagged
    assert decode(encode({"deep": [{key: math.inf}]})) == {"deep": [{text: math.inf}]}
    value = decode(encode([key]))[0]
    assert value == text or not isinstance(value, str)


REFUSED: list[Any] = [
    b"bytes",
    (1, 2),
    (1, (2, ((3,),))),
    Pair(1, 2),
    frozenset({1}),
    1j,
    Point(1),
    Colour.PAIR,
    object(),
    int,
    range(3),
    np.complex64(1),
]


@pytest.mark.parametrize("key", REFUSED, ids=lambda it: type(it).__name__)
def test_encode_refuses_a_key_that_has_no_text_and_names_its_path(key: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"^result\.rows\[1\]: a key of type [\w.]+; keys"):
        encode({"rows": [1, {key: 1}]})


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, "1"), (None, "null"), (pd.NaT, None), (datetime.date(2024, 1, 1), "2024-01-01")],
)
def test_encode_refuses_two_keys_with_the_same_text(one: Any, other: Any) -> None:
    with pytest.raises(InvalidValueError, match="two keys that are both"):
        encode({one: 1, other: 2})


keys = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.uuids()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.ip_addresses()
    | st.binary()
    | st.tuples(st.integers())
    | st.complex_numbers()
)


@given(keys)
def test_encode_accepts_a_key_exactly_if_its_value_is_one_text_or_number(key: Any) -> None:
    value = decode(encode([key]))[0]
    if value is None or isinstance(value, (bool, int, float, str)):
        (text,) = decode(encode({key: 1}))
        if isinstance(value, str):
            assert text == value
        elif type(value) is int:
            assert int(text) == value
        elif type(value) is float:
            assert float(text).hex() == value.hex()
    else:
        with pytest.raises(InvalidValueError, match="a key of type"):
            encode({key: 1})
