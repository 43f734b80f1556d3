"""The parts of hints that msgspec cannot check by itself.

Each stands in the hint as a class of its own, so that msgspec checks everything around it and hands
what comes in its place to a hook: one union of two dataclasses in a list of lists does not switch
off any other check.
"""

from __future__ import annotations

import collections
import collections.abc
import enum
import re
import reprlib
import sys
import typing
from collections.abc import Callable
from typing import Any, ClassVar, Final

import msgspec

from snakeden.class_fields import ClassField, build
from snakeden.declarations import HintError

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
    "pydantic_schema",
]

_PLACE: Final = re.compile(r" - at (`key` in )?`\$([^`]*)`$")

Schema = dict[str, Any]
Convert = Callable[[Any, Any], Any]
"""Converts a value, given second, to the hint given first."""


class Part:
    """A part of a hint, and how a value becomes what it asks for."""

    name: str = "Part"
    inner: tuple[Any, ...] = ()
    """Hints that the part is made of, for its schema."""

    def convert(self, value: Any, to: Convert) -> Any:
        """Convert `value`, with the help of `to` for the hints inside.

        Raises:
            ValueError: It does not fit.
        """
        raise NotImplementedError

    def schema(self, inner: list[Schema]) -> Schema:
        """The JSON Schema, from those of `inner`."""
        raise NotImplementedError

    def hint(self) -> type[PartHint]:
        """The class that stands for the part in a hint."""
        stand_in: type[PartHint] = _Standin(self.name, (PartHint,), {"part": self})  # type: ignore[assignment]
        return stand_in


class _Standin(type):
    """Whatever the hook makes of a value is what the part asked for."""

    def __instancecheck__(cls, _instance: object) -> bool:
        return True


class PartHint(metaclass=_Standin):
    """Base of the classes that stand for parts."""

    part: ClassVar[Part]


def part_of(hint: Any) -> Part | None:
    """The part that a hint stands for, or None."""
    return hint.part if isinstance(hint, type) and issubclass(hint, PartHint) else None


class UnionPart(Part):
    """A union of what msgspec cannot tell apart; the first member that fits wins."""

    name = "Union"

    def __init__(self, members: tuple[Any, ...]) -> None:
        self.inner = members
        # By identity, with the value so that it lives. Else a union that holds itself would try all
        # members again at each level for each member of the level above.
        self._tried: dict[int, tuple[Any, Any, str | None]] | None = None

    def convert(self, value: Any, to: Convert) -> Any:
        """What the first member that fits makes of it."""
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
                # Reworded, so that the path of one member is not taken for that of the whole.
                problems.append(_PLACE.sub(r" (at \1`\2`)", str(error)))
        return None, "; or ".join(dict.fromkeys(problems))[:2_000]

    def schema(self, inner: list[Schema]) -> Schema:
        """Any of those of the members."""
        return {"anyOf": [it for n, it in enumerate(inner) if it not in inner[:n]]}


class BuiltPart(Part):
    """A container that msgspec does not fill, made from a list or a dict."""

    def __init__(self, kind: type, builtin: Any) -> None:
        self.name = kind.__name__
        self.inner = (builtin,)
        self._make = BUILT_FROM[kind][1]

    def convert(self, value: Any, to: Convert) -> Any:
        """The container."""
        return self._make(to(self.inner[0], value))

    def schema(self, inner: list[Schema]) -> Schema:
        """That of the list or dict."""
        return inner[0]


BUILT_FROM: Final[dict[Any, tuple[Any, Callable[[Any], Any]]]] = {
    collections.deque: (list, collections.deque),
    collections.abc.Iterable: (list, list),
    collections.abc.Iterator: (list, iter),
    collections.abc.Reversible: (list, list),
    collections.abc.Container: (list, list),
    collections.OrderedDict: (dict, collections.OrderedDict),
    collections.Counter: (dict, collections.Counter),
}
"""The containers of `BuiltPart`: what each is made from, and by what."""


class ClassPart(Part):
    """A class with a field that msgspec cannot check: a Struct is filled in its place first."""

    def __init__(self, hint: Any) -> None:
        """`fields` and `inner`, the Struct, are set later: a class may be found inside itself."""
        self.name = getattr(hint, "__name__", "Class")
        self.fields: list[ClassField] = []
        self._hint = hint

    def convert(self, value: Any, to: Convert) -> Any:
        """An instance, made by the constructor."""
        filled = to(self.inner[0], value)
        return build(self._hint, self.fields, list(msgspec.structs.astuple(filled)))

    def schema(self, inner: list[Schema]) -> Schema:
        """That of the Struct."""
        return inner[0]


class KeyedPart(Part):
    """A dict with keys that JSON has other text for than msgspec expects, such as `true`."""

    name = "dict"

    def __init__(self, key: Any, values: Any) -> None:
        self.inner = (values,)
        self._key = key

    def convert(self, value: Any, to: Convert) -> Any:
        """A dict with the keys converted from their text."""
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
        """An object, whatever its keys are."""
        return {"type": "object", "additionalProperties": inner[0] or True}


class ChoicePart(Part):
    """A Literal or an Enum with values other than text and small integers."""

    def __init__(self, hint: Any) -> None:
        self._choices = choices_of(hint)
        self.name = getattr(hint, "__name__", "Literal")

    def convert(self, value: Any, _to: Convert) -> Any:
        """The choice whose plain value it is."""
        for choice in self._choices:
            plain = choice.value if isinstance(choice, enum.Enum) else choice
            plain = list(plain) if isinstance(plain, tuple) else plain
            both_bool = isinstance(plain, bool) == isinstance(value, bool)
            if both_bool and (plain is value or _equal(plain, value)):
                return choice
        raise ValueError(f"Expected one of the choices, got {reprlib.repr(value)}")

    def schema(self, _inner: list[Schema]) -> Schema:
        """An enum, where its values are JSON."""
        plain = [it.value if isinstance(it, enum.Enum) else it for it in self._choices]
        try:
            msgspec.json.encode(plain)
        except Exception:
            return {}
        return {"enum": plain}


class AliasPart(Part):
    """A type alias, which may be found inside itself."""

    def __init__(self, hint: Any) -> None:
        """`inner` is set once it is known."""
        self.name = getattr(hint, "__name__", "Alias")

    def convert(self, value: Any, to: Convert) -> Any:
        """Once more around."""
        return to(self.inner[0], value)

    def schema(self, inner: list[Schema]) -> Schema:
        """That of the alias."""
        return inner[0]


class PydanticPart(Part):
    """What only pydantic can check."""

    def __init__(self, hint: Any, base: Any = None, before: bool = False) -> None:
        """`base` is a hint that our own rules convert to first, or last with `before`, where
        pydantic has to see the value as it came; None for nothing.

        Raises:
            HintError: pydantic is not there, or does not know what to do with `hint`.
        """
        self.name = "Pydantic"
        self.inner = () if base is None else (base,)
        self._before = before
        self._adapter = pydantic_adapter(hint)

    def convert(self, value: Any, to: Convert) -> Any:
        """What pydantic makes of it."""
        base = self.inner[0] if self.inner else Any
        if self._before:
            return to(base, self._adapter.validate_python(value))
        return self._adapter.validate_python(to(base, value))

    def schema(self, inner: list[Schema]) -> Schema:
        """What pydantic says, which has no words for types that it does not know."""
        try:
            return pydantic_schema(self._adapter)
        except Exception:
            return inner[0] if inner else {}


def is_pydantic(kind: Any) -> bool:
    """Whether `kind` is a pydantic model, or another class that pydantic checks.

    Does not import pydantic: such a class exists only when it is loaded.
    """
    if "pydantic" not in sys.modules or not isinstance(kind, type):
        return False
    return hasattr(kind, "__pydantic_validator__") or hasattr(kind, "__get_pydantic_core_schema__")


def is_model(kind: Any) -> bool:
    """Whether `kind` is a pydantic model: what pydantic makes for it is an instance."""
    return is_pydantic(kind) and hasattr(kind, "model_validate")


def pydantic_adapter(hint: Any) -> Any:
    """The TypeAdapter of `hint` that pydantic makes.

    Raises:
        HintError: pydantic is not there, or does not know what to do with it.
    """
    try:
        import pydantic
    except ImportError:
        raise HintError(f"{hint} needs pydantic, which is not installed") from None
    try:
        return pydantic.TypeAdapter(hint, config={"arbitrary_types_allowed": True})
    except pydantic.PydanticUserError:
        pass  # A model says its own configuration.
    except Exception as error:
        raise HintError(f"pydantic does not understand {hint}: {error}") from None
    try:
        return pydantic.TypeAdapter(hint)
    except Exception as error:
        raise HintError(f"pydantic does not understand {hint}: {error}") from None


def pydantic_schema(adapter: Any) -> Schema:
    """The JSON Schema of an adapter, with the classes in it in `$defs`."""
    schema: Schema = adapter.json_schema(ref_template="#/$defs/{model}")
    return schema


def is_enum(hint: Any) -> bool:
    """Whether `hint` is a class of enums."""
    # In Python 3.10 list[int] counts as an instance of type.
    return isinstance(hint, type) and issubclass(hint, enum.Enum)


def choices_of(hint: Any) -> list[Any]:
    """What a Literal or an Enum allows."""
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
