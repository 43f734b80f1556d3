"""Fields of the classes that a JSON object fills, with their hints resolved: dataclasses, Structs,
TypedDicts, named tuples and attrs classes.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from snakeden._tools.hints.names import resolve

__all__ = [
    "ClassField",
    "allows_unknown",
    "build",
    "class_hints",
    "fields_of",
    "is_fielded",
    "is_typed_dict",
    "is_unchecked_protocol",
]

_WRAPPERS: Final = ("Required", "NotRequired", "ReadOnly")


class ClassField(NamedTuple):
    """One field of a class."""

    name: str
    """The name of the field in the constructor."""
    key: str
    """The name of the field in JSON."""
    hint: Any
    required: bool
    default: Any = None
    """The default as written; a declaration such as pydantic's `Field()` is not evaluated."""
    by_constructor: bool = True
    """False for `field(init=False)`, which is set after the object is made."""


def is_fielded(hint: Any) -> bool:
    """Return whether `hint` is a class of one of these kinds, or a generic one with arguments."""
    kind = typing.get_origin(hint) or hint
    return isinstance(kind, type) and (
        issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or hasattr(kind, "__attrs_attrs__")
        or is_typed_dict(kind)
        or _is_named_tuple(kind)
    )


def allows_unknown(hint: Any) -> bool:
    """Return whether the class itself declares that it takes other keys (PEP 728)."""
    kind = typing.get_origin(hint) or hint
    # A class that declares nothing has `typing_extensions.NoExtraItems`.
    extra = repr(kind.__dict__.get("__extra_items__")).rpartition(".")[2]
    return (
        extra not in ("None", "NoExtraItems", "Never") or kind.__dict__.get("__closed__") is False
    )


def fields_of(hint: Any) -> list[ClassField]:
    """Return the fields in order. Hints that cannot be resolved count as Any."""
    kind = typing.get_origin(hint) or hint
    hints = class_hints(hint)
    if issubclass(kind, msgspec.Struct):
        return [
            ClassField(it.name, it.encode_name, hints.get(it.name, Any), it.required, it.default)
            for it in msgspec.structs.fields(kind)
        ]
    if dataclasses.is_dataclass(kind):
        return list(_of_dataclass(kind, hints))
    if hasattr(kind, "__attrs_attrs__"):
        nothing = sys.modules["attr"].NOTHING
        return [
            ClassField(
                it.alias if it.init else it.name,
                it.name,
                hints.get(it.name, Any),
                it.default is nothing,
                it.default,
                by_constructor=it.init,
            )
            for it in kind.__attrs_attrs__
        ]
    if _is_named_tuple(kind):
        defaults = kind._field_defaults
        return [
            ClassField(name, name, hints.get(name, Any), name not in defaults, defaults.get(name))
            for name in kind._fields
        ]
    return list(_of_typed_dict(kind, hints))


def build(hint: Any, fields: list[ClassField], *, values: list[Any]) -> Any:
    """Make an instance from the values of the fields; UNSET leaves the default to the class."""
    kind = typing.get_origin(hint) or hint
    given = [pair for pair in zip(fields, values, strict=True) if pair[1] is not msgspec.UNSET]
    if is_typed_dict(kind):
        return {field.key: value for field, value in given}
    made = kind(**{field.name: value for field, value in given if field.by_constructor})
    for field, value in given:
        if not field.by_constructor:
            object.__setattr__(made, field.name, value)
    return made


def class_hints(hint: Any) -> dict[str, Any]:
    """Return the hints of the fields, with the arguments of a generic class put in."""
    kind = typing.get_origin(hint) or hint
    bound: dict[Any, Any] = {}
    _bind(kind, typing.get_args(hint), bound=bound)
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        own = _own_hints(base)
        hints.update({name: _substituted(own[name], bound.get(base, {})) for name in own})
    return hints


def _bind(kind: Any, arguments: tuple[Any, ...], *, bound: dict[Any, Any]) -> None:
    """Collect the values of the type variables of the class and of each of its bases."""
    own = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
    bound[kind] = own
    for base in getattr(kind, "__orig_bases__", ()):
        origin = typing.get_origin(base)
        if isinstance(origin, type):
            _bind(origin, tuple(_substituted(it, own) for it in typing.get_args(base)), bound=bound)


def _substituted(hint: Any, bound: dict[Any, Any]) -> Any:
    if isinstance(hint, typing.TypeVar):
        return bound.get(hint, hint)
    free = getattr(hint, "__parameters__", ())
    if typing.get_origin(hint) is None or not any(it in bound for it in free):
        return hint
    return hint[tuple(bound.get(it, it) for it in free)]


def _own_hints(kind: type) -> dict[str, Any]:
    """Return the hints of this class alone: in its bases, the same type variables may have other
    values.
    """
    scope = dict(vars(sys.modules.get(kind.__module__, typing)))
    scope.update((it.__name__, it) for it in getattr(kind, "__type_params__", ()))
    scope[kind.__name__] = kind
    return resolve(kind, scope)


def _of_dataclass(kind: Any, hints: dict[str, Any]) -> Iterator[ClassField]:
    for it in kind.__dataclass_fields__.values():
        hint = hints.get(it.name, Any)
        if it._field_type is dataclasses._FIELD_INITVAR:  # type: ignore[attr-defined]
            hint = getattr(hint, "type", Any)
        elif it._field_type is not dataclasses._FIELD:  # type: ignore[attr-defined]
            continue
        missing = dataclasses.MISSING
        required = it.default is missing and it.default_factory is missing
        yield ClassField(it.name, it.name, hint, required, it.default, by_constructor=it.init)


def _of_typed_dict(kind: Any, hints: dict[str, Any]) -> Iterator[ClassField]:
    for name, hint in hints.items():
        required = name in kind.__required_keys__
        while (wrapper := getattr(typing.get_origin(hint), "_name", "")) in _WRAPPERS:
            # Under `from __future__ import annotations` the class itself does not know.
            required = {"Required": True, "NotRequired": False}.get(wrapper, required)
            hint = typing.get_args(hint)[0]
        yield ClassField(name, name, hint, required)


def is_typed_dict(kind: Any) -> bool:
    return issubclass(kind, dict) and hasattr(kind, "__required_keys__")


def _is_named_tuple(kind: Any) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def is_unchecked_protocol(hint: Any) -> bool:
    """Return whether `hint` is a Protocol whose members cannot be recognized at run time."""
    kind = typing.get_origin(hint) or hint
    return getattr(kind, "_is_protocol", False) and not getattr(kind, "_is_runtime_protocol", False)
