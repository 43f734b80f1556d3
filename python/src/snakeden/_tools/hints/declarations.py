"""Read the declarations of other libraries for a parameter or a field: constraints in `Annotated`,
and defaults that are declared by a call, such as pydantic's `Field()`.

Nothing here imports these libraries: their objects exist only when the libraries are loaded.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from snakeden._values.type_name import type_name

__all__ = ["Declaration", "HintError", "Marks", "declaration", "is_field_info", "read_marks"]

_BOUNDS: Final = {
    "Ge": ("ge", "ge"),
    "Gt": ("gt", "gt"),
    "Le": ("le", "le"),
    "Lt": ("lt", "lt"),
    "MultipleOf": ("multiple_of", "multiple_of"),
    "MinLen": ("min_length", "min_length"),
    "MaxLen": ("max_length", "max_length"),
}
_CONSTRAINTS: Final = (
    "annotated_types.BaseMetadata",
    "pydantic._internal._fields.PydanticMetadata",
)
_TEXTS: Final = ("title", "description", "examples")
# Types of defaults that only their own library can read.
_FOREIGN_DEFAULTS: Final = ("attr._make._CountingAttr", "dataclasses.Field", "msgspec._core.Field")
_FOREIGN_MODULES: Final = ("fastapi.params", "typer.models", "cyclopts.parameter")


class HintError(Exception):
    """A hint with a constraint that cannot be enforced; the text says which and why."""


class Declaration(NamedTuple):
    """A parameter or field, with its declaration resolved."""

    hint: Any
    default: Any
    factory: Callable[[], Any] | None = None
    """Makes a new default for each call, if there is a factory."""
    alias: str | None = None


class Marks(NamedTuple):
    """The requests of the metadata of one `Annotated`."""

    metas: tuple[msgspec.Meta, ...]
    """Constraints and texts that msgspec supports."""
    needs_pydantic: bool
    """True if pydantic must check, because msgspec does not support all of it."""
    before: bool
    """True if pydantic must see the original value, because it converts the value."""


def declaration(hint: Any, default: Any, *, required: Any) -> Declaration:
    """Read a declared default. `required` means that there is none, in the result too.

    Raises:
        HintError: The declaration cannot be honoured.
    """
    _refuse_foreign(default)
    info: Any = None
    if is_field_info(default):
        hint, info, default = typing.Annotated[hint, default], default, required
    else:
        for mark in _metadata(hint):
            info = mark if is_field_info(mark) else info
    if info is None:
        return Declaration(hint, default)
    alias = info.alias if info.validation_alias is None else info.validation_alias
    if alias is not None and not isinstance(alias, str):
        raise HintError(f"{type_name(type(alias))} as an alias is not understood; give one name")
    if default is not required or info.is_required():
        return Declaration(hint, default, alias=alias)
    if info.default_factory is None:
        default = info.default

    def make() -> Any:
        return info.get_default(call_default_factory=True)

    if info.default_factory is not None and info.default_factory_takes_validated_data:
        raise HintError("a default_factory that takes the other fields is not understood")
    return Declaration(hint, default if info.default_factory is None else make, make, alias)


def is_field_info(value: object) -> bool:
    """Return whether a value is a result of pydantic's `Field()`, as FastAPI's Query() is."""
    kind = getattr(sys.modules.get("pydantic.fields"), "FieldInfo", None)
    return kind is not None and isinstance(value, kind)


def read_marks(metadata: Iterable[Any]) -> Marks | None:
    """Return the requests of the metadata; None when there are none.

    Raises:
        HintError: A request cannot be honoured.
    """
    metas: list[msgspec.Meta] = []
    wanted: dict[str, Any] = {}
    needs_pydantic = before = found = False
    for mark in _flat(metadata):
        _refuse_foreign(mark)
        if isinstance(mark, msgspec.Meta):
            metas.append(mark)
            continue
        if is_field_info(mark):
            texts = {it: getattr(mark, it) for it in _TEXTS if getattr(mark, it)}
            wanted.update(texts if _meta(texts) else {})
            if mark.discriminator is not None:
                needs_pydantic = before = True
            continue
        if not _is_understood(mark):
            continue
        found = True
        bounds = _bounds(mark)
        if bounds and bounds.keys().isdisjoint(wanted) and _meta({**wanted, **bounds}):
            wanted.update(bounds)
        else:
            needs_pydantic = True
            before = before or _converts(mark)
    meta = _meta(wanted)
    if wanted and meta:
        metas.append(meta)
    elif not (metas or found or needs_pydantic):
        return None
    return Marks(tuple(metas), needs_pydantic, before)


def _meta(wanted: dict[str, Any]) -> msgspec.Meta | None:
    """Return the constraints for msgspec; None for what it cannot hold, such as bounds of dates."""
    try:
        return msgspec.Meta(**wanted)
    except (TypeError, ValueError):
        return None


def _metadata(hint: Any) -> tuple[Any, ...]:
    return hint.__metadata__ if typing.get_origin(hint) is typing.Annotated else ()


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """Yield each mark and the marks in it: `Field(ge=0)` has a `Ge(0)`, `Len(1, 3)` has two."""
    for mark in metadata:
        if is_field_info(mark):
            yield mark
            yield from _flat(mark.metadata)
        elif getattr(mark, "__is_annotated_types_grouped_metadata__", False):
            yield from _flat(mark)
        else:
            yield mark


def _is_understood(mark: Any) -> bool:
    return _is_constraint(type(mark)) or hasattr(mark, "__get_pydantic_core_schema__")


def _is_constraint(kind: type) -> bool:
    bases = {f"{base.__module__}.{base.__name__}" for base in kind.__mro__}
    return not bases.isdisjoint(_CONSTRAINTS) and kind.__name__ not in ("Unit", "DocInfo")


def _bounds(mark: Any) -> dict[str, Any] | None:
    """Return the constraint as arguments of msgspec.Meta; None when msgspec does not support it."""
    kind = type(mark)
    if kind.__module__ == "annotated_types" and kind.__name__ in _BOUNDS:
        ours, theirs = _BOUNDS[kind.__name__]
        return {ours: getattr(mark, theirs)}
    if kind.__module__ == "annotated_types" and kind.__name__ == "Timezone":
        if mark.tz not in (None, ...):
            raise HintError(f"{mark} is not understood; pydantic and msgspec know no single zone")
        return {"tz": mark.tz is not None}
    given = getattr(mark, "__dict__", {})
    if _is_constraint(kind) and given.keys() == {"pattern"} and isinstance(given["pattern"], str):
        return {"pattern": given["pattern"]}
    return None


def _converts(mark: Any) -> bool:
    """Return whether the mark may convert a value so that it fits, and not only refuse it."""
    kind = type(mark)
    return not (
        kind.__module__ == "annotated_types"
        or kind.__name__ in ("AfterValidator", "AllowInfNan")
        or (_is_constraint(kind) and getattr(mark, "__dict__", {}).keys() == {"pattern"})
    )


def _refuse_foreign(value: Any) -> None:
    kind = type(value)
    if is_field_info(value):
        return
    if type_name(kind) in _FOREIGN_DEFAULTS or kind.__module__ in _FOREIGN_MODULES:
        raise HintError(
            f"{type_name(kind)} is not understood here; give a plain default, or constraints as "
            "msgspec.Meta or pydantic's Field"
        )
