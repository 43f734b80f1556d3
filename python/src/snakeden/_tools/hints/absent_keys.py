"""The keys that an object from Python may lack.

A schema made for arguments says which keys a caller may leave out: those with a default. In a
result, an object of a class has all its fields, whatever their defaults.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any

import msgspec

from snakeden._tools.hints.class_fields import fields_of, is_fielded, is_typed_dict
from snakeden._tools.hints.forms import inner_hints, union_members
from snakeden._tools.hints.parts import ClassPart, part_of

__all__ = ["absent_keys", "require_keys"]

Schema = dict[str, Any]


def absent_keys(forms: Iterable[Any]) -> dict[str, set[str]]:
    """Return the keys that objects may lack, by the name of their class, for all classes in the
    forms.
    """
    absent: dict[str, set[str]] = {}
    seen: list[Any] = []
    waiting = list(forms)
    while waiting:
        form = waiting.pop()
        if form in seen:
            continue
        seen.append(form)
        waiting.extend(inner_hints(form))
        part = part_of(form)
        if part is not None:
            waiting.extend(part.inner)
        hint = part.source if isinstance(part, ClassPart) else form
        if is_fielded(hint):
            kind = typing.get_origin(hint) or hint
            absent.setdefault(kind.__name__, set()).update(_keys(hint, is_typed_dict(kind)))
    return absent


def _keys(hint: Any, may_lack: bool) -> Iterable[str]:
    for field in fields_of(hint):
        is_unset = msgspec.UnsetType in union_members(field.hint)
        if is_unset or (may_lack and not field.required):
            yield field.key


def require_keys(component: Schema, absent: dict[str, set[str]]) -> None:
    """Make the schema of a class require all keys but those in `absent`."""
    title = component.get("title")
    if title not in absent:
        return
    if "properties" in component:
        required = [key for key in component["properties"] if key not in absent[title]]
        if required:
            component["required"] = required
    if "prefixItems" in component:
        component["minItems"] = len(component["prefixItems"])
