"""Give each file among the arguments the form that its hint asks for.

Runs only for calls that are given files, before the conversion: a `File` stands where the caller
has named one, and a path, an open file or the content stands there afterwards.
"""

from __future__ import annotations

import io
import os
import typing
from collections.abc import Callable
from pathlib import PurePath
from typing import IO, Any, Final

from snakeden._tools.hints.class_fields import is_fielded
from snakeden._tools.hints.forms import declared_fields, plain_alias, union_members
from snakeden._tools.hints.parts import is_pydantic
from snakeden.files.file import File

__all__ = ["FILE_MARK", "Opened", "place_files"]

FILE_MARK: Final = b'"$snakeden":"file"'
"""The bytes that the JSON of arguments with files holds. Twin of named_files.ts."""

Opened = Callable[[IO[Any]], object]
"""Takes a file that was opened for the tool, to close it at the end of the call."""

Form = Callable[[File, Opened], Any]


def _binary(file: File, opened: Opened) -> IO[bytes]:
    stream = file.path.open("rb")
    opened(stream)
    return stream


def _text(file: File, opened: Opened) -> IO[str]:
    # Strict: text that is no UTF-8 raises where the tool reads it.
    stream = file.path.open("r", encoding="utf-8")
    opened(stream)
    return stream


def _path(file: File, _opened: Opened) -> Any:
    return file.path


def _content(file: File, _opened: Opened) -> bytes:
    return file.path.read_bytes()


_FORMS: Final[tuple[tuple[Callable[[Any, tuple[Any, ...]], bool], Form], ...]] = (
    (lambda kind, _: kind is File, lambda file, _opened: file),
    (lambda kind, _: _is(kind, PurePath) or kind is os.PathLike, _path),
    (
        lambda kind, args: (
            kind in (typing.BinaryIO, io.IOBase, io.BufferedReader, io.RawIOBase)
            or _is(kind, io.BufferedIOBase)
            or (kind is typing.IO and args != (str,))
        ),
        _binary,
    ),
    (
        lambda kind, _: kind is typing.TextIO or kind is typing.IO or _is(kind, io.TextIOBase),
        _text,
    ),
    (lambda kind, _: kind in (bytes, bytearray, memoryview), _content),
    (lambda kind, _: kind is str, lambda file, _opened: str(file.path)),
)
"""The forms of a file by their hints. Of a union, the first one here wins that is a member."""


def place_files(value: Any, hint: Any, *, opened: Opened) -> Any:
    """Return `value` with each `File` in it replaced by what `hint` asks for: by its path where
    there is no hint. A file where the hint allows none stays, so that the conversion refuses it.
    """
    if isinstance(value, File):
        return _placed(value, _members(hint), opened=opened)
    if type(value) is dict:
        hints = _hints_of_fields(hint, value)
        return {
            key: place_files(item, hints.get(key, Any), opened=opened)
            for key, item in value.items()
        }
    if type(value) is list:
        hints_of_items = _hints_of_items(hint, len(value))
        return [
            place_files(item, of, opened=opened)
            for item, of in zip(value, hints_of_items, strict=True)
        ]
    return value


def _placed(file: File, members: list[Any], *, opened: Opened) -> Any:
    for suits, form in _FORMS:
        for member in members:
            if suits(typing.get_origin(member) or member, typing.get_args(member)):
                return form(file, opened)
    if any(member is Any or member is object for member in members):
        return file.path
    return file


def _members(hint: Any) -> list[Any]:
    """Return the hints that a value may have: the members of a union, without metadata."""
    hint = _bare(hint)
    members = union_members(hint)
    return [it for member in members for it in _members(member)] if members else [hint]


def _bare(hint: Any) -> Any:
    hint = plain_alias(hint)
    while typing.get_origin(hint) is typing.Annotated:
        hint = plain_alias(typing.get_args(hint)[0])
    return hint


def _hints_of_fields(hint: Any, value: dict[str, Any]) -> dict[str, Any]:
    """Return the hints of the fields of an object. Of several classes in a union, that with most
    of the fields counts.
    """
    found: dict[str, Any] = {}
    for member in _members(hint):
        kind, arguments = typing.get_origin(member) or member, typing.get_args(member)
        if is_pydantic(kind):
            # A model may take a field by its alias, its name, or both.
            hints = {
                key: info.annotation
                for name, info in getattr(kind, "model_fields", {}).items()
                for key in (name, info.alias, info.validation_alias)
                if isinstance(key, str)
            }
        elif is_fielded(member):
            hints = {field.key: field.hint for field in declared_fields(member)}
        elif len(arguments) == 2:
            hints = dict.fromkeys(value, arguments[1])
        else:
            continue
        if len(hints.keys() & value.keys()) > len(found.keys() & value.keys()):
            found = hints
    return found


def _hints_of_items(hint: Any, length: int) -> list[Any]:
    for member in _members(hint):
        kind, arguments = typing.get_origin(member) or member, typing.get_args(member)
        if is_fielded(member) and isinstance(kind, type) and issubclass(kind, tuple):
            hints = [field.hint for field in declared_fields(member)]
        elif kind is tuple and arguments and arguments[-1] is not Ellipsis:
            hints = list(arguments)
        elif arguments and kind is not typing.Literal:
            hints = [arguments[0]] * length
        else:
            continue
        return [*hints[:length], *[Any] * (length - len(hints))]
    return [Any] * length


def _is(kind: Any, base: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, base)
