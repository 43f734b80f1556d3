"""JSON Schema (2020-12) of what a tool takes and gives, as far as its hints can be said in it."""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from snakeden.convert import is_pydantic, union_members
from snakeden.hints import REQUIRED, Parameter, Signature

__all__ = ["input_schema", "output_schema"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REF: Final = "#/$defs/{name}"

Schema = dict[str, Any]


def input_schema(signature: Signature) -> str:
    """JSON text of the object schema of the arguments."""
    definitions: Schema = {}
    hints = [parameter.hint for parameter in signature.parameters]
    schemas = _schemas(hints, definitions)
    properties = {
        parameter.name: _with_default(_mend(schema, _as_input), parameter)
        for parameter, schema in zip(signature.parameters, schemas, strict=True)
    }
    schema: Schema = {"$schema": DIALECT, "type": "object", "properties": properties}
    required = [it.name for it in signature.parameters if it.default is REQUIRED]
    if required:
        schema["required"] = required
    if signature.extra_hint is REQUIRED:
        schema["additionalProperties"] = False
    else:
        schema["additionalProperties"] = _schemas([signature.extra_hint], definitions)[0] or True
    if definitions:
        schema["$defs"] = _mend(definitions, _as_input)
    return msgspec.json.encode(schema).decode()


def output_schema(signature: Signature) -> str:
    """JSON text of the schema of the result or of one chunk; empty when the hints do not tell."""
    if signature.result_hint is REQUIRED:
        return ""
    definitions: Schema = {}
    schema = _mend(_schemas([signature.result_hint], definitions)[0], _as_output)
    if not schema:
        return ""
    schema = {"$schema": DIALECT, **schema}
    if definitions:
        schema["$defs"] = _mend(definitions, _as_output)
    return msgspec.json.encode(schema).decode()


def _schemas(hints: list[Any], definitions: Schema) -> list[Schema]:
    """The schema of each hint; classes go to `definitions`."""

    def hook(hint: Any) -> Schema:
        return _foreign(hint, definitions)

    try:
        # All at once, so that classes of the same name in two modules get two names.
        schemas, components = msgspec.json.schema_components(
            hints, schema_hook=hook, ref_template=_REF
        )
    except Exception:
        if len(hints) > 1:
            return [_schemas([hint], definitions)[0] for hint in hints]
        members = union_members(hints[0]) if hints else ()
        return [{"anyOf": _distinct(_schemas(list(members), definitions))}] if members else [{}]
    definitions.update(components)
    return list(schemas)


def _distinct(schemas: Iterable[Schema]) -> list[Schema]:
    out: list[Schema] = []
    for schema in schemas:
        if schema not in out:
            out.append(schema)
    return out


def _foreign(hint: Any, definitions: Schema) -> Schema:
    """A type that msgspec does not know: pydantic says its own, arrays are tagged, the rest may be
    anything.
    """
    kind = typing.get_origin(hint) or hint
    if is_pydantic(kind):
        schema: Schema = kind.model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(schema.pop("$defs", {}))
        return schema
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
    """Bytes and arrays come as tagged leaves, or as base64 text and lists from clients without
    buffers.
    """
    if schema.get("contentEncoding") == "base64":
        return {"anyOf": [schema, _BYTES]}
    if schema == {"title": "ndarray"}:
        return {"anyOf": [_ARRAY, {"type": "array"}]}
    return schema


def _as_output(schema: Schema) -> Schema:
    """Bytes and arrays go as tagged leaves."""
    if schema.get("contentEncoding") == "base64":
        return _BYTES
    return _ARRAY if schema == {"title": "ndarray"} else schema


def _mend(node: Any, leaf: Any) -> Any:
    if isinstance(node, list):
        return [_mend(item, leaf) for item in node]
    if not isinstance(node, dict):
        return node
    mended = leaf(node)
    if mended is not node:
        return mended
    return {key: _mend(item, leaf) for key, item in node.items()}
