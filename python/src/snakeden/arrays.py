"""Buffers and arrays of values: from Python to dtype, shape and bytes, and back.

numpy is used where it is loaded (to send) or can be imported (to receive); nothing here needs it.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, Final

from snakeden.type_name import type_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from snakeden.lowering import Lowering

__all__ = ["lift", "lower_bytes", "lower_foreign", "numpy_lowerer", "plain_scalar", "prepare"]

# The dtypes of the link, and the memoryview format of each where there is one.
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
# Arrays without a numeric dtype (text, objects, records) go as nested lists up to this many
# elements.
MAX_NESTED_ELEMENTS: Final = 100_000
# Smaller arrays are copied in less time than a view takes to make.
MIN_VIEW_BYTES: Final = 8_192

_KINDS = {
    **dict.fromkeys("bhilqn", "i"),
    **dict.fromkeys("BHILQN", "u"),
    **dict.fromkeys("efd", "f"),
    "?": "b",
}


def lift(dtype: object, shape: object, data: bytes | memoryview) -> Any:
    """An array from the link, without a copy: numpy's, or a memoryview where numpy is missing.

    Raises:
        ValueError: A dtype, shape or length that the link's format does not allow.
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


def lower_bytes(self: Lowering, value: bytes | bytearray | memoryview, _depth: int) -> Any:
    """Bytes as a buffer."""
    self.reserve(value.nbytes if isinstance(value, memoryview) else len(value))
    return self.tag("bytes", buffer=self.attach(bytes(value)))


def lower_foreign(self: Lowering, value: Any, depth: int) -> Any:
    """Whatever else shows its memory (buffer protocol, array interface, tensors); a marker for the
    rest.
    """
    try:
        view = memoryview(value)
    except (TypeError, ValueError, BufferError):
        array = _to_numpy(value)
        return _marker(self, value) if array is None else _ndarray(self, array, depth)
    lowered = _view(self, view)
    return _marker(self, value) if lowered is None else lowered


def numpy_lowerer(kind: type, numpy: Any) -> Callable[[Lowering, Any, int], Any] | None:
    """What lowers a type of numpy's; None for other types, or when numpy is not loaded."""
    if numpy is None or not hasattr(numpy, "ndarray"):
        return None
    if issubclass(kind, numpy.ndarray):
        return _ndarray
    return _scalar if issubclass(kind, numpy.generic) else None


def plain_scalar(value: Any) -> Any:
    """The Python number that a numpy scalar holds; `value` itself when it is none."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.generic):
        return value
    if isinstance(value, numpy.bool_):
        return bool(value)
    if isinstance(value, numpy.timedelta64):
        return value
    if isinstance(value, numpy.integer):
        return int(value)
    return float(value) if isinstance(value, numpy.floating) else value


def _marker(self: Lowering, value: object) -> Any:
    return self.tag("unserializable", type=type_name(type(value)))


def _view(self: Lowering, view: memoryview) -> Any:
    """A memoryview as bytes or as an array; None when its items are no numbers."""
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
    return self.tag("array", dtype=dtype, shape=list(view.shape or ()), buffer=self.attach(data))


def _ndarray(self: Lowering, array: Any, depth: int) -> Any:
    numpy = sys.modules["numpy"]
    dtype = array.dtype
    kind = dtype.kind
    if isinstance(array, numpy.ma.MaskedArray):
        return _nested(self, array, depth)
    if kind == "V" and dtype.names is None and dtype.name.startswith(("bfloat", "float8")):
        array, kind = array.astype("<f4"), "f"
    if kind not in "biufc":
        return _nested(self, array, depth)
    widest = {"f": 8, "c": 16}.get(kind, 8)
    wire = numpy.dtype(f"<{kind}{min(array.dtype.itemsize, widest)}")
    self.reserve(array.size * wire.itemsize)
    if array.dtype != wire:
        with numpy.errstate(all="ignore"):
            array = array.astype(wire)
    return self.tag(
        "array", dtype=wire.str, shape=list(array.shape), buffer=self.attach(_content(array, numpy))
    )


def _content(array: Any, numpy: Any) -> bytes | memoryview:
    """The elements in C order: a view where that is how they lie, and where a copy would cost."""
    if array.nbytes < MIN_VIEW_BYTES or not array.flags.c_contiguous:
        content: bytes = array.tobytes()
        return content
    # As a plain array, because the subclass `matrix` is never flat; and as bytes, because
    # memoryview has no complex numbers to cast from.
    flat = numpy.asarray(array).reshape(-1).view(numpy.uint8)
    return memoryview(flat).toreadonly()


def _nested(self: Lowering, array: Any, depth: int) -> Any:
    """Text, dates, objects and records as nested lists, when they are few."""
    if array.size > MAX_NESTED_ELEMENTS:
        return _marker(self, array)
    numpy = sys.modules["numpy"]
    try:
        if array.dtype.kind == "M" and not isinstance(array, numpy.ma.MaskedArray):
            texts = numpy.datetime_as_string(array).astype(object)
            array = numpy.where(numpy.isnat(array), None, texts)
        elif array.dtype.kind == "m":
            array = array.astype("m8[us]")
        items = array.tolist()
    except (TypeError, ValueError):
        return _marker(self, array)
    return self.lower(items, depth)


def _scalar(self: Lowering, value: Any, depth: int) -> Any:
    """A numpy scalar as the plain value it holds; complex numbers and raw memory have none."""
    numpy = sys.modules["numpy"]
    number = plain_scalar(value)
    if number is not value:
        return self.lower(number, depth)
    if isinstance(value, (numpy.datetime64, numpy.timedelta64)):
        return _nested(self, numpy.asarray(value), depth)
    if isinstance(value, numpy.void) and value.dtype.names is not None:
        return self.lower(value.tolist(), depth)
    return _marker(self, value)


def _to_numpy(value: Any) -> Any:
    """The object's data as a numpy array, or None when it has none that can be had."""
    kind = type(value)
    if isinstance(value, type):
        return None
    module = kind.__module__.partition(".")[0]
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

    To be called where CallCancelled cannot come up: numpy cannot be imported again in a process in
    which its import was broken off.
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
