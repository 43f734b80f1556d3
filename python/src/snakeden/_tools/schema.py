"""Check and convert the arguments of a tool from its type hints.

The quick way decodes JSON text straight into a msgspec struct with one field for each parameter.
When that fails, the slow way converts field by field and names every issue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from snakeden._tools.convert import converter_of, dec_hook
from snakeden._tools.file_arguments import FILE_MARK, Opened, place_files
from snakeden._tools.hints.declarations import HintError
from snakeden._tools.hints.forms import native_form
from snakeden._tools.hints.signature import REQUIRED, Signature, read_signature
from snakeden._tools.hints.unknown_fields import unknown_form
from snakeden._tools.issues import MAX_ISSUES, explain, near_or_all
from snakeden._tools.json_schema import input_schema, output_schema
from snakeden._values import values
from snakeden._values.input_handle import OpenInput
from snakeden._values.type_name import type_name
from snakeden._values.values import Encoded
from snakeden.errors import AdapterError, ArgumentsError, InvalidValueError, Issue

__all__ = ["ToolSchema"]

Arguments = tuple[Sequence[Any], dict[str, Any]]

_NO_KEYWORDS: dict[str, Any] = {}
_NO_DEFAULT: Any = msgspec.NODEFAULT


class ToolSchema:
    """The schemas and the converters of one tool, made when it is loaded."""

    def __init__(self, tool: str, function: Callable[..., Any], *, lists: bool = False) -> None:
        """Read the hints of `function`. With `lists`, arrays in its results are sent as lists.

        Raises:
            AdapterError: The signature cannot be called with named arguments.
        """
        self._tool = tool
        self._signature: Signature = read_signature(function, tool)
        parameters = self._signature.parameters
        forms = [self._form(f"parameter '{it.name}'", it.hint) for it in parameters]
        if self._signature.extra_hint is not REQUIRED:
            self._form("the values of its `**`", self._signature.extra_hint)
        self.streams: bool = self._signature.streams
        self.input_schema: str = input_schema(self._signature)
        self.output_schema: str = output_schema(self._signature, lists=lists)
        self._keys = [parameter.key for parameter in parameters]
        self._converters = [converter_of(parameter.hint) for parameter in parameters]
        self._extra = (
            None
            if self._signature.extra_hint is REQUIRED
            else converter_of(self._signature.extra_hint)
        )
        self._positional = sum(not it.by_keyword for it in parameters)
        self._keywords = tuple(it.name for it in parameters[self._positional :])
        self._struct: type[msgspec.Struct] | None = None
        self._decode: Callable[[bytes], Any] | None = None
        self._seek_unknown: Callable[[bytes], object] | None = None
        self._tree_seeker: type[msgspec.Struct] | None = None
        if self._extra is None:
            self._make_decoders(forms)

    def _form(self, where: str, hint: Any) -> Any:
        try:
            return native_form(hint)
        except HintError as error:
            raise AdapterError(f"tool '{self._tool}', {where}: {error}") from None

    def _make_decoders(self, forms: list[Any]) -> None:
        """Make a struct with a field for each parameter, if a struct can have their names."""
        parameters = self._signature.parameters
        fields = [
            (
                it.name,
                form,
                msgspec.field(
                    name=it.key,
                    default_factory=_NO_DEFAULT if it.default is REQUIRED else it.factory,
                ),
            )
            for it, form in zip(parameters, forms, strict=True)
        ]
        try:
            self._struct = msgspec.defstruct(
                "Arguments", fields, kw_only=True, forbid_unknown_fields=True
            )
            self._decode = msgspec.json.Decoder(self._struct, dec_hook=dec_hook).decode
        except Exception:
            self._struct = None
            return
        seeker = self._seeker(forms, msgspec.Raw)
        if seeker is not None:
            self._seek_unknown = msgspec.json.Decoder(seeker).decode
            self._tree_seeker = self._seeker(forms, Any)

    def _seeker(self, forms: list[Any], leaf: Any) -> type[msgspec.Struct] | None:
        """Return a twin of the struct that refuses unknown fields; None if there are no classes."""
        made: dict[Any, Any] = {}
        twins = [unknown_form(form, leaf, made=made) for form in forms]
        if all(it is leaf for it in twins):
            return None
        fields = [
            (it.name, twin, msgspec.field(name=it.key, default=None))
            for it, twin in zip(self._signature.parameters, twins, strict=True)
        ]
        return msgspec.defstruct("Arguments", fields, kw_only=True)

    def parse(
        self,
        json: bytes,
        tagged: bool,
        *,
        buffers: Sequence[bytes | memoryview] = (),
        open_input: OpenInput | None = None,
        opened: Opened = lambda _stream: None,
    ) -> Arguments:
        """Return the positional and keyword arguments of a call; `open_input` opens its streams,
        and `opened` takes the files that are opened for the tool.

        Raises:
            ArgumentsError: A field is wrong; there is an issue for each. Or a text is no JSON: the
                host passes those of items on unread.
            InvalidValueError: A value with tags, which the host has made, is broken.
        """
        if not json:
            json = b"{}"
        if tagged and FILE_MARK in json:
            encoded = Encoded(json, True, buffers)
            tree = values.decode(encoded, open_input=open_input)
            return self._parse_fields(self._place_files(tree, opened))
        if self._decode is None or self._struct is None:
            return self._parse_fields(self._tree(Encoded(json, tagged, buffers), open_input))
        try:
            if tagged:
                tree = values.decode(Encoded(json, True, buffers), open_input=open_input)
                struct = msgspec.convert(tree, self._struct, dec_hook=dec_hook, str_keys=True)
                if self._tree_seeker is not None:
                    msgspec.convert(tree, self._tree_seeker, str_keys=True)
            else:
                struct = self._decode(json)
                if self._seek_unknown is not None:
                    self._seek_unknown(json)
        except RecursionError:
            error = InvalidValueError("nested deeper than this Python's stack allows", "args")
            raise self._refusal(error, tagged=tagged) from None
        except InvalidValueError:
            raise
        except Exception:
            return self._parse_fields(self._tree(Encoded(json, tagged, buffers), open_input))
        arguments = msgspec.structs.astuple(struct)
        if not self._keywords:
            return arguments, _NO_KEYWORDS
        split = self._positional
        return arguments[:split], dict(zip(self._keywords, arguments[split:], strict=True))

    def _tree(self, encoded: Encoded, open_input: OpenInput | None) -> Any:
        try:
            return values.decode(encoded, open_input=open_input)
        except InvalidValueError as error:
            raise self._refusal(error, tagged=encoded.tagged) from None

    def _refusal(self, error: InvalidValueError, *, tagged: bool) -> ValueError:
        return error if tagged else ArgumentsError(self._tool, [Issue(error.where, error.problem)])

    def _place_files(self, tree: Any, opened: Opened) -> Any:
        """Give each file the form that its hint asks for."""
        if type(tree) is not dict:
            return tree
        more = Any if self._signature.extra_hint is REQUIRED else self._signature.extra_hint
        hints = {it.key: it.hint for it in self._signature.parameters}
        return {
            key: place_files(value, hints.get(key, more), opened=opened)
            for key, value in tree.items()
        }

    def _parse_fields(self, tree: Any) -> Arguments:
        """Convert field by field, and collect the issues."""
        if type(tree) is not dict:
            message = f"has to be an object of named arguments, got {_json_kind(tree)}"
            raise ArgumentsError(self._tool, [Issue("args", message)])
        issues: list[Issue] = []
        converted: list[Any] = []
        for parameter, converter in zip(self._signature.parameters, self._converters, strict=True):
            key = parameter.key
            if key not in tree:
                if parameter.default is REQUIRED:
                    issues.append(Issue(f"args.{key}", "is missing"))
                converted.append(parameter.factory())
                continue
            converted.append(
                self._convert(
                    tree[key], converter, hint=parameter.hint, path=f"args.{key}", issues=issues
                )
            )
        known = set(self._keys)
        extra: dict[str, Any] = {}
        for name, value in tree.items():
            if name in known:
                continue
            if self._extra is None:
                issues.append(Issue(f"args.{name}", self._unknown(name)))
            else:
                extra[name] = self._convert(
                    value,
                    self._extra,
                    hint=self._signature.extra_hint,
                    path=f"args.{name}",
                    issues=issues,
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
        value: Any, converter: Callable[[Any], Any], *, hint: Any, path: str, issues: list[Issue]
    ) -> Any:
        try:
            return converter(value)
        except Exception as error:
            before = len(issues)
            explain(value, hint, path=path, issues=issues)
            if len(issues) == before:
                issues.append(Issue(path, str(error)))
            return None

    def _unknown(self, name: str) -> str:
        takes = ", ".join(self._keys) or "no arguments"
        return f"is no argument of '{self._tool}'{near_or_all(name, self._keys, takes=takes)}"


def _json_kind(value: Any) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(
        type(value), "a number" if isinstance(value, (int, float)) else type_name(type(value))
    )
