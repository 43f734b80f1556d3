"""Rewrite a hint into one that msgspec can check as a whole.

`native_form` keeps the parts of a hint that msgspec checks correctly, and puts a part of our own
(parts.py) in place of every other one.
"""

from __future__ import annotations

import collections
import collections.abc
import functools
import types
import typing
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, Union

import msgspec

from snakeden._tools.hints.class_fields import (
    ClassField,
    allows_unknown,
    fields_of,
    is_fielded,
    is_unchecked_protocol,
)
from snakeden._tools.hints.declarations import (
    HintError,
    Marks,
    declaration,
    is_field_info,
    read_marks,
)
from snakeden._tools.hints.file_part import OPEN_FILES, FilePart
from snakeden._tools.hints.input_part import STREAMED, InputPart
from snakeden._tools.hints.names import key_of
from snakeden._tools.hints.parts import (
    BUILT_FROM,
    AliasPart,
    BuiltPart,
    ChoicePart,
    ClassPart,
    KeyedPart,
    PydanticPart,
    UnionPart,
    choices_of,
    is_enum,
    is_model,
    is_pydantic,
)

__all__ = [
    "declared_fields",
    "inner_hints",
    "is_mapping",
    "is_native",
    "joined",
    "native_form",
    "plain_alias",
    "rebuilt",
    "struct_like",
    "union_members",
]

_QUALIFIERS: Final = ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
_REQUIRED: Final = object()

Made = dict[Any, Any]


def is_native(hint: Any) -> bool:
    """Return whether msgspec can check `hint`, with a hook for unknown classes."""
    try:
        msgspec.json.Decoder(hint, dec_hook=lambda _hint, value: value)
    except Exception:  # TypeError for most, NameError and others for broken hints inside classes.
        return False
    return True


def union_members(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union; none for any other hint."""
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    hint = plain_alias(hint)
    if typing.get_origin(hint) in (Union, types.UnionType):
        return typing.get_args(hint)
    return ()


def plain_alias(hint: Any) -> Any:
    """Resolve a type alias, a NewType, a type variable or a qualifier; else return `hint`."""
    while True:
        origin = typing.get_origin(hint) or hint
        if type(origin).__name__ == "TypeAliasType":
            value, arguments = origin.__value__, typing.get_args(hint)
            bound = dict(zip(origin.__type_params__, arguments, strict=False))
            free = getattr(value, "__parameters__", ())
            hint = value[tuple(bound.get(it, Any) for it in free)] if free else value
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        elif isinstance(hint, typing.TypeVar):
            hint = joined(hint.__constraints__) if hint.__constraints__ else (hint.__bound__ or Any)
        elif getattr(origin, "_name", "") in _QUALIFIERS and typing.get_args(hint):
            hint = typing.get_args(hint)[0]
        else:
            return hint


def inner_hints(hint: Any) -> Iterator[Any]:
    """Yield the hints directly inside `hint`; for a class, those of its fields."""
    plain = plain_alias(hint)
    if plain is not hint:
        yield plain
    elif typing.get_origin(hint) is typing.Annotated:
        yield typing.get_args(hint)[0]
    elif is_fielded(hint):
        yield from (field.hint for field in fields_of(hint))
    elif typing.get_origin(hint) is not typing.Literal:
        yield from (it for it in typing.get_args(hint) if not isinstance(it, list))


def _reachable(hint: Any) -> Iterator[Any]:
    """Yield `hint` and every hint inside it, each class once."""
    seen: list[Any] = []
    waiting = [hint]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.append(current)
        yield current
        waiting.extend(inner_hints(current))


def _is_plain(hint: Any) -> bool:
    """Return whether msgspec checks `hint` and everything inside it correctly."""
    return is_native(hint) and not any(_is_special(it) for it in _reachable(hint))


def _is_special(hint: Any) -> bool:
    """Return whether msgspec would accept the hint and check it wrongly."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return any(not isinstance(it, msgspec.Meta) for it in hint.__metadata__) and (
            read_marks(hint.__metadata__) is not None
        )
    if isinstance(hint, (typing.ForwardRef, str)) or type(origin or hint).__name__ in (
        "TypeAliasType",
        "ParamSpec",
        "TypeVarTuple",
    ):
        return True
    if is_pydantic(origin or hint) and not is_model(origin or hint):
        return True
    if is_fielded(hint):
        return any(is_field_info(field.default) for field in fields_of(hint))
    kind = origin or hint
    if kind in BUILT_FROM or kind in STREAMED or kind in OPEN_FILES or is_unchecked_protocol(hint):
        return True
    arguments = typing.get_args(hint)
    return is_mapping(origin) and len(arguments) == 2 and _is_odd_key(arguments[0])


def is_mapping(origin: Any) -> bool:
    """Return whether msgspec fills the type as a dict."""
    return isinstance(origin, type) and origin in (
        dict,
        collections.abc.Mapping,
        collections.abc.MutableMapping,
    )


def _is_odd_key(key: Any) -> bool:
    key = plain_alias(key)
    members = union_members(key) or (key,)
    odd = (
        msgspec.inspect.CustomType,
        msgspec.inspect.BoolType,
        msgspec.inspect.NoneType,
    )
    for member in members:
        if typing.get_origin(member) is typing.Literal and bool in map(type, choices_of(member)):
            return True
        try:
            if isinstance(msgspec.inspect.type_info(member), odd):
                return True
        except Exception:
            return True
    return False


def native_form(hint: Any, made: Made | None = None) -> Any:
    """Return the hint with a part in each place that msgspec cannot check; `hint` itself when
    there is no such place. `made` holds the parts of the aliases and classes around the hint.

    Raises:
        HintError: The hint has a constraint that cannot be honoured.
    """
    if hint is Any or hint is object or isinstance(hint, (str, typing.ForwardRef)):
        return Any
    if _is_plain(hint):
        return hint
    made = {} if made is None else made
    plain = plain_alias(hint)
    if plain is not hint:
        key = key_of(hint)
        if key not in made:
            alias = AliasPart(hint)
            made[key] = alias.hint()
            alias.inner = (native_form(plain, made),)
        return made[key]
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _annotated(hint, made)
    members = union_members(hint)
    if members:
        return _union(members, made)
    kind = origin or hint
    if is_pydantic(kind):
        return PydanticPart(hint).hint()
    if is_fielded(hint):
        return _class(hint, made)
    if origin is typing.Literal or is_enum(hint):
        return ChoicePart(hint).hint()
    arguments = typing.get_args(hint)
    if kind in BUILT_FROM:
        if kind is collections.Counter and arguments:
            arguments = (*arguments, int)
        builtin = BUILT_FROM[kind][0]
        inner = native_form(builtin[arguments] if arguments else builtin, made)
        return BuiltPart(kind, inner).hint()
    if kind in OPEN_FILES:
        return FilePart(kind).hint()
    if kind in STREAMED:
        item = arguments[0] if arguments else Any
        return InputPart(kind, item, items=native_form(list[item], made)).hint()  # type: ignore[valid-type]
    if is_unchecked_protocol(hint):
        return Any
    if is_mapping(origin) and len(arguments) == 2:
        values = native_form(arguments[1], made)
        if _is_odd_key(arguments[0]):
            return KeyedPart(arguments[0], values).hint()
        return dict[native_form(arguments[0], made), values]  # type: ignore[misc]
    if isinstance(origin, type) and issubclass(origin, Collection) and arguments:
        inner = [it if it is Ellipsis else native_form(it, made) for it in arguments]
        whole = rebuilt(origin, inner)
        if is_native(whole):
            return whole
    return hint if is_native(hint) else Any  # It cannot be checked.


def rebuilt(origin: Any, inner: Iterable[Any]) -> Any:
    """Return the container with other arguments; Any when it takes none."""
    try:
        return origin[tuple(inner)]
    except TypeError:
        return Any


def _annotated(hint: Any, made: Made) -> Any:
    base = typing.get_args(hint)[0]
    marks = read_marks(hint.__metadata__)
    if marks is None:
        return native_form(base, made)
    if not marks.needs_pydantic:
        held = _constrained(native_form(base, made), marks)
        if held is not None:
            return held
        if all(isinstance(it, msgspec.Meta) for it in hint.__metadata__):
            said = ", ".join(map(str, hint.__metadata__))
            raise HintError(f"{said} cannot be applied to {base}")
    # pydantic does not know those of msgspec.
    own = [it for it in hint.__metadata__ if isinstance(it, msgspec.Meta)]
    base = _marked(base, own)
    native_form(base, made)  # Raises now rather than at the first call.
    return PydanticPart(hint, base if own or not marks.before else None, before=marks.before).hint()


def _marked(hint: Any, metas: Iterable[msgspec.Meta]) -> Any:
    return functools.reduce(lambda held, meta: typing.Annotated[held, meta], metas, hint)


def _constrained(form: Any, marks: Marks) -> Any:
    """Return the form with the constraints on it; None when msgspec does not support that."""
    if not marks.metas:
        return form
    whole = _marked(form, marks.metas)
    if is_native(whole):
        return whole
    members = union_members(form)
    held = [it if it is type(None) else _constrained(it, marks) for it in members]
    if not held or None in held:
        return None
    whole = joined(held)
    return whole if is_native(whole) else None


def _union(members: tuple[Any, ...], made: Made) -> Any:
    models = [it for it in members if is_pydantic(typing.get_origin(it) or it)]
    forms: list[Any] = []
    for member in members:
        if len(models) > 1 and member in models:
            if member is models[0]:  # pydantic chooses the best of its models itself.
                forms.append(PydanticPart(joined(models)).hint())
        else:
            forms.append(native_form(member, made))
    # A member that accepts everything comes last.
    forms.sort(key=lambda form: form is Any)
    groups: list[list[Any]] = []
    for form in forms:
        for group in groups:
            if form is not Any and Any not in group and is_native(joined([*group, form])):
                group.append(form)
                break
        else:
            groups.append([form])
    wholes = [joined(group) for group in groups]
    return wholes[0] if len(wholes) == 1 else UnionPart(tuple(wholes)).hint()


def joined(forms: Iterable[Any]) -> Any:
    """Return the union of the forms."""
    return functools.reduce(lambda left, right: Union[left, right], forms)  # noqa: UP007


def _class(hint: Any, made: Made) -> Any:
    """Make a part for a class with a field that needs one."""
    key = key_of(hint)
    if key in made:
        return made[key]
    try:
        fields = declared_fields(hint)
    except HintError:
        raise
    except Exception:
        return Any
    part = ClassPart(hint)
    made[key] = part.hint()
    part.fields = fields
    forms = [native_form(field.hint, made) for field in fields]
    defaults = [
        msgspec.NODEFAULT if field.required else field.default or _unset for field in fields
    ]
    part.inner = (struct_like(hint, fields, forms=forms, defaults=defaults),)
    return made[key]


def declared_fields(hint: Any) -> list[ClassField]:
    """Return the fields of a class, with the declarations of pydantic's `Field()` resolved. The
    default is a function that makes it, or None where the class itself fills it in.

    Raises:
        HintError: A declaration cannot be honoured.
    """
    fields: list[ClassField] = []
    for field in fields_of(hint):
        default = _REQUIRED if field.required else field.default
        declared = declaration(field.hint, default, required=_REQUIRED)
        required = declared.default is _REQUIRED
        make = None
        if not required and declared.default is not default:
            make = declared.factory or functools.partial(_same, declared.default)
        key = declared.alias or field.key
        fields.append(field._replace(hint=declared.hint, key=key, required=required, default=make))
    return fields


def struct_like(
    hint: Any, fields: list[ClassField], *, forms: list[Any], defaults: list[Any]
) -> type[msgspec.Struct]:
    """Make a Struct that takes the fields of the class and no others, with `forms` as their types.
    `defaults` are factories, or NODEFAULT.
    """
    kind = typing.get_origin(hint) or hint
    config = getattr(kind, "__struct_config__", None)
    struct = msgspec.defstruct(
        getattr(kind, "__name__", "Class"),
        [
            (f"f{n}", Any, msgspec.field(name=field.key, default_factory=default))
            for n, (field, default) in enumerate(zip(fields, defaults, strict=True))
        ],
        kw_only=True,
        forbid_unknown_fields=not allows_unknown(hint),
        array_like=issubclass(kind, tuple) or getattr(config, "array_like", False),
        tag=getattr(config, "tag", None),
        tag_field=getattr(config, "tag_field", None),
    )
    struct.__doc__ = kind.__doc__
    # Set only now, so that a class may contain itself.
    struct.__annotations__ = {f"f{n}": form for n, form in enumerate(forms)}
    return struct


def _unset() -> Any:
    return msgspec.UNSET


def _same(value: Any) -> Any:
    return value
