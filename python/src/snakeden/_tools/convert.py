"""Convert values from the link to the types of hints.

msgspec does the work. Values come as JSON text (the quick way) or as a tree that has buffers and
numbers beyond JSON in it; one form of the hint (hints/forms.py) and one hook serve both, so the
rules are the same.
"""

from __future__ import annotations

import functools
import sys
import typing
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

from snakeden._tools.hints.forms import native_form
from snakeden._tools.hints.parts import is_model, part_of
from snakeden._tools.hints.unknown_fields import unknown_form
from snakeden._tools.loosen import loosen
from snakeden._values import arrays
from snakeden._values.text_classes import is_text_class
from snakeden._values.type_name import type_name

__all__ = ["Converter", "converter_of", "dec_hook"]

Converter = Callable[[Any], Any]


def converter_of(hint: Any) -> Converter:
    """Return a function that converts a value to `hint`, or raises `msgspec.ValidationError`."""
    exact = exact_converter_of(hint)

    def convert(value: Any) -> Any:
        try:
            return exact(value)
        except msgspec.ValidationError:
            loose = loosen(value, hint, fits=fits)
            if loose is value:
                raise
            return exact(loose)

    return convert


def fits(value: Any, hint: Any) -> bool:
    """Return whether `hint` accepts the value unchanged."""
    try:
        exact_converter_of(hint)(value)
    except Exception:
        return False
    return True


def exact_converter_of(hint: Any) -> Converter:
    """Return what `converter_of` does, without the second try (loosen.py)."""
    try:
        # The text is part of the key, since unions are equal whatever the order of their members.
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
    if is_model(kind):
        return kind.model_validate(value)  # type: ignore[attr-defined]
    if kind is PathLike and isinstance(value, str):
        return Path(value)
    try:
        if isinstance(value, kind):
            return value
    except TypeError:  # A Protocol that cannot be checked.
        return value
    if is_text_class(kind) and isinstance(value, str):
        return _made(kind, value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, numpy.ndarray):
        return arrays.from_list(value, hint)
    if kind is complex or (numpy is not None and issubclass(kind, numpy.generic)):
        return _number(kind, value)
    raise TypeError(f"Expected `{type_name(kind)}`, got `{type_name(type(value))}`")


def _number(kind: type, value: Any) -> Any:
    """Convert to a complex number or a numpy scalar, by the rules of Python's type of that kind."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.ndarray) and value.ndim == 0:
            value = value.item()  # As complex numbers come.
        for scalar, plain in ((numpy.bool_, bool), (numpy.integer, int), (numpy.floating, float)):
            if issubclass(kind, scalar):
                return _made(kind, msgspec.convert(value, plain))
    is_complex = kind is complex or (numpy is not None and issubclass(kind, numpy.complexfloating))
    if is_complex and type(value) in (int, float, complex):
        return kind(value)
    raise TypeError(f"Expected `{type_name(kind)}`, got `{type_name(type(value))}`")


def _made(kind: Any, value: Any) -> Any:
    try:
        return kind(value)
    except ArithmeticError as error:  # Such as more than an int8 holds.
        raise ValueError(str(error)) from None
