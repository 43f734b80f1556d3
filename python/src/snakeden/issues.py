"""Say everything that is wrong with a value that a hint refuses, not only what was found first.

Runs only after a conversion has failed, so it may take its time.
"""

from __future__ import annotations

import enum
import re
import reprlib
import typing
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from snakeden.convert import converter_of, is_pydantic, union_members
from snakeden.errors import Issue

__all__ = ["MAX_ISSUES", "explain"]

MAX_ISSUES: Final = 50

_AT = re.compile(r"^(?P<text>.*) - at `\$(?P<rest>[^`]*)`$", re.DOTALL)
_CONTAINER_MODULES = ("builtins", "collections", "collections.abc", "typing")
_FIELDED = (
    msgspec.inspect.DataclassType,
    msgspec.inspect.StructType,
    msgspec.inspect.TypedDictType,
)


def explain(value: Any, hint: Any, path: str, issues: list[Issue]) -> None:
    """Add to `issues` what makes `hint` refuse `value`; nothing when it does not."""
    if len(issues) >= MAX_ISSUES:
        return
    try:
        converter_of(hint)(value)
    except msgspec.ValidationError as error:
        before = len(issues)
        _explain_parts(value, _bare(hint), path, issues)
        if len(issues) == before:
            issues.append(_choice(value, _bare(hint), path) or _from_msgspec(error, path))
    except Exception as error:
        if not _explain_pydantic(error, path, issues):
            issues.append(Issue(path, f"{type(error).__name__}: {error}"))


def _bare(hint: Any) -> Any:
    """The hint without Annotated, and the one member other than None of an Optional."""
    while True:
        if typing.get_origin(hint) is typing.Annotated:
            hint = typing.get_args(hint)[0]
            continue
        members = [member for member in union_members(hint) if member is not type(None)]
        if len(members) != 1:
            return hint
        hint = members[0]


def _explain_parts(value: Any, hint: Any, path: str, issues: list[Issue]) -> None:
    origin = typing.get_origin(hint) or hint
    arguments = typing.get_args(hint)
    if is_pydantic(origin):
        try:
            origin.model_validate(value)
        except Exception as error:
            _explain_pydantic(error, path, issues)
    elif isinstance(value, list) and isinstance(origin, type) and arguments:
        if not issubclass(origin, Collection) or issubclass(origin, Mapping):
            return
        if origin.__module__ not in _CONTAINER_MODULES:
            return
        items: tuple[Any, ...] = (arguments[0],) * len(value)
        if issubclass(origin, tuple) and arguments[-1] is not Ellipsis:
            items = arguments if len(arguments) == len(value) else ()
        for index, item_hint in enumerate(items):
            explain(value[index], item_hint, f"{path}[{index}]", issues)
    elif isinstance(value, dict):
        if len(arguments) == 2 and isinstance(origin, type) and issubclass(origin, Mapping):
            for key, item in value.items():
                explain(item, arguments[1], f"{path}.{key}", issues)
        else:
            _explain_fields(value, hint, origin, path, issues)


def _explain_fields(
    value: dict[str, Any], hint: Any, origin: Any, path: str, issues: list[Issue]
) -> None:
    try:
        info = msgspec.inspect.type_info(hint)
        if not isinstance(info, _FIELDED):
            return
        hints = typing.get_type_hints(origin, include_extras=True)
    except Exception:
        return
    for field in info.fields:
        if field.encode_name in value:
            field_hint = hints.get(field.name, Any)
            if typing.get_origin(field_hint) in (typing.ClassVar,):
                continue
            explain(
                value[field.encode_name],
                _unwrapped(field_hint),
                f"{path}.{field.encode_name}",
                issues,
            )
        elif field.required:
            issues.append(Issue(f"{path}.{field.encode_name}", "is missing"))


def _unwrapped(hint: Any) -> Any:
    """The hint inside Required[...] and NotRequired[...]."""
    name = getattr(typing.get_origin(hint), "_name", "")
    return typing.get_args(hint)[0] if name in ("Required", "NotRequired", "ReadOnly") else hint


def _choice(value: Any, hint: Any, path: str) -> Issue | None:
    """What a Literal or an Enum allows."""
    if typing.get_origin(hint) is typing.Literal:
        choices = list(typing.get_args(hint))
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        choices = [member.value for member in hint]
    else:
        return None
    allowed = ", ".join(map(repr, choices[:20])) + (", ..." if len(choices) > 20 else "")
    return Issue(path, f"has to be one of {allowed}; got {reprlib.repr(value)}")


def _explain_pydantic(error: Exception, path: str, issues: list[Issue]) -> bool:
    errors = getattr(error, "errors", None)
    if not callable(errors) or not type(error).__module__.startswith("pydantic"):
        return False
    for entry in errors()[: MAX_ISSUES - len(issues)]:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in entry["loc"])
        issues.append(Issue(path + "".join(steps), entry["msg"]))
    return True


def _from_msgspec(error: msgspec.ValidationError, path: str) -> Issue:
    match = _AT.match(str(error))
    if match is None:
        return Issue(path, str(error))
    return Issue(path + match["rest"], match["text"])
