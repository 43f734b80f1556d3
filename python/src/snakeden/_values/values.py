"""Values on the link: a JSON tree and buffers beside it. The twin of src/bridge/values/values.ts.

Most values are *plain*: JSON has a form for all their parts. `encode` finds that out in one quick
walk, and passes such a tree to msgspec unchanged. Only a tree with a part that needs a tag
({"$snakeden": ...}) or a conversion is rebuilt, in lowering.py.

Depth counts containers: `[]` has depth 1, `[[]]` has 2, a scalar has 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, Final, NamedTuple

import msgspec

from snakeden._values import arrays
from snakeden._values.input_handle import OpenInput
from snakeden._values.lowering import MAX_SAFE_INTEGER, TAG, Lowering
from snakeden.errors import InvalidValueError, ResultTooLargeError
from snakeden.files.file import file_from_host

__all__ = ["DEFAULT_MAX_DEPTH", "Encoded", "ValueLimits", "decode", "encode"]

DEFAULT_MAX_DEPTH: Final = 200

_dumps = msgspec.json.Encoder().encode
_loads = msgspec.json.Decoder().decode
_TEXTLIKE = frozenset({str, bool, type(None)})
_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf"), "-0": -0.0}


class ValueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a value."""

    max_bytes: int = 0
    """The limit of JSON and buffers together; 0 for none."""
    max_depth: int = DEFAULT_MAX_DEPTH
    """The deepest nesting of containers."""
    max_list_items: int = 0
    """The most numbers in arrays that are sent as lists; 0 for any."""


class Encoded(NamedTuple):
    """An encoded value: the fields of the message `Value`."""

    json: bytes
    tagged: bool
    buffers: Sequence[bytes | memoryview]
    """A memoryview must be contiguous and one of bytes. Its memory must not change until it was
    sent.
    """

    @property
    def size(self) -> int:
        """The size of the JSON text and the buffers together, in bytes."""
        return len(self.json) + sum(map(len, self.buffers))


def encode(
    value: object,
    *,
    max_depth: int = DEFAULT_MAX_DEPTH,
    max_bytes: int = 0,
    where: str = "result",
    buffers: list[bytes | memoryview] | None = None,
    max_list_items: int | None = None,
) -> Encoded:
    """Encode any Python value.

    Args:
        value: Any value. A part that cannot be serialized becomes a marker with the name of its
            type.
        max_depth: The deepest nesting of containers that is allowed.
        max_bytes: The limit of JSON and buffers together, in bytes; 0 for none.
        where: The name of the value in error texts.
        buffers: The list to add buffers to, if several trees share one.
        max_list_items: Sends arrays as lists of at most this many numbers in all; 0 for any number.
            None sends arrays as buffers.

    Raises:
        InvalidValueError: If the value is nested too deep or has a cycle, or if JSON has no form
            for a key.
        ResultTooLargeError: If the value exceeds `max_bytes` or `max_list_items`.
    """
    try:
        if _is_plain(value, max_depth):
            json = _dumps(value)
            if 0 < max_bytes < len(json):
                raise ResultTooLargeError(len(json), max_bytes, what=where)
            return Encoded(json, False, ())
    except (UnicodeEncodeError, RecursionError):
        pass  # The slow way mends the first, and words the second with a path.
    lowering = Lowering(
        max_depth, max_bytes, where=where, buffers=buffers, max_list_items=max_list_items
    )
    try:
        json = _dumps(lowering.lower_root(value))
    except RecursionError:
        raise InvalidValueError(
            f"nested deeper than this Python's stack allows (limit {max_depth})", where
        ) from None
    encoded = Encoded(json, lowering.tagged, lowering.buffers)
    if 0 < max_bytes < encoded.size:
        raise ResultTooLargeError(encoded.size, max_bytes, what=where)
    return encoded


def _is_plain(value: Any, depth: int) -> bool:
    """Return whether JSON has a form for all parts of `value`, within `depth` levels."""
    kind = type(value)
    if kind in _TEXTLIKE:
        return True
    if kind is int:
        return bool(-MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER)
    if kind is float:
        return isfinite(value)
    if kind is dict:
        if depth <= 0:
            return False
        if not value:
            return True
        if set(map(type, value)) != {str} or TAG in value:
            return False
        items = value.values()
    elif kind is list or kind is tuple:
        if depth <= 0:
            return False
        items = value
    else:
        return False
    kinds = set(map(type, items))
    if kinds <= _TEXTLIKE:
        return True
    if len(kinds) == 1:
        if int in kinds:
            return bool(min(items) >= -MAX_SAFE_INTEGER and max(items) <= MAX_SAFE_INTEGER)
        if float in kinds:
            # A finite sum proves that all are finite. An infinite sum does not: it may have
            # overflowed.
            return isfinite(sum(items)) or all(map(isfinite, items))
    depth -= 1
    return all(_is_plain(item, depth) for item in items)


def decode(encoded: Encoded, where: str = "args", *, open_input: OpenInput | None = None) -> Any:
    """Decode a value from the link. Without `open_input`, it may have no input streams.

    Arrays become read-only numpy arrays on the memory of their buffer. Without numpy they become
    memoryviews with format and shape: of raw bytes for float16 and complex numbers, for which
    memoryview has no format, and one-dimensional if the array is empty.

    Raises:
        InvalidValueError: If the link does not allow such a value.
    """
    try:
        tree = _loads(encoded.json)
        return _Lifting(encoded.buffers, open_input).lift(tree, where) if encoded.tagged else tree
    except RecursionError:
        raise InvalidValueError("nested deeper than this Python's stack allows", where) from None
    except msgspec.DecodeError as error:
        raise InvalidValueError(f"not JSON: {error}", where) from None
    except UnicodeDecodeError as error:
        raise InvalidValueError(f"not UTF-8: {error}", where) from None


class _Lifting:
    """A tree that is being decoded, with the buffers that its tags refer to."""

    __slots__ = ("_buffers", "_open_input")

    def __init__(self, buffers: Sequence[bytes | memoryview], open_input: OpenInput | None) -> None:
        self._buffers = buffers
        self._open_input = open_input

    def lift(self, node: Any, where: str) -> Any:
        """Replace tagged leaves with their values, in place."""
        if type(node) is dict:
            if TAG in node:
                return self._lift_tag(node, where)
            return self._lift_items(node, where)
        if type(node) is list:
            for index, item in enumerate(node):
                if type(item) is dict or type(item) is list:
                    node[index] = self.lift(item, f"{where}[{index}]")
        return node

    def _lift_items(self, node: dict[str, Any], where: str) -> dict[str, Any]:
        for key, item in node.items():
            if type(item) is dict or type(item) is list:
                node[key] = self.lift(item, f"{where}.{key}")
        return node

    def _lift_tag(self, node: dict[str, Any], where: str) -> Any:
        tag = node[TAG]
        if tag == "unserializable":
            return node
        try:
            if tag == "int":
                return _integer(node["value"])
            if tag == "float":
                return _FLOATS[node["value"]]
            if tag == "bytes":
                # Does not copy what is already bytes.
                return bytes(self._buffer(node["buffer"]))
            if tag == "array":
                return arrays.lift(node["dtype"], node["shape"], data=self._buffer(node["buffer"]))
            if tag == "file":
                return file_from_host(node)
            if tag == "input" and self._open_input is not None:
                return self._open_input(int(node["id"]), where=where)
            if tag == "object" and type(node["value"]) is dict:
                return self._lift_items(node["value"], where)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise InvalidValueError(f"a broken {TAG} tag {tag!r}: {error!r}", where) from None
        raise InvalidValueError(f"an unknown {TAG} tag {tag!r}", where)

    def _buffer(self, index: object) -> bytes | memoryview:
        if type(index) is not int or not 0 <= index < len(self._buffers):
            raise ValueError(f"buffer {index!r} of {len(self._buffers)}")
        return self._buffers[index]


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        # int() refuses more than 4300 digits. Decimal does not, but it also accepts other
        # spellings, so those are excluded first.
        if not text.removeprefix("-").isdecimal():
            raise
        return int(Decimal(text))
