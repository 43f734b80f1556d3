"""The parts of hints that msgspec cannot check by itself.

Each part stands in the hint as a class of its own, so that msgspec checks everything around the
part and passes the value in its place to a hook: one union of two dataclasses in a list of lists
does not switch off any other check.
"""

from __future__ import annotations

import collections
import collections.abc
import enum
import functools
import re
import reprlib
import sys
import typing
from collections.abc import Callable
from typing import Any, ClassVar, Final

import msgspec

from snakeden._tools.hints.class_fields import ClassField, build
from snakeden._tools.hints.declarations import HintError
from snakeden.files.file import File

__all__ = [
    "BUILT_FROM",
    "AliasPart",
    "BuiltPart",
    "ChoicePart",
    "ClassPart",
    "KeyedPart",
    "Part",
    "PartHint",
    "PydanticPart",
    "UnionPart",
    "choices_of",
    "is_enum",
    "is_model",
    "is_pydantic",
    "part_of",
    "pydantic_adapter",
    "pydantic_output_schema",
    "pydantic_schema",
]

_PLACE: Final = re.compile(r" - at (`key` in )?`\$([^`]*)`$")

Schema = dict[str, Any]
Convert = Callable[[Any, Any], Any]
"""Converts a value, given second, to the hint given first."""


class Part:
    """A part of a hint, which converts values to that part."""

    name: str = "Part"
    inner: tuple[Any, ...] = ()
    """The hints inside the part, for its schema."""

    def convert(self, value: Any, to: Convert) -> Any:
        """Convert `value`, with the help of `to` for the hints inside.

        Raises:
            ValueError: It does not fit.
        """
        raise NotImplementedError

    def schema(self, inner: list[Schema]) -> Schema:
        """Return the JSON Schema, made from the schemas of `inner`."""
        raise NotImplementedError

    def output_schema(self, inner: list[Schema]) -> Schema:
        """Return the JSON Schema of a value from Python."""
        return self.schema(inner)

    def hint(self) -> type[PartHint]:
        """Return the class that stands for the part in a hint."""
        stand_in: type[PartHint] = _Standin(self.name, (PartHint,), {"part": self})  # type: ignore[assignment]
        return stand_in


class _Standin(type):
    """A metaclass that accepts every value, since the hook has converted it already."""

    def __instancecheck__(cls, _instance: object) -> bool:
        return True


class PartHint(metaclass=_Standin):
    """The base of the classes that stand for parts."""

    part: ClassVar[Part]


def part_of(hint: Any) -> Part | None:
    """Return the part that a hint stands for, or None."""
    return hint.part if isinstance(hint, type) and issubclass(hint, PartHint) else None


class UnionPart(Part):
    """A union whose members msgspec cannot tell apart; the first member that fits wins."""

    name = "Union"

    def __init__(self, members: tuple[Any, ...]) -> None:
        self.inner = members
        # Keyed by identity, with the value kept alive. Without it, a union that contains itself
        # would try all members again at each level for each member of the level above.
        self._tried: dict[int, tuple[Any, Any, str | None]] | None = None

    def convert(self, value: Any, to: Convert) -> Any:
        """Return the result of the first member that fits."""
        outermost = self._tried is None
        tried = self._tried = {} if self._tried is None else self._tried
        try:
            if id(value) not in tried:
                tried[id(value)] = (value, *self._try(value, to))
            _, converted, problem = tried[id(value)]
        finally:
            if outermost:
                self._tried = None
        if problem is not None:
            raise ValueError(problem)
        return converted

    def _try(self, value: Any, to: Convert) -> tuple[Any, str | None]:
        problems: list[str] = []
        for member in self.inner:
            try:
                return to(member, value), None
            except (msgspec.ValidationError, TypeError, ValueError) as error:
                # Reworded, since the path in one member would look like a path in the whole.
                problems.append(_PLACE.sub(r" (at \1`\2`)", str(error)))
        return None, "; or ".join(dict.fromkeys(problems))[:2_000]

    def schema(self, inner: list[Schema]) -> Schema:
        """Return a schema that allows each of the members."""
        return {"anyOf": [it for n, it in enumerate(inner) if it not in inner[:n]]}


class BuiltPart(Part):
    """A container that msgspec does not support, made from a list or a dict."""

    def __init__(self, kind: type, builtin: Any) -> None:
        self.name = kind.__name__
        self.inner = (builtin,)
        self._make = BUILT_FROM[kind][1]

    def convert(self, value: Any, to: Convert) -> Any:
        """Return the container."""
        return self._make(to(self.inner[0], value))

    def schema(self, inner: list[Schema]) -> Schema:
        """Return the schema of the list or dict."""
        return inner[0]


BUILT_FROM: Final[dict[Any, tuple[Any, Callable[[Any], Any]]]] = {
    collections.deque: (list, collections.deque),
    collections.abc.Reversible: (list, list),
    collections.abc.Container: (list, list),
    collections.OrderedDict: (dict, collections.OrderedDict),
    collections.Counter: (dict, collections.Counter),
}
"""The containers of `BuiltPart`: the source and the constructor of each."""


class ClassPart(Part):
    """A class with a field that msgspec cannot check: msgspec first fills a Struct in its place."""

    def __init__(self, hint: Any) -> None:
        """Leave `fields` and `inner`, the Struct, for later, since a class may contain itself."""
        self.name = getattr(hint, "__name__", "Class")
        self.fields: list[ClassField] = []
        self.source = hint

    def convert(self, value: Any, to: Convert) -> Any:
        """Return an instance, made by the constructor."""
        filled = to(self.inner[0], value)
        return build(self.source, self.fields, values=list(msgspec.structs.astuple(filled)))

    def schema(self, inner: list[Schema]) -> Schema:
        """Return the schema of the Struct."""
        return inner[0]


class KeyedPart(Part):
    """A dict with keys whose text in JSON is not what msgspec expects, such as `true`."""

    name = "dict"

    def __init__(self, key: Any, values: Any) -> None:
        self.inner = (values,)
        self._key = key

    def convert(self, value: Any, to: Convert) -> Any:
        """Return a dict with the keys converted from their text."""
        items = to(dict[str, self.inner[0]], value)  # type: ignore[name-defined]
        return {self._read(key, to): item for key, item in items.items()}

    def _read(self, key: str, to: Convert) -> Any:
        try:
            return to(self._key, key)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            problem = f"{error} - at the key {key!r}"
        try:
            return to(self._key, msgspec.json.decode(key))
        except (msgspec.DecodeError, TypeError, ValueError):
            raise ValueError(problem) from None

    def schema(self, inner: list[Schema]) -> Schema:
        """Return the schema of an object with any keys."""
        return {"type": "object", "additionalProperties": inner[0] or True}


class ChoicePart(Part):
    """A Literal or an Enum with values other than text and small integers."""

    def __init__(self, hint: Any) -> None:
        self._choices = choices_of(hint)
        self.name = getattr(hint, "__name__", "Literal")

    def convert(self, value: Any, _to: Convert) -> Any:
        """Return the choice with this plain value."""
        for choice in self._choices:
            plain = choice.value if isinstance(choice, enum.Enum) else choice
            plain = list(plain) if isinstance(plain, tuple) else plain
            both_bool = isinstance(plain, bool) == isinstance(value, bool)
            if both_bool and (plain is value or _equal(plain, value)):
                return choice
        raise ValueError(f"Expected one of the choices, got {reprlib.repr(value)}")

    def schema(self, _inner: list[Schema]) -> Schema:
        """Return an enum of the values that JSON has."""
        plain = [it.value if isinstance(it, enum.Enum) else it for it in self._choices]
        try:
            msgspec.json.encode(plain)
        except Exception:
            return {}
        return {"enum": plain}


class AliasPart(Part):
    """A type alias, which may contain itself."""

    def __init__(self, hint: Any) -> None:
        """Leave `inner` for later, when it is known."""
        self.name = getattr(hint, "__name__", "Alias")

    def convert(self, value: Any, to: Convert) -> Any:
        """Convert by the hint that the alias stands for."""
        return to(self.inner[0], value)

    def schema(self, inner: list[Schema]) -> Schema:
        """Return the schema of the hint that the alias stands for."""
        return inner[0]


class PydanticPart(Part):
    """A part that only pydantic can check."""

    def __init__(self, hint: Any, base: Any = None, *, before: bool = False) -> None:
        """Make the adapter of pydantic. `base` is the hint to which the value is converted by our
        own rules: first, or last with `before`, where pydantic must see the original value; None
        for nothing.

        Raises:
            HintError: pydantic is not installed, or does not support `hint`.
        """
        self.name = "Pydantic"
        self.inner = () if base is None else (base,)
        self._before = before
        self._adapter = pydantic_adapter(hint)

    def convert(self, value: Any, to: Convert) -> Any:
        """Return the value as pydantic converts it."""
        base = self.inner[0] if self.inner else Any
        if self._before:
            return to(base, self._adapter.validate_python(value))
        return self._adapter.validate_python(to(base, value))

    def schema(self, inner: list[Schema]) -> Schema:
        """Return the schema of pydantic, or that of `base` where pydantic has none."""
        try:
            return pydantic_schema(self._adapter)
        except Exception:
            return inner[0] if inner else {}

    def output_schema(self, inner: list[Schema]) -> Schema:
        """Return the schema of what pydantic makes."""
        try:
            return pydantic_output_schema(self._adapter)
        except Exception:
            return self.schema(inner)


def is_pydantic(kind: Any) -> bool:
    """Return whether `kind` is a pydantic model, or another class that pydantic checks.

    Does not import pydantic: such a class exists only when it is loaded.
    """
    if "pydantic" not in sys.modules or not isinstance(kind, type) or kind is File:
        return False
    return hasattr(kind, "__pydantic_validator__") or hasattr(kind, "__get_pydantic_core_schema__")


def is_model(kind: Any) -> bool:
    """Return whether `kind` is a pydantic model: what pydantic makes for it is an instance."""
    return is_pydantic(kind) and hasattr(kind, "model_validate")


def pydantic_adapter(hint: Any) -> Any:
    """Return pydantic's TypeAdapter of `hint`.

    Raises:
        HintError: pydantic is not installed, or does not support `hint`.
    """
    try:
        import pydantic
    except ImportError:
        raise HintError(f"{hint} needs pydantic, which is not installed") from None
    try:
        return pydantic.TypeAdapter(hint, config={"arbitrary_types_allowed": True})
    except pydantic.PydanticUserError:
        pass  # A model has its own configuration.
    except Exception as error:
        raise HintError(f"pydantic does not understand {hint}: {error}") from None
    try:
        return pydantic.TypeAdapter(hint)
    except Exception as error:
        raise HintError(f"pydantic does not understand {hint}: {error}") from None


def pydantic_schema(adapter: Any) -> Schema:
    """Return the JSON Schema of an adapter, with its classes in `$defs`."""
    schema: Schema = adapter.json_schema(ref_template="#/$defs/{model}")
    return schema


def pydantic_output_schema(adapter: Any, kind: Any = None) -> Schema:
    """Return the JSON Schema of what `model_dump()` returns: it names the fields, unless the model
    `kind` says `serialize_by_alias`, and has those with a default, too.
    """
    config = getattr(kind, "model_config", None) or {}
    schema: Schema = adapter.json_schema(
        mode="serialization",
        by_alias=bool(config.get("serialize_by_alias")),
        ref_template="#/$defs/{model}",
        schema_generator=_output_generator(),
    )
    return schema


@functools.cache
def _output_generator() -> Any:
    """Make a generator for which a field is there even if it has a default."""
    from pydantic.json_schema import GenerateJsonSchema

    class OutputSchema(GenerateJsonSchema):
        def field_is_required(self, field: Any, total: bool) -> bool:
            if field["type"] == "typed-dict-field":
                return super().field_is_required(field, total)
            return not field.get("serialization_exclude")

    return OutputSchema


def is_enum(hint: Any) -> bool:
    """Return whether `hint` is a class of enums."""
    # In Python 3.10 list[int] counts as an instance of type.
    return isinstance(hint, type) and issubclass(hint, enum.Enum)


def choices_of(hint: Any) -> list[Any]:
    """Return the values that a Literal or an Enum allows."""
    if is_enum(hint):
        return list(hint)
    return [
        choice
        for it in typing.get_args(hint)
        for choice in (choices_of(it) if typing.get_origin(it) is typing.Literal else [it])
    ]


def _equal(left: Any, right: Any) -> bool:
    try:
        return bool(left == right)
    except Exception:
        return False
