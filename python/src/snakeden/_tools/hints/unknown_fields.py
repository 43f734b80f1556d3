"""Find the fields of a value that no class has.

msgspec drops such fields silently for dataclasses, TypedDicts and most Structs. They are found by a
twin of the hint, in which each class is a Struct that refuses unknown fields. That runs at the
speed of msgspec.
"""

from __future__ import annotations

import typing
from collections.abc import Collection
from typing import Any

from snakeden._tools.hints.class_fields import fields_of, is_fielded
from snakeden._tools.hints.forms import (
    is_mapping,
    joined,
    plain_alias,
    rebuilt,
    struct_like,
    union_members,
)
from snakeden._tools.hints.parts import part_of

__all__ = ["unknown_form"]


def unknown_form(form: Any, leaf: Any, *, made: dict[Any, Any] | None = None) -> Any:
    """Return the twin of a native form, with `leaf` in place of everything that is not a class;
    `leaf` itself when the form has no class. `made` holds the twins of the classes around it.
    """
    made = {} if made is None else made
    form = plain_alias(form)
    while typing.get_origin(form) is typing.Annotated:
        form = plain_alias(typing.get_args(form)[0])
    if part_of(form) is not None:
        return leaf  # The part finds them itself.
    if is_fielded(form):
        if form not in made:
            fields = fields_of(form)
            forms = [leaf] * len(fields)
            struct = struct_like(form, fields, forms=forms, defaults=[_nothing] * len(fields))
            made[form] = struct
            forms = [unknown_form(field.hint, leaf, made=made) for field in fields]
            struct.__annotations__ = {f"f{n}": it for n, it in enumerate(forms)}
        return made[form]
    members = union_members(form)
    origin, arguments = typing.get_origin(form), members or typing.get_args(form)
    if not members and not _is_container(origin):
        return leaf
    inner = [it if it is Ellipsis else unknown_form(it, leaf, made=made) for it in arguments]
    if all(it is leaf or it is Ellipsis for it in inner):
        return leaf
    if members:
        pairs = zip(members, inner, strict=True)
        return joined([member if it is leaf else it for member, it in pairs])
    if is_mapping(origin):
        return rebuilt(dict, [str, inner[1]])
    return rebuilt(tuple, inner) if origin is tuple else rebuilt(list, inner[:1])


def _is_container(origin: Any) -> bool:
    """Return whether msgspec fills the class itself."""
    return (
        isinstance(origin, type)
        and issubclass(origin, Collection)
        and origin.__module__ in ("builtins", "collections.abc")
    )


def _nothing() -> None:
    return None
