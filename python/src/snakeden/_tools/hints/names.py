"""Resolve the names in annotations, each on its own, and name hints."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["key_of", "resolve"]


def resolve(owner: type | Callable[..., Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return the own annotations of a class or a function as types.

    A name that is imported only for type checkers makes its own annotation Any, and leaves the
    others intact.
    """
    annotations: dict[str, Any] = {}
    try:
        annotations = dict(inspect.get_annotations(owner))
    except Exception:  # Python 3.14 evaluates annotations when they are read, and may fail then.
        return annotations
    resolved: dict[str, Any] = {}
    for name, annotation in annotations.items():
        holder = type("_Holder", (), {"__annotations__": {name: annotation}})
        try:
            resolved.update(typing.get_type_hints(holder, dict(scope), include_extras=True))
        except Exception:
            resolved[name] = Any
    return resolved


def key_of(hint: Any) -> Any:
    """Return a key for a hint in a dict."""
    try:
        hash(hint)
    except TypeError:  # Metadata that cannot be hashed.
        return repr(hint)
    return hint
