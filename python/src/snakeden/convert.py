"""Turn what came from the link into what a type hint asks for.

msgspec does the work. Values come as JSON text (the quick way) or as a tree that has buffers and
numbers beyond JSON in it; one form of the hint (hint_forms.py) and one hook serve both, so that the
rules are the same.
"""

from __future__ import annotations

import functools
import sys
import typing
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import msgspec

from snakeden.hint_forms import native_form
from snakeden.hint_parts import is_pydantic, part_of, pydantic_adapter
from snakeden.loosen import loosen
from snakeden.type_name import type_name
from snakeden.unknown_fields import unknown_form

__all__ = ["Converter", "converter_of", "dec_hook"]

Converter = Callable[[Any], Any]


def converter_of(hint: Any) -> Converter:
    """What converts a value to `hint`; it raises `msgspec.ValidationError` for a value that does
    not fit.
    """
    exact = exact_converter_of(hint)

    def convert(value: Any) -> Any:
        try:
            return exact(value)
        except msgspec.ValidationError:
            loose = loosen(value, hint, fits, {})
            if loose is value:
                raise
            return exact(loose)

    return convert


def fits(value: Any, hint: Any) -> bool:
    """Whether `hint` takes the value as it is."""
    try:
        exact_converter_of(hint)(value)
    except Exception:
        return False
    return True


def exact_converter_of(hint: Any) -> Converter:
    """As `converter_of`, without the second try (loosen.py)."""
    try:
        # With its text: unions are equal whatever the order of their members.
        return _cached(hint, str(hint))
    except TypeError:  # Metadata that cannot be hashed.
        return _converter(hint)


def _converter(hint: Any) -> Converter:
    form = native_form(hint)
    if form is Any:
        return _same
    unknown = unknown_form(form, Any)

    def convert(value: Any) -> Any:
        converted = msgspec.convert(value, form, dec_hook=dec_hook, str_keys=True)
        if unknown is not Any:
            msgspec.convert(value, unknown, str_keys=True)
        return converted

    return convert


@functools.lru_cache(maxsize=1024)
def _cached(hint: Any, _text: str) -> Converter:
    return _converter(hint)


def _same(value: Any) -> Any:
    return value


def _to(hint: Any, value: Any) -> Any:
    return exact_converter_of(hint)(value)


def dec_hook(hint: Any, value: Any) -> Any:
    """Convert to a type that msgspec does not know.

    ValueError and TypeError become issues of the field.
    """
    part = part_of(hint)
    if part is not None:
        return part.convert(value, _to)
    kind = typing.get_origin(hint) or hint
    if not isinstance(kind, type):
        return value
    if is_pydantic(kind):
        return _pydantic(kind)(value)
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


@functools.lru_cache(maxsize=256)
def _pydantic(kind: type) -> Converter:
    validate = getattr(kind, "model_validate", None)
    if callable(validate):
        return validate  # type: ignore[no-any-return]
    return pydantic_adapter(kind).validate_python  # type: ignore[no-any-return]


def _array(numpy: Any, hint: Any, value: Any) -> Any:
    """An array of bytes (which are uint8) or of a list of numbers, which a client without buffers
    sends.
    """
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
        raise ValueError("Expected an array or a list of numbers; some items are no numbers")
    return array
