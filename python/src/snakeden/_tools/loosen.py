"""Convert values to related types that a hint accepts, where msgspec alone would refuse them.

Arrays and bytes become lists of numbers where the hint says list, one-byte arrays become bytes, and
whole floats become integers. Runs only where a conversion has failed, guided by the hint.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from snakeden._tools.hints.class_fields import is_fielded
from snakeden._tools.hints.forms import declared_fields, plain_alias, union_members
from snakeden._tools.hints.parts import is_pydantic
from snakeden._values import arrays, values

__all__ = ["loosen"]

_MODULES: Final = ("builtins", "collections", "collections.abc")
Fits = Callable[[Any, Any], bool]
_BYTES: Final = (bytes, bytearray, memoryview)


def loosen(value: Any, hint: Any, *, fits: Fits) -> Any:
    """Return `value` with parts replaced by related types that fit the hint; `value` itself when
    nothing was replaced. `fits` returns whether a hint accepts a value unchanged.
    """
    return _Loosening(fits).loosen(value, hint)


class _Loosening:
    """One value being loosened."""

    def __init__(self, fits: Fits) -> None:
        self._fits = fits
        # Results are kept, since a union that contains itself leads to the same values again.
        self._made: dict[tuple[int, str], Any] = {}

    def loosen(self, value: Any, hint: Any) -> Any:
        if not isinstance(value, (dict, list)):
            return self._loosen(value, hint)
        key = (id(value), str(hint))
        if key not in self._made:
            self._made[key] = self._loosen(value, hint)
        return self._made[key]

    def _loosen(self, value: Any, hint: Any) -> Any:
        hint = plain_alias(hint)
        while typing.get_origin(hint) is typing.Annotated:
            hint = plain_alias(typing.get_args(hint)[0])
        members = union_members(hint)
        if members:
            return self._loosen_union(value, members)
        kind = typing.get_origin(hint) or hint
        if not isinstance(kind, type):
            return value
        if issubclass(kind, int) and kind is not bool:
            return int(value) if type(value) is float and value.is_integer() else value
        if kind in _BYTES:
            return _as_bytes(value)
        numpy = sys.modules.get("numpy")
        if numpy is not None and issubclass(kind, numpy.ndarray):
            return _as_array(value, hint)
        if kind is msgspec.Raw:
            encoded = values.encode(value)
            return value if encoded.tagged else msgspec.Raw(encoded.json)
        if type(value) is dict:
            return self._loosen_dict(value, hint)
        items = _as_list(value) if _is_filled_from_list(kind) else None
        if items is None:
            return value
        if not typing.get_args(hint) and not is_fielded(hint):
            return items
        return self._loosen_items(items, hint)

    def _loosen_union(self, value: Any, members: tuple[Any, ...]) -> Any:
        if not any(self._fits(value, member) for member in members):
            for member in members:
                loose = self.loosen(value, member)
                if loose is not value and self._fits(loose, member):
                    return loose
        return value

    def _loosen_items(self, items: list[Any], hint: Any) -> Any:
        kind, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
        if is_fielded(hint):
            hints = [field.hint for field in declared_fields(hint)]
        elif issubclass(kind, tuple) and arguments[-1] is not Ellipsis:
            hints = list(arguments)
        else:
            if arguments[0] in (int, float) and items and set(map(type, items)) == {int}:
                return items
            hints = [arguments[0]] * len(items)
        loose = [self.loosen(item, of) for item, of in zip(items, hints, strict=False)]
        loose += items[len(hints) :]
        unchanged = all(new is old for new, old in zip(loose, items, strict=True))
        return items if unchanged else loose

    def _loosen_dict(self, value: dict[str, Any], hint: Any) -> Any:
        kind, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
        if is_pydantic(kind):
            fields = getattr(kind, "model_fields", {})
            hints = {info.alias or name: info.annotation for name, info in fields.items()}
        elif is_fielded(hint):
            hints = {field.key: field.hint for field in declared_fields(hint)}
        elif len(arguments) == 2:
            hints = dict.fromkeys(value, arguments[1])
        else:
            return value
        loose = {
            key: self.loosen(item, hints[key]) if key in hints else item
            for key, item in value.items()
        }
        return value if all(loose[key] is value[key] for key in value) else loose


def _is_filled_from_list(kind: type) -> bool:
    """Decide by module: an ndarray is a collection too, but accepts arrays and bytes unchanged."""
    if issubclass(kind, (str, dict)):
        return False
    return (kind.__module__ in _MODULES and issubclass(kind, Iterable)) or issubclass(kind, tuple)


def _as_list(value: Any) -> list[Any] | None:
    """Return the items of a list, of bytes or of an array; None for anything else."""
    if isinstance(value, list):
        return value
    if isinstance(value, bytes):
        return list(value)
    if isinstance(value, memoryview) or _is_array(value):
        items = value.tolist()
        return items if isinstance(items, list) else None
    return None


def _as_array(value: Any, hint: Any) -> Any:
    try:
        return arrays.from_list(value, hint)
    except (TypeError, ValueError):
        return value


def _as_bytes(value: Any) -> Any:
    """Return the bytes of an array with items of one byte, such as a Uint8ClampedArray."""
    if isinstance(value, memoryview) or (_is_array(value) and value.dtype.kind in "iu"):
        return value.tobytes() if value.itemsize == 1 else value
    return value


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)
