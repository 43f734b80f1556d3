"""Describe the arguments and the result of a tool as JSON Schema (2020-12)."""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator
from io import IOBase
from os import PathLike
from pathlib import PurePath
from typing import Any, Final

import msgspec

from snakeden._tools.hints.absent_keys import absent_keys, require_keys
from snakeden._tools.hints.declarations import HintError
from snakeden._tools.hints.file_part import FILE_INPUT, FILE_OUTPUT
from snakeden._tools.hints.forms import inner_hints, native_form
from snakeden._tools.hints.input_part import INPUT_KEY
from snakeden._tools.hints.parts import (
    Part,
    is_pydantic,
    part_of,
    pydantic_adapter,
    pydantic_output_schema,
    pydantic_schema,
)
from snakeden._tools.hints.signature import REQUIRED, Parameter, Signature
from snakeden._values.text_classes import is_text_class
from snakeden.files.file import File

__all__ = ["input_schema", "output_schema"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REF: Final = "#/$defs/{name}"
_PART: Final = "$part"
_ANYTHING: Final = "$anything"  # For msgspec a missing schema is an error.

Schema = dict[str, Any]


def input_schema(signature: Signature) -> str:
    """Return the object schema of the arguments as JSON text."""
    hints = [parameter.hint for parameter in signature.parameters]
    takes_more = signature.extra_hint is not REQUIRED
    schemas, definitions = _schemas([*hints, signature.extra_hint] if takes_more else hints, True)
    properties = {
        parameter.key: _with_default(_mend(schema, _as_input), parameter)
        for parameter, schema in zip(signature.parameters, schemas, strict=False)
    }
    schema: Schema = {"$schema": DIALECT, "type": "object", "properties": properties}
    required = [it.key for it in signature.parameters if it.default is REQUIRED]
    if required:
        schema["required"] = required
    more = (_mend(schemas[-1], _as_input) or True) if takes_more else False
    schema["additionalProperties"] = more
    if definitions:
        schema["$defs"] = _mend(definitions, _as_input)
    return msgspec.json.encode(schema).decode()


def output_schema(signature: Signature, *, lists: bool = False) -> str:
    """Return the schema of the result or of one chunk as JSON text; empty without a hint. With
    `lists`, arrays are sent as lists of numbers.
    """
    leaf = _as_lists if lists else _as_output
    if signature.result_hint is REQUIRED:
        return ""
    schemas, definitions = _schemas([signature.result_hint], False)
    schema = _mend(schemas[0], leaf)
    if not schema:
        return ""
    schema = {"$schema": DIALECT, **schema}
    if definitions:
        schema["$defs"] = _mend(definitions, leaf)
    return msgspec.json.encode(schema).decode()


def _schemas(hints: list[Any], closed: bool) -> tuple[list[Schema], Schema]:
    """Return the schema of each hint, and the schemas of their classes. With `closed`, classes take
    no unknown fields.
    """
    forms = [_form(hint) for hint in hints]
    parts: dict[Part, list[Any]] = {}
    definitions: Schema = {}
    waiting = list(forms)
    while waiting:
        for part in _parts_in(waiting.pop()):
            if part not in parts:
                parts[part] = [_form(it) for it in part.inner]
                waiting.extend(parts[part])
    inner = [it for held in parts.values() for it in held]
    numbers = {part: n for n, part in enumerate(parts)}

    def hook(hint: Any) -> Schema:
        part = part_of(hint)
        if part is None:
            return _foreign(hint, definitions, closed=closed) or {_ANYTHING: True}
        return {_PART: numbers[part]}

    # Made together, so that classes of the same name in two modules get two names.
    try:
        schemas, components = msgspec.json.schema_components(
            [*forms, *inner], schema_hook=hook, ref_template=_REF
        )
    except Exception:
        if len(hints) == 1:
            return [{}], {}
        each = [_schemas([hint], closed) for hint in hints]
        merged = {name: it for _, found in each for name, it in found.items()}
        return [schemas[0] for schemas, _ in each], merged
    if closed:
        for component in components.values():
            if "properties" in component:
                component.setdefault("additionalProperties", False)
    else:
        absent = absent_keys(forms)
        for component in components.values():
            require_keys(component, absent)
    assembly = _Assembly(
        list(parts),
        parts,
        schemas=list(schemas[len(forms) :]),
        definitions=definitions,
        closed=closed,
    )
    definitions.update({name: assembly.fill(it) for name, it in components.items()})
    return [assembly.fill(it) for it in schemas[: len(forms)]], definitions


class _Assembly:
    """Puts the schemas of parts in their places."""

    def __init__(
        self,
        parts: list[Part],
        forms: dict[Part, list[Any]],
        *,
        schemas: list[Schema],
        definitions: Schema,
        closed: bool,
    ) -> None:
        self._parts = parts
        self._closed = closed
        self._definitions = definitions
        self._inner = {part: [schemas.pop(0) for _ in forms[part]] for part in parts}
        self._made: dict[Part, Schema] = {}
        self._open: list[Part] = []

    def fill(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.fill(it) for it in node]
        if not isinstance(node, dict):
            return node
        if _PART not in node:
            return {key: self.fill(it) for key, it in node.items() if key != _ANYTHING}
        rest = {key: it for key, it in node.items() if key != _PART}
        return {**self._part(self._parts[node[_PART]]), **rest}

    def _part(self, part: Part) -> Schema:
        if part in self._open:
            return {}  # It contains itself, and is not described further.
        if part not in self._made:
            self._open.append(part)
            inner = [self.fill(it) for it in self._inner[part]]
            self._open.pop()
            made = part.schema(inner) if self._closed else part.output_schema(inner)
            self._definitions.update(made.pop("$defs", {}))
            self._made[part] = made
        return self._made[part]


def _form(hint: Any) -> Any:
    try:
        return native_form(hint)
    except HintError:  # Only for the hint of a result, which is not checked.
        return Any


def _parts_in(form: Any) -> Iterator[Part]:
    """Return the parts in a form, and in the Structs that stand for its classes."""
    seen: list[Any] = []
    waiting = [form]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.append(current)
        part = part_of(current)
        if part is not None:
            yield part
        waiting.extend(inner_hints(current))


def _foreign(hint: Any, definitions: Schema, *, closed: bool) -> Schema:
    """Return the schema of a type that msgspec does not know: that of pydantic or of an array,
    else one that allows anything.
    """
    kind = typing.get_origin(hint) or hint
    if is_pydantic(kind):
        adapter = pydantic_adapter(kind)
        schema = pydantic_schema(adapter) if closed else _pydantic_output(adapter, kind)
        definitions.update(schema.pop("$defs", {}))
        return schema
    if kind is File:
        return FILE_INPUT if closed else FILE_OUTPUT
    if closed and isinstance(kind, type) and issubclass(kind, IOBase):
        return FILE_INPUT
    if is_text_class(kind):
        is_path = closed and issubclass(kind, PurePath)
        return {"anyOf": [{"type": "string"}, FILE_INPUT]} if is_path else {"type": "string"}
    if kind is PathLike and closed:
        return {"anyOf": [{"type": "string"}, FILE_INPUT]}
    torch = sys.modules.get("torch")
    tensor = getattr(torch, "Tensor", None)
    if not closed and tensor is not None and isinstance(kind, type) and issubclass(kind, tensor):
        return {"title": "ndarray"}
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(kind, type):
        if issubclass(kind, numpy.ndarray):
            return {"title": "ndarray"}
        if issubclass(kind, numpy.bool_):
            return {"type": "boolean"}
        if issubclass(kind, numpy.integer):
            return {"type": "integer"}
        if issubclass(kind, numpy.floating):
            return {"type": "number"}
    return {}


def _pydantic_output(adapter: Any, kind: Any) -> Schema:
    try:
        return pydantic_output_schema(adapter, kind)
    except Exception:  # A serializer of the model has no schema.
        return pydantic_schema(adapter)


def _with_default(schema: Schema, parameter: Parameter) -> Schema:
    if parameter.default is REQUIRED or "default" in schema:
        return schema
    try:
        plain = msgspec.to_builtins(parameter.default, builtin_types=())
        msgspec.json.encode(plain)
    except Exception:
        return schema
    return {**schema, "default": plain}


def _tagged(tag: str, **properties: Schema) -> Schema:
    return {
        "title": "bytes" if tag == "bytes" else "ndarray",
        "type": "object",
        "properties": {"$snakeden": {"const": tag}, **properties},
        "required": ["$snakeden", *properties],
    }


_BYTES = _tagged("bytes")
_ARRAY = _tagged(
    "array",
    dtype={"type": "string"},
    shape={"type": "array", "items": {"type": "integer", "minimum": 0}},
)


def _as_input(schema: Schema) -> Schema:
    """Allow tagged leaves for bytes and arrays, and base64 text and lists from clients without
    buffers.
    """
    if schema.get("contentEncoding") == "base64":
        return {"anyOf": [schema, _BYTES, FILE_INPUT]}
    if _is_array(schema):
        return {**schema, "anyOf": [_ARRAY, {"type": "array"}]}
    return schema


def _as_output(schema: Schema) -> Schema:
    """Describe bytes and arrays as tagged leaves. What an input stream may be, a result is not."""
    if INPUT_KEY in schema:
        plain = {key: it for key, it in schema.items() if key != INPUT_KEY}
        return {key: _mend(it, _as_output) for key, it in plain.items()}
    if schema.get("contentEncoding") == "base64":
        return _BYTES
    return {**schema, **_ARRAY} if _is_array(schema) else schema


def _as_lists(schema: Schema) -> Schema:
    """Describe bytes as tagged leaves, and arrays as lists."""
    return {**schema, "type": "array"} if _is_array(schema) else _as_output(schema)


def _is_array(schema: Schema) -> bool:
    return schema.get("title") == "ndarray" and "type" not in schema


def _mend(node: Any, leaf: Any) -> Any:
    if isinstance(node, list):
        return [_mend(item, leaf) for item in node]
    if not isinstance(node, dict):
        return node
    mended = leaf(node)
    if mended is not node:
        return mended
    return {key: _mend(item, leaf) for key, item in node.items()}
