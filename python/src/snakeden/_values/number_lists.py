"""Arrays as lists of numbers, for callers that have no arrays, such as clients of HTTP."""

from __future__ import annotations

import itertools
import math
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

__all__ = ["extent", "number_list"]

_CODES: Final = {
    "b1": "?",
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
}
_MAX_SAFE_INTEGER: Final = 2**53 - 1


def extent(shape: Sequence[int]) -> int:
    """Return how many numbers the lists of an array of this shape hold, or how many lists, where
    that is more: an array without elements may have a million rows.
    """
    return max(itertools.accumulate(shape, lambda a, b: a * b, initial=1))


def number_list(
    dtype: str,
    shape: Sequence[int],
    *,
    data: bytes | memoryview,
    lower: Callable[[Any], Any],
) -> Any:
    """Return the elements of an array in nested lists; a single number for rank 0.

    A complex number is a list of its real and its imaginary part. `lower` is given each number that
    JSON has no exact form for: integers beyond 2^53, infinities and NaN.
    """
    if dtype[1] == "c":
        dtype, shape = f"<f{int(dtype[2:]) // 2}", [*shape, 2]
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "frombuffer"):
        array = numpy.frombuffer(data, dtype=dtype)
        if _is_plain_array(array, numpy):
            return array.reshape(shape).tolist()
        flat = array.tolist()
    else:
        flat = list(struct.unpack(f"<{math.prod(shape)}{_CODES[dtype[1:]]}", data))
    if not all(map(_is_plain, flat)):
        flat = [it if _is_plain(it) else lower(it) for it in flat]
    return _nest(flat, shape)


def _is_plain_array(array: Any, numpy: Any) -> bool:
    kind = array.dtype.kind
    if kind == "f":
        return bool(numpy.isfinite(array).all())
    if kind == "b" or array.dtype.itemsize < 8 or array.size == 0:
        return True
    return bool(array.max() <= _MAX_SAFE_INTEGER and array.min() >= -_MAX_SAFE_INTEGER)


def _is_plain(number: float) -> bool:
    if type(number) is float:
        return math.isfinite(number)
    return -_MAX_SAFE_INTEGER <= number <= _MAX_SAFE_INTEGER


def _nest(flat: list[Any], shape: Sequence[int]) -> Any:
    if not shape:
        return flat[0]
    if 0 in shape:
        return [_nest([], shape[1:]) for _ in range(shape[0])] if len(shape) > 1 else []
    for size in reversed(shape[1:]):
        flat = [flat[at : at + size] for at in range(0, len(flat), size)]
    return flat
