"""Rebuild a tree so that it can be written as JSON: with tags for values that JSON has no form for,
and conversions for all other types.

The slow half of values.py. The function that lowers a type is looked up once and remembered.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import struct
import sys
import uuid
from collections import UserList, UserString, deque
from collections.abc import Iterable, KeysView, Mapping, Sequence, Set, ValuesView
from decimal import Decimal
from math import isfinite
from types import SimpleNamespace
from typing import Any, Final

import msgspec

from snakeden._values import arrays, own_methods, tables
from snakeden._values.durations import iso_duration
from snakeden._values.lowerer import Lowerer, Tree
from snakeden._values.number_lists import extent, number_list
from snakeden._values.text_classes import is_text_class
from snakeden._values.type_name import type_name
from snakeden.errors import InvalidValueError, ListTooLongError, ResultTooLargeError
from snakeden.files.file import FILE_KEY, File
from snakeden.files.new_file import NewBinaryFile, NewTextFile

__all__ = ["MAX_SAFE_INTEGER", "TAG", "Lowering"]

TAG: Final = "$snakeden"
MAX_SAFE_INTEGER: Final = 2**53 - 1
_MAX_REMEMBERED_TYPES: Final = 4096
_MAX_PATH: Final = 200


class _Problem(Exception):  # noqa: N818 - never leaves this module
    """The reason why a value cannot be lowered. Each container around it puts its own step in front
    of `path`.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.path = ""


class Lowering:
    """A tree that is being lowered: its buffers so far, and whether it has tags."""

    __slots__ = (
        "_bytes",
        "_items",
        "_max_bytes",
        "_max_depth",
        "_max_list_items",
        "_where",
        "buffers",
        "tagged",
    )

    def __init__(
        self,
        max_depth: int,
        max_bytes: int,
        *,
        where: str,
        buffers: list[bytes | memoryview] | None = None,
        max_list_items: int | None = None,
    ) -> None:
        self.buffers: list[bytes | memoryview] = [] if buffers is None else buffers
        self.tagged = False
        self._max_depth = max_depth
        self._max_bytes = max_bytes
        self._where = where
        self._bytes = sum(map(len, self.buffers))
        self._max_list_items = max_list_items
        self._items = 0

    def lower_root(self, value: object) -> Any:
        """Lower a whole value.

        Raises:
            InvalidValueError: If a part cannot be sent; the text names its path.
            ResultTooLargeError: If the buffers alone exceed the limit, or lists are too long.
        """
        try:
            return self.lower(value, self._max_depth)
        except _Problem as problem:
            path = problem.path
            if len(path) > _MAX_PATH:
                path = f"{path[:_MAX_PATH]}..."
            raise InvalidValueError(problem.text, self._where + path) from None

    def lower(self, value: Any, depth: int) -> Any:
        """Lower a part of the tree that may nest `depth` more levels of containers."""
        kind = type(value)
        lowerer = _LOWERERS.get(kind)
        if lowerer is None:
            lowerer = _find(kind)
            if len(_LOWERERS) < _MAX_REMEMBERED_TYPES:
                _LOWERERS[kind] = lowerer
        return lowerer(self, value, depth)

    def enter(self, depth: int) -> int:
        """Enter a container. Returns the number of levels that may still be nested in it."""
        if depth <= 0:
            raise _Problem(f"nested deeper than {self._max_depth}")
        return depth - 1

    def tag(self, kind: str, **fields: object) -> dict[str, object]:
        """Return a tagged leaf."""
        self.tagged = True
        return {TAG: kind, **fields}

    def array(
        self, dtype: str, shape: Sequence[int], *, data: bytes | memoryview, depth: int
    ) -> Any:
        """Return an array whose bytes were reserved: a tagged leaf, or lists of numbers."""
        limit = self._max_list_items
        if limit is None:
            return self.tag("array", dtype=dtype, shape=list(shape), buffer=self.attach(data))
        self._bytes -= len(data)
        self._items += extent(shape)
        if 0 < limit < self._items:
            raise ListTooLongError(self._items, limit, what=self._where)
        for _ in shape:
            depth = self.enter(depth)
        return number_list(dtype, shape, data=data, lower=lambda it: self.lower(it, depth))

    def reserve(self, nbytes: int) -> None:
        """Refuse a buffer that would go over the limit, before it is copied."""
        self._bytes += nbytes
        if 0 < self._max_bytes < self._bytes:
            raise ResultTooLargeError(self._bytes, self._max_bytes, what=self._where)

    def expect(self, nbytes: int) -> None:
        """Refuse a value that needs at least this many bytes of JSON, before the JSON is made."""
        if 0 < self._max_bytes < self._bytes + nbytes:
            raise ResultTooLargeError(self._bytes + nbytes, self._max_bytes, what=self._where)

    def refuse(self, text: str) -> Exception:
        """Return the error for a value that cannot be sent; callers add its path."""
        return _Problem(text)

    def key(self, key: Any) -> str:
        """Return the text of a key, for every type whose value is sent as one text or number.

        Keys have no table of their own, so a type that is added for values also works for keys.
        Text and integers, the most frequent keys, take a shortcut.
        """
        kind = type(key)
        if kind is str:
            return _text(self, key, 0)
        if kind is int and -MAX_SAFE_INTEGER <= key <= MAX_SAFE_INTEGER:
            return repr(key)
        tagged = self.tagged
        lowered = self.lower(key, self._max_depth)
        self.tagged = tagged
        if type(lowered) is dict and lowered.get(TAG) in ("int", "float"):
            lowered = lowered["value"]
        if type(lowered) is str:
            return lowered
        if lowered is None or lowered is True or lowered is False:
            return _CONSTANTS[lowered]
        if type(lowered) in (int, float):
            return repr(lowered)
        raise _Problem(
            f"a key of type {type_name(type(key))}; keys must be text, numbers, or values that are "
            "sent as text"
        )

    def pairs(self, items: Iterable[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        """Lower a mapping with keys and values of any type."""
        depth = self.enter(depth)
        out: dict[str, Any] = {}
        name = ""
        count = 0
        for key, item in items:
            name = self.key(key)
            count += 1
            try:
                out[name] = self.lower(item, depth)
            except _Problem as problem:
                problem.path = f".{name}{problem.path}"
                raise
            if len(out) != count:
                raise _Problem(f"two keys that are both {name!r} as text")
        return self.tag("object", value=out) if TAG in out else out

    def attach(self, data: bytes | memoryview) -> int:
        """Add a buffer whose size was reserved. A memoryview must be one of bytes. Returns its
        index.
        """
        self.buffers.append(data)
        return len(self.buffers) - 1


def _same(_self: Tree, value: Any, _depth: int) -> Any:
    return value


def _text(_self: Tree, value: str, _depth: int) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        # As in JavaScript's TextEncoder: surrogate pairs are joined, lone surrogates become U+FFFD.
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _integer(self: Tree, value: int, _depth: int) -> Any:
    if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return value
    try:
        digits = str(value)
    except ValueError:  # More digits than str() lets through; Decimal has no such limit.
        digits = format(Decimal(value), "f")
    return self.tag("int", value=digits)


def _float(self: Tree, value: float, _depth: int) -> Any:
    if isfinite(value):
        return value
    return self.tag(
        "float", value="NaN" if value != value else f"{'-' if value < 0 else ''}Infinity"
    )


def _list(self: Tree, value: Iterable[Any], depth: int) -> list[Any]:
    depth = self.enter(depth)
    lower = self.lower
    out: list[Any] = []
    try:
        for item in value:
            out.append(lower(item, depth))
    except _Problem as problem:
        problem.path = f"[{len(out)}]{problem.path}"
        raise
    return out


def _range(self: Tree, value: range, depth: int) -> list[Any]:
    # Not len(value), which has a largest value. Each number needs a digit and a comma.
    self.expect(2 * max(0, (value.stop - value.start) // value.step))
    return _list(self, value, depth)


def _mapping(self: Tree, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    return self.pairs(value.items(), depth)


def _iso(_self: Tree, value: datetime.date | datetime.time, _depth: int) -> str:
    return value.isoformat()


def _duration(_self: Tree, value: datetime.timedelta, _depth: int) -> str:
    return iso_duration((value.days * 86_400 + value.seconds) * 10**6 + value.microseconds, 10**6)


def _as_str(self: Tree, value: Any, _depth: int) -> str:
    return _text(self, str.__str__(str(value)), 0)


def _complex(self: Tree, value: complex, depth: int) -> Any:
    """Lower to an array of rank 0, since arrays have a form for complex numbers."""
    data = struct.pack("<dd", value.real, value.imag)
    self.reserve(len(data))
    return self.array("<c16", (), data=data, depth=depth)


def _dataclass(self: Tree, value: Any, depth: int) -> Any:
    return self.pairs(((f.name, getattr(value, f.name)) for f in dataclasses.fields(value)), depth)


def _struct(self: Tree, value: msgspec.Struct, depth: int) -> Any:
    config = value.__struct_config__
    items: dict[str, Any] = {}
    if config.tag is not None:
        items[config.tag_field or "type"] = config.tag
    for field, name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
        item = getattr(value, field)
        if item is not msgspec.UNSET:
            items[name] = item
    return _list(self, items.values(), depth) if config.array_like else _mapping(self, items, depth)


def _attrs(self: Tree, value: Any, depth: int) -> Any:
    fields = type(value).__attrs_attrs__
    return self.pairs(((it.name, getattr(value, it.name)) for it in fields), depth)


def _file(_self: Tree, value: File, _depth: int) -> Any:
    return {FILE_KEY: value.id, "name": value.name, "bytes": value.bytes}


def _new_file(self: Tree, value: NewBinaryFile | NewTextFile, depth: int) -> Any:
    try:
        return _file(self, value.file, depth)
    except RuntimeError as error:
        raise _Problem(str(error)) from None


_CONSTANTS: Final = {None: "null", True: "true", False: "false"}

_LOWERERS: dict[type, Lowerer] = {
    type(None): _same,
    bool: _same,
    int: _integer,
    float: _float,
    complex: _complex,
    str: _text,
    list: _list,
    tuple: _list,
    dict: _mapping,
    bytes: arrays.lower_bytes,
    bytearray: arrays.lower_bytes,
    memoryview: arrays.lower_foreign,
}

_BY_BASE: tuple[tuple[tuple[type, ...], Lowerer], ...] = (
    ((enum.Enum,), lambda self, value, depth: self.lower(value.value, depth)),
    ((int,), lambda self, value, depth: _integer(self, int.__index__(value), depth)),
    ((float,), lambda self, value, depth: _float(self, float.__float__(value), depth)),
    ((str,), lambda self, value, depth: _text(self, str.__str__(value), depth)),
    ((complex,), _complex),
    ((list, tuple, set, frozenset, deque, Set, KeysView, ValuesView, UserList), _list),
    ((range,), _range),
    ((bytes, bytearray), arrays.lower_bytes),
    ((datetime.date, datetime.time), _iso),
    ((datetime.timedelta,), _duration),
    ((uuid.UUID, Decimal, UserString), _as_str),
    ((msgspec.Struct,), _struct),
    ((File,), _file),
    ((NewBinaryFile, NewTextFile), _new_file),
    ((SimpleNamespace,), lambda self, value, depth: _mapping(self, vars(value), depth)),
)


def _find(kind: type) -> Lowerer:
    # Checked first, since NaT is also a datetime.
    pandas_lowerer = tables.pandas_lowerer(kind, sys.modules.get("pandas"))
    if pandas_lowerer is not None:
        return pandas_lowerer
    for bases, lowerer in _BY_BASE:
        if issubclass(kind, bases):
            return lowerer
    if is_text_class(kind):
        return _as_str
    numpy_lowerer = arrays.numpy_lowerer(kind, sys.modules.get("numpy"))
    if numpy_lowerer is not None:
        return numpy_lowerer
    if dataclasses.is_dataclass(kind):
        return _dataclass
    if hasattr(kind, "__attrs_attrs__"):
        return _attrs
    if hasattr(kind, "model_dump"):
        # The first option refuses what JSON cannot express, such as bytes that are not UTF-8.
        return own_methods.by_method("model_dump", {"mode": "json"}, {})
    if issubclass(kind, Mapping):
        return _mapping
    if hasattr(kind, "to_dicts"):  # polars
        return own_methods.sized("to_dicts")
    if hasattr(kind, "to_pylist"):  # pyarrow
        return own_methods.pylist
    if hasattr(kind, "as_py"):  # a scalar of pyarrow
        return own_methods.by_method("as_py")
    if hasattr(kind, "null_count") and hasattr(kind, "to_list"):  # a Series of polars
        return own_methods.column
    if hasattr(kind, "to_dict"):
        is_frame = kind.__name__ == "DataFrame"  # Of a library like pandas.
        return own_methods.by_method("to_dict", {"orient": "records"} if is_frame else {})
    if hasattr(kind, "_asdict"):
        return own_methods.by_method("_asdict")
    return arrays.lower_foreign
