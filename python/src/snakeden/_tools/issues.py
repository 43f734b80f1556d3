"""Name everything that is wrong with a value that a hint refuses, not only the first problem.

Runs only after a conversion has failed, so it may take its time.
"""

from __future__ import annotations

import difflib
import enum
import re
import reprlib
import sys
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from snakeden._tools.convert import converter_of
from snakeden._tools.hints.class_fields import allows_unknown, is_fielded
from snakeden._tools.hints.forms import declared_fields, plain_alias, union_members
from snakeden._tools.hints.parts import choices_of, is_enum, is_pydantic
from snakeden._values.input_handle import InputHandle
from snakeden.errors import Issue

__all__ = ["MAX_ISSUES", "explain", "near_or_all"]

MAX_ISSUES: Final = 50

_AT = re.compile(r"^(?P<text>.*) - at (?P<key>`key` in )?`\$(?P<rest>[^`]*)`$", re.DOTALL)
_CONTAINER_MODULES = ("builtins", "collections", "collections.abc", "typing")
_TYPED_ARRAYS: Final = {
    "<i2": "Int16Array",
    "<u2": "Uint16Array",
    "<i4": "Int32Array",
    "<u4": "Uint32Array",
    "<i8": "BigInt64Array",
    "<u8": "BigUint64Array",
    "<f4": "Float32Array",
    "<f8": "Float64Array",
    "|i1": "Int8Array",
    "|u1": "Uint8ClampedArray",
}


_NO_STREAM: Final = (
    "given an input stream, which this parameter does not take; allowed: a value of its type, or "
    "hint the parameter as Iterator[...] or AsyncIterator[...]"
)


def explain(value: Any, hint: Any, *, path: str, issues: list[Issue]) -> None:
    """Add an issue for each part of `value` that `hint` refuses."""
    if len(issues) >= MAX_ISSUES:
        return
    try:
        converter_of(hint)(value)
    except Exception as error:
        if isinstance(value, InputHandle):
            issues.append(Issue(path, _NO_STREAM))
            return
        before = len(issues)
        bare = _bare(hint)
        if union_members(bare) or not _explain_pydantic(value, error, path=path, issues=issues):
            _explain_parts(value, bare, path=path, issues=issues)
        if len(issues) == before and not _explain_pydantic(value, error, path=path, issues=issues):
            issues.append(_choice(value, bare, path=path) or _from_error(error, value, path=path))


def near_or_all(name: str, known: Sequence[str], *, takes: str) -> str:
    """Return the end of a sentence about a name that is not in `known`."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else f", which takes {takes}"


def _bare(hint: Any) -> Any:
    """Remove Annotated and aliases from a hint, and None from an Optional."""
    while True:
        plain = plain_alias(hint)
        if typing.get_origin(plain) is typing.Annotated:
            plain = typing.get_args(plain)[0]
        members = [member for member in union_members(plain) if member is not type(None)]
        if len(members) == 1:
            plain = members[0]
        if plain is hint:
            return hint
        hint = plain


def _explain_parts(value: Any, hint: Any, *, path: str, issues: list[Issue]) -> None:
    origin = typing.get_origin(hint) or hint
    arguments = typing.get_args(hint)
    if members := union_members(hint):
        closest = _closest(value, members)
        if closest is not None:
            explain(value, closest, path=path, issues=issues)
    elif is_fielded(hint):
        if not is_pydantic(origin):
            _explain_fields(value, hint, path=path, issues=issues)
    elif isinstance(value, list) and isinstance(origin, type) and arguments:
        if not issubclass(origin, Iterable) or issubclass(origin, Mapping):
            return
        if origin.__module__ not in _CONTAINER_MODULES:
            return
        items: tuple[Any, ...] = (arguments[0],) * len(value)
        if issubclass(origin, tuple) and arguments[-1] is not Ellipsis:
            items = arguments if len(arguments) == len(value) else ()
        for index, item_hint in enumerate(items):
            explain(value[index], item_hint, path=f"{path}[{index}]", issues=issues)
    elif isinstance(value, dict) and isinstance(origin, type) and issubclass(origin, Mapping):
        for key, item in value.items() if len(arguments) == 2 else ():
            explain(item, arguments[1], path=f"{path}.{key}", issues=issues)


def _closest(value: Any, members: Iterable[Any]) -> Any:
    """Return the member of a union that was probably meant: the one class with most of the fields
    of an object, or the one container for a list; None when no member stands out.
    """
    scores: dict[Any, int] = {}
    for member in members:
        bare = _bare(member)
        kind = typing.get_origin(bare) or bare
        if isinstance(value, dict) and is_fielded(bare) and not issubclass(kind, tuple):
            config = getattr(kind, "__struct_config__", None)
            if config is None or config.tag is None or value.get(config.tag_field) == config.tag:
                keys = {field.key for field in declared_fields(bare)}
                scores[member] = len(value.keys() & keys)
        elif isinstance(value, dict) and is_pydantic(kind):
            names = getattr(kind, "model_fields", {})
            keys = {info.alias or name for name, info in names.items()}
            scores[member] = len(value.keys() & keys)
        elif isinstance(value, (dict, list)) and isinstance(kind, type):
            of_kind = Mapping if isinstance(value, dict) else Collection
            if issubclass(kind, of_kind) and not issubclass(kind, (str, bytes)):
                scores[member] = int(isinstance(value, dict) == issubclass(kind, Mapping))
    best = max(scores.values(), default=0)
    closest = [member for member, score in scores.items() if score == best]
    return closest[0] if best > 0 and len(closest) == 1 else None


def _explain_fields(value: Any, hint: Any, *, path: str, issues: list[Issue]) -> None:
    fields = declared_fields(hint)
    kind = typing.get_origin(hint) or hint
    if isinstance(value, list) and issubclass(kind, tuple):
        for index, (item, field) in enumerate(zip(value, fields, strict=False)):
            explain(item, field.hint, path=f"{path}[{index}]", issues=issues)
    if not isinstance(value, dict) or issubclass(kind, tuple):
        return
    tag = getattr(getattr(kind, "__struct_config__", None), "tag_field", None)
    known = [field.key for field in fields]
    for field in fields:
        if field.key in value:
            explain(value[field.key], field.hint, path=f"{path}.{field.key}", issues=issues)
        elif field.required:
            issues.append(Issue(f"{path}.{field.key}", "is missing"))
    if allows_unknown(hint):
        return
    for key in value.keys() - {*known, tag}:
        end = near_or_all(key, known, takes=", ".join(known) or "no fields")
        issues.append(Issue(f"{path}.{key}", f"is not a field of `{kind.__name__}`{end}"))


def _choice(value: Any, hint: Any, *, path: str) -> Issue | None:
    """Return the values that a Literal or an Enum allows, as text."""
    if typing.get_origin(hint) is not typing.Literal and not is_enum(hint):
        return None
    choices = [it.value if isinstance(it, enum.Enum) else it for it in choices_of(hint)]
    allowed = ", ".join(map(repr, choices[:20])) + (", ..." if len(choices) > 20 else "")
    return Issue(path, f"has to be one of {allowed}; got {reprlib.repr(value)}")


def _explain_pydantic(value: Any, error: BaseException, *, path: str, issues: list[Issue]) -> bool:
    """Return the error of pydantic, if pydantic refused the value; msgspec wraps such errors."""
    while not type(error).__module__.startswith("pydantic"):
        # Errors deeper inside are found, with their path, by descending.
        if error.__cause__ is None or _AT.match(str(error)):
            return False
        error = error.__cause__
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return False
    for entry in errors()[: MAX_ISSUES - len(issues)]:
        issues.append(Issue(path + _steps(value, entry["loc"]), entry["msg"]))
    return True


def _steps(value: Any, loc: Sequence[Any]) -> str:
    """Return the place as a path in the value, without the members of unions that pydantic adds."""
    path = ""
    for index, step in enumerate(loc):
        if isinstance(value, dict) and (step in value or index == len(loc) - 1):
            path += f".{step}"
            value = value.get(step)
        elif isinstance(value, (list, tuple)) and isinstance(step, int):
            path += f"[{step}]"
            value = value[step] if step < len(value) else None
    return path


def _from_error(error: Exception, value: Any, *, path: str) -> Issue:
    match = _AT.match(str(error))
    text, rest = (str(error), "") if match is None else (match["text"], match["rest"])
    if match is not None and match["key"]:
        text = f"{text} as a key"
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        named = _TYPED_ARRAYS.get(value.dtype.str, "NdArray") if value.ndim == 1 else "NdArray"
        text = text.replace("`numpy.ndarray`", f"`{named}`")
    return Issue(path + rest, text)
