"""Read the parameters of a tool, with their type hints resolved where possible."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from typing import Any, Final, NamedTuple, Optional

from snakeden._tools.hints.declarations import HintError, declaration
from snakeden._tools.hints.names import resolve
from snakeden._values.protocols import ITERATORS, has
from snakeden.errors import AdapterError

__all__ = ["REQUIRED", "Parameter", "Signature", "read_signature"]

REQUIRED: Final = inspect.Parameter.empty

_WRAPPER_KINDS: Final = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
_ELEMENT_FIRST = (AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator)
_RESULT_LAST = (Awaitable, Coroutine)


class Parameter(NamedTuple):
    """One named argument of a tool."""

    name: str
    key: str
    """The name for callers: the alias if pydantic's `Field()` gives one."""
    hint: Any
    default: Any
    factory: Callable[[], Any]
    """Makes the default of one call."""
    by_keyword: bool
    """True when it can only be passed by keyword."""


class Signature(NamedTuple):
    """The parameters and the result of a tool."""

    parameters: tuple[Parameter, ...]
    extra_hint: Any
    """The hint of the values of `**kwargs`; REQUIRED when the tool has none."""
    result_hint: Any
    """The hint of the result, or of one chunk; REQUIRED when there is none."""
    streams: bool


def read_signature(function: Callable[..., Any], tool: str) -> Signature:
    """Read the signature of a tool; hints that cannot be resolved count as Any.

    Raises:
        AdapterError: It takes `*args`, which an object of named arguments cannot fill, or a
            parameter has a default that only another library understands.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise AdapterError(f"tool '{tool}' has no signature that can be read: {error}") from None
    if {it.kind for it in signature.parameters.values()} >= _WRAPPER_KINDS:
        raise AdapterError(
            f"tool '{tool}' takes *args and **kwargs, as the wrapper of a decorator does: its "
            "parameters are not known; put functools.wraps on the wrapper"
        )
    hints = _resolve(function)
    parameters: list[Parameter] = []
    extra: Any = REQUIRED
    for name, parameter in signature.parameters.items():
        hint = hints.get(name, Any)
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise AdapterError(
                f"tool '{tool}' takes *{name}, but arguments come by name; take a list instead, "
                f"such as `{name}: list[int]`"
            )
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = hint
            continue
        try:
            declared = declaration(hint, parameter.default, required=REQUIRED)
        except HintError as error:
            raise AdapterError(f"tool '{tool}', parameter '{name}': {error}") from None
        hint, default = declared.hint, declared.default
        if default is None and hint is not Any:
            hint = Optional[hint]  # noqa: UP045 - the hint is a value here; `|` fails on some
        by_keyword = parameter.kind is parameter.KEYWORD_ONLY
        factory = declared.factory or functools.partial(_same, default)
        key = declared.alias or name
        parameters.append(Parameter(name, key, hint, default, factory, by_keyword))
    result, streams = _result(function, hints.get("return", REQUIRED))
    return Signature(tuple(parameters), extra, result, streams)


def _same(value: Any) -> Any:
    return value


def _result(function: Callable[..., Any], hint: Any) -> tuple[Any, bool]:
    """Return the hint of the result or of one chunk, and whether there are chunks.

    The runner sends chunks for exactly the tools for which the latter is true.
    """
    inner = inspect.unwrap(function)
    generates = inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner)
    while _is_awaited(typing.get_origin(hint)):
        hint = typing.get_args(hint)[-1]
    stream = _bare(hint)
    origin = typing.get_origin(stream) or stream
    if not generates and not _is_iterator(origin):
        return hint, False
    arguments = typing.get_args(stream)
    return (arguments[0] if origin in _ELEMENT_FIRST and arguments else REQUIRED), True


def _is_awaited(origin: Any) -> bool:
    if origin in _RESULT_LAST:
        return True
    if getattr(origin, "__module__", "").partition(".")[0] not in ("asyncio", "_asyncio"):
        return False
    import asyncio

    return origin in (asyncio.Future, asyncio.Task)


def _is_iterator(kind: Any) -> bool:
    """Decide by protocol, as the runner does; an `Iterable` may be a list, so it does not count."""
    return isinstance(kind, type) and has(kind, *ITERATORS)


def _bare(hint: Any) -> Any:
    """Return the hint without wrappers of a stream: metadata, aliases, and None."""
    while True:
        origin = typing.get_origin(hint)
        members = [it for it in typing.get_args(hint) if it is not type(None)]
        if origin is typing.Annotated or (
            origin in (typing.Union, types.UnionType) and len(members) == 1
        ):
            hint = members[0]
        elif hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        else:
            return hint


def _resolve(function: Callable[..., Any]) -> dict[str, Any]:
    inner = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inner.func
    try:
        return typing.get_type_hints(inner, include_extras=True)
    except Exception:
        return resolve(inner, getattr(inner, "__globals__", {}))
