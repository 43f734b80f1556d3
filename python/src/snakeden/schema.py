"""Check and convert the arguments of a tool from its type hints.

The quick way decodes JSON text straight into a msgspec struct with one field for each parameter.
When that fails, the slow way converts field by field and names every issue.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from snakeden import values
from snakeden.convert import converter_of, dec_hook, is_native
from snakeden.errors import ArgumentsError, InvalidValueError, Issue
from snakeden.hints import REQUIRED, Signature, read_signature
from snakeden.issues import MAX_ISSUES, explain
from snakeden.json_schema import input_schema, output_schema
from snakeden.type_name import type_name

__all__ = ["ToolSchema"]

Arguments = tuple[Sequence[Any], dict[str, Any]]

_NO_KEYWORDS: dict[str, Any] = {}


class ToolSchema:
    """What one tool takes and gives, with everything worked out at load."""

    def __init__(self, tool: str, function: Callable[..., Any]) -> None:
        """Read the hints of `function`.

        Raises:
            AdapterError: The signature cannot be called with named arguments.
        """
        self._tool = tool
        self._signature: Signature = read_signature(function, tool)
        parameters = self._signature.parameters
        self.streams: bool = self._signature.streams
        self.input_schema: str = input_schema(self._signature)
        self.output_schema: str = output_schema(self._signature)
        self._names = [parameter.name for parameter in parameters]
        self._converters = [converter_of(parameter.hint) for parameter in parameters]
        self._extra = (
            None
            if self._signature.extra_hint is REQUIRED
            else converter_of(self._signature.extra_hint)
        )
        positional = [it.name for it in parameters if not it.by_keyword]
        self._positional = len(positional)
        self._keywords = tuple(self._names[self._positional :])
        self._struct = self._make_struct()
        self._decode = (
            None
            if self._struct is None
            else msgspec.json.Decoder(self._struct, dec_hook=dec_hook).decode
        )

    def _make_struct(self) -> type[msgspec.Struct] | None:
        """One field a parameter; None where msgspec cannot check all of them."""
        fields: list[Any] = []
        for name, hint, default, _ in self._signature.parameters:
            if not is_native(hint):
                return None
            if default is REQUIRED:
                fields.append((name, hint))
            else:
                fields.append((name, hint, msgspec.field(default_factory=_constant(default))))
        if self._extra is not None:
            return None
        try:
            return msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
        except Exception:  # A name that a struct cannot have.
            return None

    def parse(self, json: bytes, tagged: bool, buffers: Sequence[bytes | memoryview]) -> Arguments:
        """Positional and keyword arguments to call the tool with.

        Raises:
            ArgumentsError: With an issue for every bad field.
            InvalidValueError: The value itself is broken.
        """
        if not json:
            json = b"{}"
        if self._decode is not None and self._struct is not None:
            try:
                if tagged:
                    tree = values.decode(json, True, buffers)
                    struct = msgspec.convert(tree, self._struct, dec_hook=dec_hook)
                else:
                    struct = self._decode(json)
            except RecursionError:
                raise InvalidValueError(
                    "nested deeper than this Python's stack allows", "args"
                ) from None
            except InvalidValueError:
                raise
            except Exception:
                return self._parse_fields(values.decode(json, tagged, buffers))
            arguments = msgspec.structs.astuple(struct)
            if not self._keywords:
                return arguments, _NO_KEYWORDS
            split = self._positional
            return arguments[:split], dict(zip(self._keywords, arguments[split:], strict=True))
        return self._parse_fields(values.decode(json, tagged, buffers))

    def _parse_fields(self, tree: Any) -> Arguments:
        """Field by field, collecting what is wrong."""
        if type(tree) is not dict:
            message = f"has to be an object of named arguments, got {_json_kind(tree)}"
            raise ArgumentsError(self._tool, [Issue("args", message)])
        issues: list[Issue] = []
        converted: list[Any] = []
        for parameter, converter in zip(self._signature.parameters, self._converters, strict=True):
            if parameter.name not in tree:
                if parameter.default is REQUIRED:
                    issues.append(Issue(f"args.{parameter.name}", "is missing"))
                converted.append(parameter.default)
                continue
            value = tree[parameter.name]
            converted.append(
                self._convert(value, converter, parameter.hint, f"args.{parameter.name}", issues)
            )
        known = set(self._names)
        extra: dict[str, Any] = {}
        for name, value in tree.items():
            if name in known:
                continue
            if self._extra is None:
                issues.append(Issue(f"args.{name}", self._unknown(name)))
            else:
                extra[name] = self._convert(
                    value, self._extra, self._signature.extra_hint, f"args.{name}", issues
                )
        if issues:
            raise ArgumentsError(self._tool, issues[:MAX_ISSUES])
        split = self._positional
        return converted[:split], {
            **dict(zip(self._keywords, converted[split:], strict=True)),
            **extra,
        }

    @staticmethod
    def _convert(
        value: Any, converter: Callable[[Any], Any], hint: Any, path: str, issues: list[Issue]
    ) -> Any:
        try:
            return converter(value)
        except Exception as error:
            before = len(issues)
            explain(value, hint, path, issues)
            if len(issues) == before:
                issues.append(Issue(path, str(error)))
            return None

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._names, n=3, cutoff=0.6)
        if near:
            return f"is no argument of '{self._tool}'; did you mean {' or '.join(near)}?"
        takes = ", ".join(self._names) if self._names else "no arguments"
        return f"is no argument of '{self._tool}', which takes {takes}"


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def _json_kind(value: Any) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(
        type(value), "a number" if isinstance(value, (int, float)) else type_name(type(value))
    )
