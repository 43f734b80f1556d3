"""Values in the JSON of HTTP, with the tags of docs/values.md. The twin of src/client/values."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

__all__ = ["decoded", "json_of", "value_of"]

TAG: Final = "$snakeden"
MAX_DEPTH: Final = 200
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
    "<f4": "f",
    "<f8": "d",
    "<f2": None,
    "<c8": None,
    "<c16": None,
}
"""The types of arrays, each with its format of a memoryview if there is one."""


def json_of(value: object, name: str, *, indent: int | None = None) -> str:
    """Return a value as JSON text, in ASCII.

    Raises:
        InvalidValueError: If JSON has no form for something in it; the text names its place.
    """
    separators = (",", ":") if indent is None else (",", ": ")
    tree = _tree(value, name, depth=0)
    return json.dumps(tree, allow_nan=False, separators=separators, indent=indent)


def value_of(text: str | bytes) -> Any:
    """Return the value that a JSON text holds.

    Raises:
        ValueError: If it is not JSON, or a tag is malformed.
    """
    return decoded(json.loads(text))


def decoded(tree: Any) -> Any:
    """Return the value that parsed JSON stands for.

    Raises:
        ValueError: If a tag is malformed.
    """
    if isinstance(tree, list):
        return [decoded(it) for it in tree]
    if not isinstance(tree, dict):
        return tree
    tag = tree.get(TAG)
    if tag is None:
        return {key: decoded(it) for key, it in tree.items()}
    if tag == "bytes":
        return _bytes_of(tree)
    if tag == "array":
        return _array_of(tree)
    if tag == "float":
        return float(tree["value"])
    if tag == "int":
        return int(tree["value"])
    if tag == "object":
        return {key: decoded(it) for key, it in tree["value"].items()}
    # Such as the marker of what could not be serialized.
    return tree


def _bytes_of(leaf: Mapping[str, Any]) -> bytes:
    from base64 import b64decode

    return b64decode(leaf["base64"], validate=True)


def _array_of(leaf: Mapping[str, Any]) -> Any:
    """Return an array: that of numpy if it is there, else a memoryview."""
    data, dtype, shape = _bytes_of(leaf), leaf["dtype"], leaf["shape"]
    if dtype not in FORMATS:
        raise ValueError(f"an array of {dtype!r}; allowed are {' '.join(FORMATS)}")
    try:
        import numpy
    except ImportError:
        format_ = FORMATS[dtype]
        if format_ is None:
            raise ValueError(f"an array of {dtype} needs numpy") from None
        view: Any = memoryview(data)
        return view.cast(format_, shape) if data else view.cast(format_)
    return numpy.frombuffer(data, dtype=dtype).reshape(shape)


def _tree(value: Any, where: str, *, depth: int) -> Any:
    if value is None or value is True or value is False or type(value) in (str, int):
        return value
    if depth > MAX_DEPTH:
        raise _invalid(f"nested deeper than {MAX_DEPTH} levels", where)
    if isinstance(value, float):
        return _float(float(value))
    if isinstance(value, Mapping):
        fields = {
            _key(key, where): _tree(it, f"{where}.{key}", depth=depth + 1)
            for key, it in value.items()
        }
        return {TAG: "object", "value": fields} if TAG in fields else fields
    if isinstance(value, (list, tuple, Set)):
        return [_tree(it, f"{where}[{i}]", depth=depth + 1) for i, it in enumerate(value)]
    if isinstance(value, (bytes, bytearray)):
        return {TAG: "bytes", "base64": _base64(value)}
    if isinstance(value, (str, int)):
        # An enumeration or another subclass.
        return str.__str__(value) if isinstance(value, str) else int(value)
    return _other(value, where, depth=depth)


def _float(value: float) -> Any:
    if math.isfinite(value):
        return (
            {TAG: "float", "value": "-0"} if value == 0 and math.copysign(1, value) < 0 else value
        )
    name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return {TAG: "float", "value": name}


def _key(key: object, where: str) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    raise _invalid(f"given a key of type {type(key).__name__}; allowed: text", where)


def _base64(data: Any) -> str:
    from base64 import b64encode

    return b64encode(data).decode("ascii")


def _other(value: Any, where: str, *, depth: int) -> Any:
    """Return the tree of a value that JSON has no form for: arrays, records, dates, paths."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        if isinstance(value, numpy.generic) and value.dtype.kind in "biuf":
            return _tree(value.item(), where, depth=depth)
        if value.dtype.kind in "biufc":
            return _array(numpy.ascontiguousarray(value), list(value.shape))
    if isinstance(value, memoryview):
        return {TAG: "bytes", "base64": _base64(value)}
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
        return _tree(fields, where, depth=depth)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "__fspath__"):
        return value.__fspath__()
    if type(value).__name__ in ("UUID", "Decimal", "Fraction"):
        return str(value)
    message = f"given a value of type {type(value).__name__}, which JSON has no form for"
    raise _invalid(message, where)


def _invalid(problem: str, where: str) -> Exception:
    from snakeden.errors import InvalidValueError

    return InvalidValueError(problem, where)


def _array(array: Any, shape: list[int]) -> Any:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return {
        TAG: "array",
        "dtype": little.dtype.str,
        "shape": shape,
        "base64": _base64(little.tobytes()),
    }
