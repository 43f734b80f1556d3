from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import pytest

from snakeden._values.values import encode
from snakeden.errors import InvalidValueError, ListTooLongError
from tests.fake_host import SOURCES


def listed(value: object, **options: Any) -> Any:
    encoded = encode(value, max_list_items=1_000, **options)
    assert not encoded.buffers
    return msgspec.json.decode(encoded.json)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.arange(3), [0, 1, 2]),
        (np.arange(6, dtype="u1").reshape(2, 3), [[0, 1, 2], [3, 4, 5]]),
        (np.array([True, False]), [True, False]),
        (np.array([0.5, -1.5], dtype="f2"), [0.5, -1.5]),
        (np.array([1, 2], dtype=">i4"), [1, 2]),
        (np.array([1 + 2j]), [[1.0, 2.0]]),
        (np.array(7), 7),
        (np.zeros((2, 0)), [[], []]),
        (np.zeros((0, 2)), []),
        (memoryview(b"ab").cast("b"), [97, 98]),
        (3j, [0.0, 3.0]),
    ],
)
def test_encode_sends_arrays_as_lists(array: object, expected: object) -> None:
    assert listed({"x": array}) == {"x": expected}


def test_encode_keeps_big_integers_and_nan_exact_in_lists() -> None:
    exact = {"$snakeden": "int", "value": str(2**60)}
    assert listed(np.array([1, 2**60])) == [1, exact]
    assert listed(np.array([[1.0, math.nan]])) == [[1.0, {"$snakeden": "float", "value": "NaN"}]]


def test_encode_sends_bytes_as_a_buffer_whatever_the_form_of_arrays() -> None:
    assert encode(b"ab", max_list_items=10).buffers == [b"ab"]


def test_encode_refuses_lists_over_the_limit_and_names_it() -> None:
    text = r"the arrays of the result hold at least 6 numbers.*at most 5.*\(limits\.maxListItems\)"
    with pytest.raises(ListTooLongError, match=text):
        encode([np.zeros(3), np.zeros(3)], max_list_items=5)
    with pytest.raises(ListTooLongError):
        encode(np.zeros((10**9, 0)), max_list_items=5)
    assert encode(np.zeros(3), max_list_items=0).json == b"[0.0,0.0,0.0]"


def test_encode_counts_the_levels_of_lists() -> None:
    with pytest.raises(InvalidValueError, match="nested deeper than 2"):
        listed([np.zeros((1, 1))], max_depth=2)


def test_encode_makes_lists_without_numpy() -> None:
    code = """
import array, sys
sys.modules["numpy"] = None
from snakeden._values.values import encode
values = [array.array("d", [0.5, float("inf")]), array.array("q", [1, 2**60])]
print(encode(values, max_list_items=9).json.decode())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=SOURCES, check=True
    )
    assert done.stdout == (
        '[[0.5,{"$snakeden":"float","value":"Infinity"}],'
        '[1,{"$snakeden":"int","value":"1152921504606846976"}]]\n'
    )
