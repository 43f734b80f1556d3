"""Values on the link: a JSON tree plus buffers beside it. The twin of src/bridge/values/values.ts.

Most values are *plain*: JSON says all of them. `encode` decides that by one quick walk and hands
the tree to msgspec as it is. Only when something in it needs a tag ({"$snakeden": ...}) or a
conversion is the tree rebuilt, in lowering.py.

Depth counts containers: 1 is `[]`, 2 is `[[]]`. A scalar has depth 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, Final, NamedTuple

import msgspec

from snakeden._values import arrays
from snakeden._values.lowering import MAX_SAFE_INTEGER, TAG, Lowering
from snakeden.errors import InvalidValueError, ResultTooLargeError

__all__ = ["DEFAULT_MAX_DEPTH", "Encoded", "ValueLimits", "decode", "encode"]

DEFAULT_MAX_DEPTH: Final = 200

_dumps = msgspec.json.Encoder().encode
_loads = msgspec.json.Decoder().decode
_TEXTLIKE = frozenset({str, bool, type(None)})
_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf"), "-0": -0.0}


class ValueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How large a value may be."""

    max_bytes: int = 0
    """Limit of JSON and buffers together; 0 for none."""
    max_depth: int = DEFAULT_MAX_DEPTH
    """Deepest nesting of containers."""


class Encoded(NamedTuple):
    """A value as the link has it: the fields of the message `Value`."""

    json: bytes
    tagged: bool
    buffers: Sequence[bytes | memoryview]
    """Views are of bytes and contiguous; what they show has to stay as it is until it was sent."""

    @property
    def size(self) -> int:
        """Bytes of the JSON text and the buffers together."""
        return len(self.json) + sum(map(len, self.buffers))


def encode(
    value: object,
    *,
    max_depth: int = DEFAULT_MAX_DEPTH,
    max_bytes: int = 0,
    where: str = "result",
    buffers: list[bytes | memoryview] | None = None,
) -> Encoded:
    """Encode any Python value.

    Args:
        value: Anything; what cannot be serialized becomes a marker that names its type.
        max_depth: Deepest nesting of containers that is let through.
        max_bytes: Limit of JSON and buffers together, in bytes; 0 for none.
        where: What the value is, for error texts.
        buffers: Where to put the buffers, when several trees share one list.

    Raises:
        InvalidValueError: Nested too deep (a cycle counts as that), or a key that JSON has no form
            for. ResultTooLargeError: Over `max_bytes`.
    """
    try:
        if _is_plain(value, max_depth):
            json = _dumps(value)
            if 0 < max_bytes < len(json):
                raise ResultTooLargeError(len(json), max_bytes, what=where)
            return Encoded(json, False, ())
    except (UnicodeEncodeError, RecursionError):
        pass  # The slow way mends the first, and words the second with a path.
    lowering = Lowering(max_depth, max_bytes, where=where, buffers=buffers)
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
    """Whether JSON alone says everything of `value` within `depth` levels."""
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
            # A sum of finite floats may overflow, so only its being finite settles the matter.
            return isfinite(sum(items)) or all(map(isfinite, items))
    depth -= 1
    return all(_is_plain(item, depth) for item in items)


def decode(encoded: Encoded, where: str = "args") -> Any:
    """Decode a value from the link.

    Arrays come as read-only numpy arrays on the memory of their buffer when numpy is there;
    otherwise as a memoryview cast to format and shape (of raw bytes for float16 and complex, which
    memoryview lacks; 1-d when the array is empty).

    Raises:
        InvalidValueError: Not what the link's format allows.
    """
    try:
        tree = _loads(encoded.json)
        return _Lifting(encoded.buffers).lift(tree, where) if encoded.tagged else tree
    except RecursionError:
        raise InvalidValueError("nested deeper than this Python's stack allows", where) from None
    except msgspec.DecodeError as error:
        raise InvalidValueError(f"not JSON: {error}", where) from None
    except UnicodeDecodeError as error:
        raise InvalidValueError(f"not UTF-8: {error}", where) from None


class _Lifting:
    """One tree being lifted: what its tags refer to."""

    __slots__ = ("_buffers",)

    def __init__(self, buffers: Sequence[bytes | memoryview]) -> None:
        self._buffers = buffers

    def lift(self, node: Any, where: str) -> Any:
        """Replace tagged leaves by what they stand for, in place."""
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
                # No copy where they are bytes already.
                return bytes(self._buffer(node["buffer"]))
            if tag == "array":
                return arrays.lift(node["dtype"], node["shape"], data=self._buffer(node["buffer"]))
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
        # int() refuses more than 4300 digits; Decimal does not, and takes other spellings, so look
        # first.
        if not text.removeprefix("-").isdecimal():
            raise
        return int(Decimal(text))
