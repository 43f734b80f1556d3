"""Find, import and set up what the host names as the adapter: `module` or `module:Class`.

`module` serves the module's own functions marked with `@tool` (and marked functions from elsewhere
that its `__all__` lists), plus the methods of its one `Adapter` subclass when it defines exactly
one. With several such classes one has to be named. `module:Class` serves the marked methods of that
class alone; it need not derive from `Adapter`.
"""

from __future__ import annotations

import asyncio
import difflib
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from types import ModuleType
from typing import Any, Final

from snakeden._tools.schema import ToolSchema
from snakeden._tools.search_path import hidden_adapter, place_module_paths, shadowed_modules
from snakeden.adapter import Adapter
from snakeden.errors import AdapterError
from snakeden.tool import mark_of

__all__ = ["LoadedAdapter", "LoadedTool", "load_adapter"]

TOOL_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_INSTANCE_NAMES: Final = ("", "self", "cls", "klass", "kls", "this", "me", "mcs")
_OR_STATIC: Final = ", or put @staticmethod above it"
_MODULE_NAME: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


Complete = Callable[[Coroutine[Any, Any, object]], object]
"""Runs a coroutine to its end on the event loop of the tools."""


class LoadedTool:
    """A tool ready to be called; everything about it is worked out once."""

    __slots__ = ("description", "function", "idempotent", "name", "parse", "schema")

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        description: str | None = None,
        idempotent: bool = False,
    ) -> None:
        self.name = name
        self.function = function
        self.idempotent = idempotent
        self.schema = ToolSchema(name, function)
        self.parse = self.schema.parse
        self.description = _first_paragraph(function) if description is None else description


class LoadedAdapter:
    """The tools of an adapter by name, and the instance to tear down."""

    def __init__(
        self,
        spec: str,
        tools: dict[str, LoadedTool],
        *,
        instance: object | None,
        complete: Complete,
    ) -> None:
        self.spec = spec
        self.tools = tools
        self._instance = instance
        self._complete = complete

    def teardown(self) -> None:
        """Call the adapter's `teardown()`, when it has one. Raises what that raises."""
        _call(self._instance, "teardown", complete=self._complete)


def load_adapter(
    spec: str, module_paths: Sequence[str] = (), *, complete: Complete = asyncio.run
) -> LoadedAdapter:
    """Import the adapter with `module_paths` on sys.path (search_path.py), make its instance and
    run `setup()`. `complete` runs a coroutine of `setup()` or `teardown()` to its end.

    Raises:
        AdapterError: It cannot be served; `__cause__` holds what its own code raised.
    """
    module_name, colon, class_name = spec.partition(":")
    place_module_paths(module_paths, module_name.partition(".")[0])
    importlib.invalidate_caches()
    if not _MODULE_NAME.fullmatch(module_name) or (
        colon and not _MODULE_NAME.fullmatch(class_name)
    ):
        raise AdapterError(
            f"adapter '{spec}' is not of the form `module` or `module:Class`{_form_hint(spec)}"
        )
    module = _import(spec, module_name, module_paths=module_paths)
    kind = _named_class(spec, module, path=class_name) if colon else _only_class(spec, module)
    instance = None if kind is None else _instantiate(spec, kind)
    tools: dict[str, LoadedTool] = {}
    problems: list[str] = []
    if not colon:
        _add(_functions(module), tools, problems=problems)
    if instance is not None:
        _add(_methods(instance, problems), tools, problems=problems)
    if problems:
        raise AdapterError(f"adapter '{spec}' cannot be served: {'; '.join(problems)}")
    if not tools:
        where = f"class {class_name}" if colon else f"module {module_name}"
        raise AdapterError(
            f"adapter '{spec}' has no tools: nothing in {where} is marked with @tool"
        )
    _set_up(spec, instance, complete=complete)
    return LoadedAdapter(spec, tools, instance=instance, complete=complete)


def _form_hint(spec: str) -> str:
    if spec.endswith(".py") or "/" in spec:
        return "; give the name of the module, not its file, and its folder in modulePaths"
    return ""


def _import(spec: str, name: str, *, module_paths: Sequence[str]) -> ModuleType:
    if hidden := hidden_adapter(name, module_paths):
        raise AdapterError(
            f"adapter '{spec}' cannot be imported: the worker itself uses another module of that "
            f"name; rename {hidden}"
        )
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing != name and not name.startswith(f"{missing}."):
            raise AdapterError(
                f"adapter '{spec}' cannot be imported: it needs a module that is not there: {error}"
            ) from error
        raise AdapterError(
            _not_found(spec, name, missing=missing, module_paths=module_paths)
        ) from None
    except SystemExit as error:
        raise AdapterError(
            f"adapter '{spec}' left by sys.exit({error.code!r}) while it was imported"
        ) from error
    except BaseException as error:
        raise AdapterError(
            f"adapter '{spec}' raised {type(error).__name__} while it was imported: {_text(error)}"
            f"{_shadow_hint(error, module_paths)}"
        ) from error


def _shadow_hint(error: BaseException, module_paths: Sequence[str]) -> str:
    """Names files that the adapter may have meant to import when it got Python's own instead."""
    if not isinstance(error, (ImportError, AttributeError)):
        return ""
    shadowed = list(shadowed_modules(module_paths))[:3]
    if not shadowed:
        return ""
    return f"; the standard library has modules of the same name as {' and '.join(shadowed)}"


def _not_found(spec: str, name: str, *, missing: str, module_paths: Sequence[str]) -> str:
    searched = ", ".join(path or "." for path in dict.fromkeys([*module_paths, *sys.path]))
    if missing != name:
        return (
            f"adapter '{spec}' was not found: there is no package '{missing}'; searched {searched}"
        )
    here = [module.name for module in pkgutil.iter_modules(list(module_paths))]
    return (
        f"adapter '{spec}' was not found: there is no module '{name}'{_near(name, here)}; "
        f"searched {searched}"
    )


def _named_class(spec: str, module: ModuleType, *, path: str) -> type:
    found: Any = module
    for step in path.split("."):
        try:
            found = getattr(found, step)
        except AttributeError:
            classes = [name for name, value in vars(found).items() if inspect.isclass(value)]
            raise AdapterError(
                f"adapter '{spec}' was not found: {module.__name__} has no '{step}'"
                f"{_near(step, classes)}"
            ) from None
    if not inspect.isclass(found):
        kind = "a function" if inspect.isroutine(found) else f"of type {type(found).__name__}"
        hint = f"; to serve the functions of the module, name it alone: '{module.__name__}'"
        raise AdapterError(f"adapter '{spec}' is not a class: '{path}' is {kind}{hint}")
    return found


def _only_class(spec: str, module: ModuleType) -> type | None:
    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Adapter)
        and value.__module__ == module.__name__
    ]
    bases = {base for kind in classes for base in kind.__mro__[1:]}
    leaves = list(dict.fromkeys(kind for kind in classes if kind not in bases))
    if len(leaves) > 1:
        choices = " or ".join(f"'{module.__name__}:{kind.__qualname__}'" for kind in leaves)
        raise AdapterError(
            f"adapter '{spec}' is not clear: the module has {len(leaves)} adapters; "
            f"name one: {choices}"
        )
    return leaves[0] if leaves else None


def _instantiate(spec: str, kind: type) -> object:
    try:
        return kind()
    except BaseException as error:
        raise AdapterError(
            f"adapter '{spec}' could not be made: {kind.__name__}() raised "
            f"{type(error).__name__}: {_text(error)}"
        ) from error


def _refuse_generators(spec: str, instance: object | None) -> None:
    for name in ("setup", "teardown"):
        inner = inspect.unwrap(getattr(instance, name, _set_up))
        if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
            raise AdapterError(
                f"adapter '{spec}' has a generator as {name}(), and nothing would run it; use "
                "setup() for what comes before the `yield`, and teardown() for what comes after"
            )


def _call(instance: object | None, name: str, *, complete: Complete) -> None:
    """Call `setup()` or `teardown()`, if there is one, and await what it returns."""
    method = getattr(instance, name, None)
    if not callable(method):
        return
    returned = method()
    if inspect.isawaitable(returned):
        complete(_awaited(returned))


async def _awaited(awaitable: Awaitable[object]) -> object:
    return await awaitable


def _set_up(spec: str, instance: object | None, *, complete: Complete) -> None:
    _refuse_generators(spec, instance)
    try:
        _call(instance, "setup", complete=complete)
    except BaseException as error:
        raise AdapterError(
            f"adapter '{spec}' raised {type(error).__name__} in setup(): {_text(error)}"
        ) from error


def _functions(module: ModuleType) -> Iterator[Callable[..., Any]]:
    exported = getattr(module, "__all__", ())
    for name, value in vars(module).items():
        is_own = getattr(value, "__module__", None) == module.__name__
        if inspect.isroutine(value) and mark_of(value) and (is_own or name in exported):
            yield value


def _methods(instance: object, problems: list[str]) -> Iterator[Callable[..., Any]]:
    seen: set[str] = set()
    # In the order they were written, bases first; an override takes the place of what it overrides.
    for kind in reversed(type(instance).__mro__):
        for name in vars(kind):
            if name in seen:
                continue
            # Statically first: a property must not run because somebody looks for tools.
            static = inspect.getattr_static(instance, name, None)
            if isinstance(static, (property, functools.cached_property)):
                getter = static.fget if isinstance(static, property) else static.func
                if mark_of(getter):
                    seen.add(name)
                    problems.append(f"tool '{name}' is a property; a tool must be a method")
                continue
            value = getattr(instance, name, None)
            if inspect.isroutine(value) and mark_of(value):
                seen.add(name)
                problem = _lacks_self(name, value)
                if problem:
                    problems.append(problem)
                else:
                    yield value


def _lacks_self(name: str, method: Any) -> str | None:
    """Say what is wrong with a method that lacks a parameter for its instance; else None."""
    if not inspect.ismethod(method):
        return None  # A static method.
    function = method.__func__
    expected = "cls" if inspect.isclass(method.__self__) else "self"
    try:
        first = next(iter(inspect.signature(function).parameters.values()), None)
    except (TypeError, ValueError):
        return None
    called = f"tool '{name}' ({getattr(function, '__qualname__', name)})"
    if first is None or first.kind in (first.KEYWORD_ONLY, first.VAR_KEYWORD):
        return f"{called} has no `{expected}`: write `def {name}({expected}, ...)`{_OR_STATIC}"
    if first.kind is first.VAR_POSITIONAL or first.name.strip("_") in _INSTANCE_NAMES:
        return None
    return (
        f"{called} has no `{expected}`, so '{first.name}' would be the adapter itself: write "
        f"`def {name}({expected}, {first.name}, ...)`{_OR_STATIC}"
    )


def _add(
    functions: Iterator[Callable[..., Any]], tools: dict[str, LoadedTool], *, problems: list[str]
) -> None:
    for function in functions:
        mark = mark_of(function)
        own_name = getattr(function, "__name__", "")
        name = own_name if mark is None or mark.name is None else mark.name
        if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
            problems.append(
                f"the tool name {name!r} is not allowed: it has to begin with a letter or digit "
                "and have at most 64 letters, digits, '_', '.' and '-'"
            )
        elif name in tools:
            if tools[name].function is not function:
                first = getattr(tools[name].function, "__qualname__", name)
                second = getattr(function, "__qualname__", own_name)
                problems.append(f"two tools are named '{name}': {first} and {second}")
        else:
            try:
                tools[name] = LoadedTool(
                    name,
                    function,
                    description=None if mark is None else mark.description,
                    idempotent=mark is not None and mark.idempotent,
                )
            except AdapterError as error:
                problems.append(str(error))


def _first_paragraph(function: Callable[..., Any]) -> str:
    text = inspect.getdoc(function) or ""
    return " ".join(text.strip().split("\n\n")[0].split())


def _near(name: str, candidates: list[str]) -> str:
    near = difflib.get_close_matches(name, candidates, n=3, cutoff=0.6)
    if near:
        return f" (did you mean {' or '.join(near)}?)"
    return f" (there is {', '.join(sorted(candidates)[:10])})" if candidates else ""


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:
        return f"<unprintable {type(error).__name__}>"
