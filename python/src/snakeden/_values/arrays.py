"""Conversion of buffers and arrays to dtype, shape and bytes, and back.

numpy is optional: it is used for sending if it is loaded, and for receiving if it can be imported.
"""

from __future__ import annotations

import math
import sys
import typing
from typing import Any, Final

from snakeden._values.durations import iso_duration
from snakeden._values.lowerer import Lowerer, Tree
from snakeden._values.type_name import type_name

__all__ = [
    "from_list",
    "lift",
    "lower_array",
    "lower_bytes",
    "lower_foreign",
    "marker",
    "numpy_lowerer",
    "prepare",
]

# The dtypes of the link, each with its memoryview format if there is one.
FORMATS: Final[dict[str, str | None]] = {
    "|b1": "?",
    "|i1": "b",
    "|u1": "B",
    "<i2": "h",
    "<u2": "H",
    "<i4": "i",
    "<u4": "I",
    "<i8": "q",
    "<u8": "Q",
    "<f2": None,
    "<f4": "f",
    "<f8": "d",
    "<c8": None,
    "<c16": None,
}
# Copying a smaller array takes less time than creating a view.
MIN_VIEW_BYTES: Final = 8_192

_KINDS = {
    **dict.fromkeys("bhilqn", "i"),
    **dict.fromkeys("BHILQN", "u"),
    **dict.fromkeys("efd", "f"),
    "?": "b",
}


def lift(dtype: object, shape: object, *, data: bytes | memoryview) -> Any:
    """Return an array from the link, without a copy: a numpy array, or a memoryview without numpy.

    Raises:
        ValueError: If dtype, shape or length is not one that the link allows.
    """
    if dtype not in FORMATS or not isinstance(dtype, str):
        raise ValueError(f"dtype {dtype!r}; allowed are {' '.join(FORMATS)}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"shape {shape!r} is not a list of sizes")
    itemsize = int(dtype[2:])
    expected = math.prod(shape) * itemsize
    if expected != len(data):
        raise ValueError(f"{len(data)} bytes for {dtype} of shape {shape}, which has {expected}")
    numpy = _import_numpy()
    if numpy is not None:
        return numpy.frombuffer(data, dtype=dtype).reshape(shape)
    view: Any = memoryview(data)
    format_ = FORMATS[dtype]
    if format_ is None:
        return view
    return view.cast(format_, shape) if len(data) else view.cast(format_)


def from_list(value: Any, hint: Any) -> Any:
    """Return an array from bytes (as uint8) or from a list of numbers, which a client without
    buffers sends.
    """
    numpy = sys.modules["numpy"]
    if isinstance(value, (bytes, bytearray)):
        return numpy.frombuffer(value, dtype=numpy.uint8)
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"Expected an array or a list of numbers, got `{type_name(type(value))}`")
    dtypes = [typing.get_args(it) for it in typing.get_args(hint)[1:]]
    dtype = dtypes[0][0] if dtypes and dtypes[0] and isinstance(dtypes[0][0], type) else None
    if dtype is not None and dtype in (numpy.generic, numpy.number, numpy.floating, numpy.integer):
        dtype = None
    try:
        array = numpy.asarray(value, dtype=dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"Expected an array: {error}") from None
    if array.dtype.kind not in "biufc":
        raise ValueError("Expected an array or a list of numbers; some items are not numbers")
    if dtype is not None and array.dtype.kind in "biu" and (array != numpy.asarray(value)).any():
        raise ValueError(f"Expected an array of {array.dtype}; some items would be rounded")
    return array


def lower_bytes(self: Tree, value: bytes | bytearray | memoryview, _depth: int) -> Any:
    """Lower bytes to a buffer."""
    self.reserve(value.nbytes if isinstance(value, memoryview) else len(value))
    return self.tag("bytes", buffer=self.attach(bytes(value)))


def lower_foreign(self: Tree, value: Any, depth: int) -> Any:
    """Lower any other object that exposes its memory (buffer protocol, array interface, tensors),
    and anything else to a marker.
    """
    try:
        view = memoryview(value)
    except (TypeError, ValueError, BufferError):
        _expect_array(self, value)
        array = _to_numpy(value)
        return marker(self, value) if array is None else lower_array(self, array, depth)
    lowered = _view(self, view, depth)
    return marker(self, value) if lowered is None else lowered


def numpy_lowerer(kind: type, numpy: Any) -> Lowerer | None:
    """Return the function that lowers a type of numpy; None for other types, or without numpy."""
    if numpy is None or not hasattr(numpy, "ndarray"):
        return None
    if issubclass(kind, numpy.ndarray):
        return lower_array
    if issubclass(kind, numpy.dtype):
        return lambda self, value, depth: self.lower(str(value), depth)
    return _scalar if issubclass(kind, numpy.generic) else None


def marker(self: Tree, value: object) -> Any:
    """Return the leaf that stands for a value that cannot be sent."""
    return self.tag("unserializable", type=type_name(type(value)))


def _view(self: Tree, view: memoryview, depth: int) -> Any:
    """Lower a memoryview to bytes or an array; return None if its items are not numbers."""
    order, code = ("@", view.format) if len(view.format) == 1 else (view.format[0], view.format[1:])
    if code in ("B", "c") and view.ndim == 1:
        return lower_bytes(self, view, 0)
    kind = _KINDS.get(code)
    if kind is None or order not in "@=<>!":
        return None
    size = view.itemsize
    self.reserve(view.nbytes)
    data = view.tobytes()
    big = order in ">!" or (order in "@=" and sys.byteorder == "big")
    if big and size > 1:
        swapped = bytearray(len(data))
        for index in range(size):
            swapped[index::size] = data[size - 1 - index :: size]
        data = bytes(swapped)
    dtype = f"{'|' if size == 1 else '<'}{kind}{size}"
    if dtype not in FORMATS:
        return None
    return self.array(dtype, view.shape or (), data=data, depth=depth)


def lower_array(self: Tree, array: Any, depth: int) -> Any:
    """Lower a numpy array: to its memory if it holds numbers, otherwise to lists."""
    numpy = sys.modules["numpy"]
    dtype = array.dtype
    if type(array) is numpy.ndarray and dtype.str in FORMATS:
        # The most frequent arrays need none of the code below.
        self.reserve(array.nbytes)
        return self.array(dtype.str, array.shape, data=_content(array, numpy), depth=depth)
    kind = dtype.kind
    if isinstance(array, numpy.ma.MaskedArray):
        return _nested(self, array, depth)
    if kind == "V" and dtype.names is None and dtype.name.startswith(("bfloat", "float8")):
        self.expect(4 * array.size)
        array, kind = array.astype("<f4"), "f"
    if kind not in "biufc":
        return _nested(self, array, depth)
    widest = {"f": 8, "c": 16}.get(kind, 8)
    wire = numpy.dtype(f"<{kind}{min(array.dtype.itemsize, widest)}")
    self.reserve(array.size * wire.itemsize)
    if array.dtype != wire:
        with numpy.errstate(all="ignore"):
            converted = array.astype(wire)
        if (
            wire.itemsize < dtype.itemsize
            and (numpy.isfinite(array) > numpy.isfinite(converted)).any()
        ):
            raise self.refuse(f"a {dtype} that is beyond the largest float of 64 bits")
        array = converted
    return self.array(wire.str, array.shape, data=_content(array, numpy), depth=depth)


def _content(array: Any, numpy: Any) -> bytes | memoryview:
    """Return the elements in C order: a view of a large array in C order, otherwise a copy."""
    if array.nbytes < MIN_VIEW_BYTES or not array.flags.c_contiguous:
        content: bytes = array.tobytes()
        return content
    # Viewed as a plain array, since the subclass `matrix` is never flat, and as bytes, since
    # memoryview has no format for complex numbers.
    flat = numpy.asarray(array).reshape(-1).view(numpy.uint8)
    return memoryview(flat).toreadonly()


def _nested(self: Tree, array: Any, depth: int) -> Any:
    """Lower text, dates, objects, records and masked arrays to nested lists."""
    # Each element needs at least one character and a comma.
    self.expect(2 * array.size)
    try:
        items = _items(array)
    except (TypeError, ValueError):
        return marker(self, array)
    return self.lower(items, depth)


def _items(array: Any) -> Any:
    """Return `array.tolist()`, with None for missing values, and text for dates of every unit."""
    numpy = sys.modules["numpy"]
    kind = array.dtype.kind
    flat = array.reshape(-1)
    if array.dtype.names:
        fields = [_items(flat[name]) for name in array.dtype.names]
        return _nest(list(zip(*fields, strict=True)), array)
    if kind == "T":
        return _nest([it if isinstance(it, str) else None for it in flat.tolist()], array)
    if kind not in "Mm" or numpy.datetime_data(array.dtype)[0] == "generic":
        return array.tolist()
    missing = numpy.isnat(numpy.ma.getdata(flat)) | numpy.ma.getmaskarray(flat)
    texts = _date_texts(numpy.ma.getdata(flat), numpy)
    return _nest(
        [None if gone else text for gone, text in zip(missing.tolist(), texts, strict=True)], array
    )


def _nest(flat: list[Any], array: Any) -> Any:
    """Return the elements in nested lists of the shape of the array."""
    if array.ndim == 0:
        return flat[0]
    if array.size == 0:
        return array.tolist()
    for size in reversed(array.shape[1:]):
        flat = [flat[at : at + size] for at in range(0, len(flat), size)]
    return flat


_UNIT_SECONDS = {"W": 604_800, "D": 86_400, "h": 3_600, "m": 60, "s": 1}
_UNIT_PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15, "as": 10**18}


def _date_texts(flat: Any, numpy: Any) -> list[str]:
    """Return ISO 8601 text for dates and durations, whatever their unit in numpy."""
    if flat.dtype.kind == "M":
        texts: list[str] = numpy.datetime_as_string(flat).tolist()
        return texts
    unit, step = numpy.datetime_data(flat.dtype)
    counts = [count * step for count in flat.astype("i8").tolist()]
    if unit in ("Y", "M"):  # Years and months have no length in seconds.
        return [f"{'-' if count < 0 else ''}P{abs(count)}{unit}" for count in counts]
    seconds, per_second = _UNIT_SECONDS.get(unit, 1), _UNIT_PER_SECOND.get(unit, 1)
    return [iso_duration(count * seconds, per_second) for count in counts]


def _scalar(self: Tree, value: Any, depth: int) -> Any:
    """Return the plain value of a numpy scalar."""
    numpy = sys.modules["numpy"]
    if isinstance(value, numpy.bool_):
        return bool(value)
    if isinstance(value, (numpy.datetime64, numpy.timedelta64)):
        return _nested(self, numpy.asarray(value), depth)
    if isinstance(value, numpy.integer):
        return self.lower(int(value), depth)
    if isinstance(value, numpy.floating):
        number = float(value)
        if math.isfinite(number) or not numpy.isfinite(value):
            return self.lower(number, depth)
    if isinstance(value, numpy.void) and value.dtype.names is None:
        return lower_bytes(self, value.tobytes(), depth)
    return lower_array(self, numpy.asarray(value), depth)


def _expect_array(self: Tree, value: Any) -> None:
    """Refuse an array by the size that it states, before it is expanded, read from a file or
    copied from a device.
    """
    if not hasattr(type(value), "__array__"):
        return
    try:
        nbytes = value.nbytes
    except Exception:
        return
    if type(nbytes) is int:
        self.expect(nbytes)


def _to_numpy(value: Any) -> Any:
    """Return the data of an object as a numpy array; None if that is impossible."""
    kind = type(value)
    if issubclass(kind, type):
        return None
    module = type_name(kind).partition(".")[0]
    try:
        if module == "torch" and hasattr(kind, "detach"):
            tensor = value.detach().cpu()
            try:
                return tensor.numpy()
            except TypeError:  # numpy lacks bfloat16
                return tensor.float().numpy()
        if module == "cupy" and hasattr(kind, "get"):
            return value.get()
        if hasattr(value, "__array_interface__") or hasattr(value, "__array__"):
            numpy = _import_numpy()
            return None if numpy is None else numpy.asarray(value)
    except Exception:
        return None
    return None


_numpy: Any = None
_numpy_missing = False


def prepare(json: bytes) -> None:
    """Import numpy for the arrays of a value that is about to be decoded.

    To be called where CallCancelled cannot be raised: after an interrupted import, numpy cannot be
    imported again in the same process.
    """
    if _numpy is None and not _numpy_missing and b'"array"' in json:
        _import_numpy()


def _import_numpy() -> Any:
    global _numpy, _numpy_missing
    if _numpy is None and not _numpy_missing:
        try:
            import numpy
        except ImportError:
            _numpy_missing = True
        else:
            _numpy = numpy
    return _numpy
