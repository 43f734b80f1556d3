from __future__ import annotations

import array
import ctypes
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snakeden import InvalidValueError, ResultTooLargeError
from snakeden._values.arrays import FORMATS
from snakeden._values.values import decode, encode
from tests.fake_host import SOURCES

dtypes = st.sampled_from(
    ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]
)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    order = draw(st.sampled_from("<>"))
    dtype = np.dtype(order + draw(dtypes))
    value = draw(hnp.arrays(dtype, draw(shapes), elements=hnp.from_dtype(np.dtype(dtype.str[1:]))))
    layout = draw(st.sampled_from(["as is", "transposed", "reversed", "strided"]))
    if layout == "transposed":
        return value.T
    if layout == "reversed" and value.ndim:
        return value[::-1]
    if layout == "strided" and value.ndim:
        return np.repeat(value, 2, axis=0)[::2]
    return value


@given(arrays())
def test_decode_restores_every_encoded_array(value: Any) -> None:
    encoded = encode(value)
    back = decode(encoded)
    node = json.loads(encoded.json)
    assert node["dtype"] in FORMATS
    assert back.shape == value.shape
    assert back.dtype == value.dtype.newbyteorder("<")
    np.testing.assert_array_equal(back, value)
    assert not back.flags.writeable


@pytest.mark.parametrize("dtype", list(FORMATS))
@pytest.mark.parametrize("layout", ["flat", "cube", "transposed", "strided", "big-endian"])
def test_encode_attaches_large_arrays_without_a_copy_where_it_can(dtype: str, layout: str) -> None:
    value: Any = np.arange(27_000).astype(dtype)
    if layout == "cube":
        value = value.reshape(30, 30, 30)
    elif layout == "transposed":
        value = value.reshape(30, 900).T
    elif layout == "strided":
        value = value[::2]
    elif layout == "big-endian":
        value = value.astype(value.dtype.newbyteorder(">"))
    encoded = encode(value)
    (buffer,) = encoded.buffers
    assert len(buffer) == value.nbytes
    np.testing.assert_array_equal(decode(encoded), value)
    shares = np.shares_memory(value, np.frombuffer(buffer, "u1"))
    assert shares == (
        layout in ("flat", "cube") or (layout == "big-endian" and value.itemsize == 1)
    )


def test_encode_accepts_large_arrays_of_any_class() -> None:
    flat = np.arange(10_000.0)
    matrix = flat.reshape(100, 100).view(np.matrix)
    for value in (matrix, flat.view(np.recarray), np.broadcast_to(flat, (1, 10_000))):
        np.testing.assert_array_equal(decode(encode(value)), np.asarray(value))
        assert not decode(encode(value)).flags.writeable


def test_encode_converts_wide_floats_to_64_bits() -> None:
    value = np.array([1.5, np.inf], dtype=np.longdouble)
    assert decode(encode(value)).dtype == np.float64
    assert decode(encode(value.astype(np.clongdouble))).dtype == np.complex128


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.bool_(True), True),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float32(2.5), 2.5),
        (np.float64(2.5), 2.5),
        (np.longdouble(2.5), 2.5),
        (np.str_("x"), "x"),
        (np.bytes_(b"x"), b"x"),
        (np.datetime64("2024-02-29"), "2024-02-29"),
        (np.datetime64("NaT", "s"), None),
        (np.timedelta64(90, "s"), "PT90S"),
        (np.timedelta64(1, "ns"), "PT0.000000001S"),
        (np.timedelta64(-1500, "as"), "-PT0.0000000000000015S"),
        (np.timedelta64(2, "W"), "P14D"),
        (np.timedelta64(-3, "Y"), "-P3Y"),
        (np.timedelta64(5, "M"), "P5M"),
        (np.timedelta64("NaT", "ns"), None),
        (np.void(b"abc"), b"abc"),
        (np.dtype("i4"), "int32"),
        (np.ma.masked, None),
        (np.array(["a", "b"], dtype=np.dtypes.StringDType()), ["a", "b"]),
        (np.array(["a", None], dtype=np.dtypes.StringDType(na_object=None)), ["a", None]),
        (np.array(["a", np.nan], dtype=np.dtypes.StringDType(na_object=np.nan)), ["a", None]),
        (np.array("x"), "x"),
        (
            np.array([["2024-01-01T00:00:00.000000001"], ["NaT"]], dtype="M8[ns]"),
            [["2024-01-01T00:00:00.000000001"], [None]],
        ),
        (np.array([1, 2], dtype="m8[25s]"), ["PT25S", "PT50S"]),
        (np.empty((2, 0), dtype="M8[s]"), [[], []]),
        (
            np.array([(1, "2024-01-01")], dtype=[("a", "i4"), ("t", "M8[ns]")]),
            [[1, "2024-01-01T00:00:00.000000000"]],
        ),
        (
            np.array([[(b"x", 1)], [(b"y", 2)]], dtype=[("s", "S1"), ("d", "m8[ns]")]),
            [[[b"x", "PT0.000000001S"]], [[b"y", "PT0.000000002S"]]],
        ),
        (np.array(("a", 1), dtype=[("s", "U1"), ("n", "i4")]), ["a", 1]),
        (np.array(("a", 1), dtype=[("s", "U1"), ("n", "i4")])[()], ["a", 1]),
        (
            np.ma.array(["2024", "2025"], dtype="M8[ns]", mask=[False, True]),
            ["2024-01-01T00:00:00.000000000", None],
        ),
        (np.ma.array([1, 2], dtype="m8[ns]", mask=[True, False]), [None, "PT0.000000002S"]),
        (
            np.ma.array([(1, 2.0)], dtype=[("a", int), ("b", float)], mask=[(False, True)]),
            [[1, None]],
        ),
        (
            np.ma.array([(1, 2.0)], dtype=[("a", int), ("b", float)], mask=[(False, True)])[0],
            [1, None],
        ),
        (np.array([None, np.datetime64("2024"), np.ma.masked], dtype=object), [None, "2024", None]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([["a"], [None]], dtype=object), [["a"], [None]]),
        (np.array(["2024-02-29", "NaT"], dtype="M8[D]"), ["2024-02-29", None]),
        (np.array([1, "NaT"], dtype="m8[s]"), ["PT1S", None]),
        (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]), [[1, 2.5]]),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        ({np.int64(3): np.float32(0.5)}, {"3": 0.5}),
    ],
    ids=repr,
)
def test_encode_converts_numpy_types_other_than_numbers(value: Any, expected: Any) -> None:
    assert decode(encode(value)) == expected


@pytest.mark.parametrize("value", [1 + 2j, np.complex128(1 + 2j), np.complex64(1 + 2j)])
def test_encode_sends_a_complex_number_as_an_array_of_rank_0(value: Any) -> None:
    back = decode(encode([value]))[0]
    assert (back.shape, back.dtype.kind, complex(back)) == ((), "c", 1 + 2j)


@pytest.mark.filterwarnings("ignore:The 'generic' unit:DeprecationWarning")
def test_encode_sends_a_duration_without_a_unit_as_its_count() -> None:
    assert decode(encode([np.timedelta64(7), np.timedelta64("NaT")])) == [7, None]


def test_encode_refuses_a_number_beyond_the_largest_float() -> None:
    large = np.finfo(np.longdouble).max
    if np.isfinite(np.float64(large)):
        pytest.skip("longdouble is no wider than a double here")
    for value in (large, np.array([1, large]), np.array([large], dtype=np.clongdouble)):
        with pytest.raises(
            InvalidValueError, match=r"^result\[0\]: a .*float.* beyond the largest|complex"
        ):
            encode([value])
    assert decode(encode(np.array([np.inf, np.nan], dtype=np.longdouble)))[0] == np.inf
    assert decode(encode(np.longdouble("inf"))) == np.inf


def test_encode_sends_arrays_of_text_up_to_the_limit_of_bytes() -> None:
    value = np.array(["x"] * 100_001)
    assert decode(encode(value)) == ["x"] * 100_001
    with pytest.raises(ResultTooLargeError, match="at least 200002 bytes, the limit is 200000"):
        encode(value, max_bytes=200_000)


@pytest.mark.parametrize("code", list("bBhHiIlLqQfd"))
def test_encode_sends_array_array_as_its_memory(code: str) -> None:
    value = array.array(code, [1, 2, 3])
    back = decode(encode(value))
    if code == "B":
        assert back == b"\1\2\3"
    else:
        assert back.tolist() == value.tolist()


def test_encode_sends_buffers_of_many_dimensions_and_big_endian() -> None:
    grid = memoryview(bytes(range(6))).cast("B", [2, 3])
    assert decode(encode(grid)).tolist() == [[0, 1, 2], [3, 4, 5]]
    big = (ctypes.c_uint32.__ctype_be__ * 2)(1, 2)
    assert decode(encode(big)).tolist() == [1, 2]
    plain = ((ctypes.c_double * 2) * 2)()
    assert decode(encode(plain)).tolist() == [[0, 0], [0, 0]]


class HasInterface:
    def __init__(self, value: Any) -> None:
        self.held = value
        self.__array_interface__ = value.__array_interface__


def test_encode_sends_objects_with_an_array_interface() -> None:
    assert decode(encode(HasInterface(np.arange(3)))).tolist() == [0, 1, 2]


WITHOUT_NUMPY = """
import sys
sys.modules["numpy"] = None
import array
from snakeden._values.values import Encoded, decode, encode
def lifted(json, *buffers): return decode(Encoded(json, True, buffers))
value = array.array("d", [1.5, 2.5])
back = decode(encode(value))
assert isinstance(back, memoryview) and back.format == "d" and back.tolist() == [1.5, 2.5], back
grid = lifted(b'{"$snakeden":"array","dtype":"<i2","shape":[2,2],"buffer":0}', bytes(8))
assert grid.shape == (2, 2) and grid.format == "h"
point = lifted(b'{"$snakeden":"array","dtype":"<f8","shape":[],"buffer":0}', bytes(8))
assert point.ndim == 0 and point[()] == 0.0
empty = lifted(b'{"$snakeden":"array","dtype":"<f8","shape":[2,0],"buffer":0}', b"")
assert len(empty) == 0
half = lifted(b'{"$snakeden":"array","dtype":"<f2","shape":[2],"buffer":0}', bytes(4))
assert half.nbytes == 4
print("ok")
"""


def test_decode_returns_memoryviews_without_numpy() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMPY],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "ok\n", run.stderr
