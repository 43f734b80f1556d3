"""Turn what came from the link into what a type hint asks for.

msgspec does the work; this adds what it does not know (numpy, pydantic, paths, unions of anything).
"""

from __future__ import annotations

import re
import sys
import types
import typing
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Union

import msgspec

from snakeden.type_name import type_name

__all__ = ["Converter", "converter_of", "dec_hook", "is_native", "is_pydantic", "union_members"]

_AT = re.compile(r" - at `\$([^`]*)`")

Converter = Callable[[Any], Any]


def converter_of(hint: Any) -> Converter:
    """What converts a value to `hint`; it raises `msgspec.ValidationError` for a value that does
    not fit.
    """
    if hint is Any or hint is object:
        return _same
    if is_native(hint):
        return lambda value: msgspec.convert(value, hint, dec_hook=dec_hook)
    members = union_members(hint)
    if members:
        return _union(members)
    return _same  # A hint that nobody can check, such as a Protocol of another library.


def is_native(hint: Any) -> bool:
    """Whether msgspec can check `hint`, with the help of `dec_hook`."""
    try:
        msgspec.json.Decoder(hint, dec_hook=dec_hook)
    except Exception:  # TypeError for most, NameError and others for broken hints inside classes.
        return False
    return True


def union_members(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or nothing."""
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) in (Union, types.UnionType):
        return typing.get_args(hint)
    return ()


def _same(value: Any) -> Any:
    return value


def _union(members: tuple[Any, ...]) -> Converter:
    converters = [converter_of(member) for member in members]

    def convert(value: Any) -> Any:
        problems: list[str] = []
        for converter in converters:
            try:
                return converter(value)
            except msgspec.ValidationError as error:
                # Reworded, so that the path of one member is not taken for that of the whole.
                problems.append(_AT.sub(r" (at \1)", str(error)))
        raise msgspec.ValidationError("; or ".join(dict.fromkeys(problems)))

    return convert


def is_pydantic(kind: Any) -> bool:
    """Whether `kind` is a pydantic model.

    Does not import pydantic: a model exists only when it is loaded.
    """
    pydantic = sys.modules.get("pydantic")
    base = getattr(pydantic, "BaseModel", None)
    return base is not None and isinstance(kind, type) and issubclass(kind, base)


def dec_hook(hint: Any, value: Any) -> Any:
    """Convert to a type that msgspec does not know.

    ValueError and TypeError become issues of the field.
    """
    kind = typing.get_origin(hint) or hint
    if not isinstance(kind, type):
        return value
    if is_pydantic(kind):
        return kind.model_validate(value)  # type: ignore[attr-defined]
    try:
        if isinstance(value, kind):
            return value
    except TypeError:  # A Protocol that cannot be checked.
        return value
    if issubclass(kind, PurePath) and isinstance(value, str):
        return kind(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if issubclass(kind, numpy.ndarray):
            return _array(numpy, hint, value)
        if issubclass(kind, numpy.generic) and isinstance(value, (bool, int, float)):
            return kind(value)
    raise TypeError(f"Expected `{type_name(kind)}`, got `{type_name(type(value))}`")


def _array(numpy: Any, hint: Any, value: Any) -> Any:
    """A list of numbers as an array: what a client without buffers sends."""
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
        raise ValueError("Expected an array or a list of numbers; some items are no numbers")
    return array
