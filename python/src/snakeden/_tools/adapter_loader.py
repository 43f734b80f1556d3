"""Import and set up what a pool names as its adapters, and gather their tools.

An adapter is `module`, `module:Class` or `package.*` (adapter_name.py). A module has its own tools
and those that it imports by name (gathering.py), and the methods of its classes that derive from
`Adapter`. `module:Class` has the methods of that class alone, which need not derive from `Adapter`.
Where the pool has `expose`, its tools are the functions that this names (exposing.py).
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from snakeden._tools.adapter_name import AdapterName, parse_names
from snakeden._tools.exposing import Exposure
from snakeden._tools.gathering import Found, Gathering, methods, place_of
from snakeden._tools.missing_module import near_names
from snakeden._tools.module_import import ModuleImport, error_text
from snakeden._tools.no_tools import no_tools_in_class, no_tools_in_modules
from snakeden._tools.schema import ToolSchema
from snakeden._tools.search_path import place_module_paths
from snakeden.adapter import Adapter
from snakeden.errors import AdapterError
from snakeden.thread_safety.declared import undeclared
from snakeden.tool import ToolMark, mark_of
from snakeden.tool_name import tool_name_problem

__all__ = ["LoadedAdapter", "LoadedTool", "is_asynchronous", "load_adapter"]

_NO_MARK: Final = ToolMark()
_ARRAY_FORMS: Final[dict[str | None, int]] = {None: 0, "list": 1, "base64": 2}

Complete = Callable[[Coroutine[Any, Any, object]], object]
"""Runs a coroutine to its end on the event loop of the tools."""


def _run(coroutine: Coroutine[Any, Any, object]) -> object:
    import asyncio

    return asyncio.run(coroutine)


Hint = Callable[[BaseException], str]
"""Returns what to add to the text of an exception; an empty text for nothing."""

Guard = Callable[[Callable[[], object], str], object]
"""Runs a step that has a name."""


class LoadedTool:
    """A tool ready to be called; everything about it is worked out once."""

    __slots__ = (
        "arrays",
        "description",
        "function",
        "idempotent",
        "main_thread",
        "media_type",
        "name",
        "parse",
        "schema",
        "stall_timeout_ms",
        "timeout_ms",
    )

    def __init__(
        self, name: str, function: Callable[..., Any], *, mark: ToolMark = _NO_MARK
    ) -> None:
        self.name = name
        self.function = function
        self.idempotent = mark.idempotent
        self.main_thread = mark.main_thread
        """True if the tool runs on the main thread in every profile."""
        self.timeout_ms = mark.timeout_ms or 0.0
        self.stall_timeout_ms = mark.stall_timeout_ms or 0.0
        self.media_type = mark.media_type or ""
        self.arrays = _ARRAY_FORMS[mark.arrays]
        """A value of `Call.arrays` in link.proto."""
        self.schema = ToolSchema(name, function, lists=mark.arrays == "list")
        self.parse = self.schema.parse
        if is_asynchronous(function):
            # Now, rather than in the time of its first call.
            importlib.import_module("asyncio")
        written = mark.description
        self.description = _first_paragraph(function) if written is None else written


class LoadedAdapter:
    """The tools of the adapters of a pool by name, and the instances that they belong to."""

    def __init__(
        self,
        tools: dict[str, LoadedTool],
        instances: Sequence[tuple[str, object]],
        *,
        owners: Mapping[str, object],
        complete: Complete = _run,
        hint: Hint = lambda _error: "",
    ) -> None:
        """Take instances in the order in which they are set up, each with its name in errors, and
        the instance or the module that has each tool.
        """
        self.tools = tools
        self._owners = owners
        self._instances = instances
        self._set_up: list[object] = []
        self._complete = complete
        self._hint = hint

    def set_up(self) -> None:
        """Call `setup()` of each instance that has one, in the order of the adapters.

        Raises:
            AdapterError: One raised; those after it are not set up. `teardown()` undoes the others.
        """
        for label, instance in self._instances:
            try:
                self._call(instance, "setup")
            except BaseException as error:
                kind = type(instance).__name__
                where = "setup()" if len(self._instances) == 1 else f"{kind}.setup()"
                raise AdapterError(
                    f"{label} raised {type(error).__name__} in {where}: "
                    f"{error_text(error, self._hint)}"
                ) from error
            self._set_up.append(instance)

    def teardown(self, guard: Guard = lambda step, _name: step()) -> None:
        """Call `teardown()` of each instance that was set up, the last one first.

        Each call is a step of its own for `guard`, which may handle what it raises.
        """
        while self._set_up:
            instance = self._set_up.pop()

            def step(instance: object = instance) -> None:
                self._call(instance, "teardown")

            guard(step, f"{type(instance).__name__}.teardown()")

    def undeclared(self) -> list[str]:
        """Return the classes and modules with tools that do not declare `thread_safe = True`, as
        texts for people.
        """
        return undeclared((self._owners[it.name], it.function) for it in self.tools.values())

    @property
    def max_local_sessions(self) -> int:
        """The most sessions with local objects: the largest number that an adapter names."""
        named = [getattr(it, "max_local_sessions", None) for _, it in self._instances]
        numbers = [it for it in named if isinstance(it, int)]
        return max(numbers, default=Adapter.max_local_sessions)

    def on_session_end(self, session_id: str, local: dict[str, Any]) -> None:
        """Call `on_session_end()` of each instance that has one, also if one raises."""
        raised: BaseException | None = None
        for _, instance in self._instances:
            try:
                self._call(instance, "on_session_end", session_id, local)
            except BaseException as error:
                raised = raised or error
        if raised is not None:
            raise raised

    def _call(self, instance: object, name: str, *args: object) -> None:
        """Call a method of an adapter, if there is one, and await what it returns."""
        method = getattr(instance, name, None)
        if not callable(method):
            return
        returned = method(*args)
        if inspect.isawaitable(returned):
            self._complete(_awaited(returned))


def is_asynchronous(function: Callable[..., Any]) -> bool:
    """Return whether a tool is a coroutine function, or an asynchronous generator."""
    inner: Any = inspect.unwrap(function)
    return any(
        inspect.iscoroutinefunction(it) or inspect.isasyncgenfunction(it)
        for it in (function, inner, getattr(inner, "__call__", None))  # noqa: B004
    )


async def _awaited(awaitable: Awaitable[object]) -> object:
    return await awaitable


def load_adapter(
    names: Sequence[str],
    module_paths: Sequence[str] = (),
    *,
    expose: Sequence[str] = (),
    complete: Complete = _run,
    hint: Hint = lambda _error: "",
) -> LoadedAdapter:
    """Import the adapters with `module_paths` on sys.path (search_path.py) and make their
    instances, which are not set up yet. `complete` runs a coroutine of `setup()` or `teardown()`
    to its end.

    Raises:
        AdapterError: One cannot be served; `__cause__` holds what its own code raised.
    """
    parsed = parse_names(names)
    place_module_paths(module_paths, {it.module.partition(".")[0] for it in parsed})
    importlib.invalidate_caches()
    loading = _Loading(parsed, module_paths, expose=expose, hint=hint)
    for name in parsed:
        loading.add(name)
    loading.finish()
    return LoadedAdapter(
        loading.tools, loading.instances, owners=loading.owners, complete=complete, hint=hint
    )


class _Loading:
    """The adapters of a pool while they are loaded."""

    def __init__(
        self,
        names: Sequence[AdapterName],
        module_paths: Sequence[str],
        *,
        expose: Sequence[str],
        hint: Hint,
    ) -> None:
        self._is_alone = len(names) == 1
        texts = ", ".join(f"'{it.text}'" for it in names)
        self._label = f"adapter {texts}" if self._is_alone else f"the adapters {texts}"
        self.tools: dict[str, LoadedTool] = {}
        self.owners: dict[str, object] = {}
        self.instances: list[tuple[str, object]] = []
        self._by_class: dict[type, object] = {}
        self._problems: list[str] = []
        self._idle: list[AdapterName] = []
        self._import = ModuleImport(module_paths, hint)
        self._gathering = Gathering(module_paths)
        self._exposure = Exposure(expose, self._gathering) if expose else None
        self._hint = hint

    def add(self, name: AdapterName) -> None:
        """Import an adapter, make its instances and take its tools.

        Raises:
            AdapterError: It cannot be imported or made, or has no tools.
        """
        modules = self._import.modules(name)
        kind = _named_class(name, modules[0]) if name.class_path else None
        if kind is not None:
            found = self._methods(name, kind, module=modules[0])
        else:
            found = [it for module in modules for it in self._of_module(name, module)]
        problems = [problem for it, owner in found if (problem := self._take(it, owner))]
        self._problems += problems if self._is_alone else [f"{name.label}: {it}" for it in problems]
        if found:
            return
        if self._exposure is not None:
            self._idle.append(name)
            return
        if kind is None:
            why = no_tools_in_modules(modules, self._gathering)
        else:
            why = no_tools_in_class(kind)
        raise AdapterError(f"{name.label} has no tools: {why}")

    def finish(self) -> None:
        """Raise if anything that was taken or named cannot be served.

        Raises:
            AdapterError: It names every problem.
        """
        problems = list(dict.fromkeys(self._problems))
        if self._exposure is not None:
            problems += self._exposure.problems()
            problems = problems or [
                f"{it.label} has none of the functions that `expose` names; leave it out"
                for it in self._idle
            ]
        if problems:
            raise AdapterError(f"{self._label} cannot be served: {'; '.join(problems)}")

    def _of_module(self, name: AdapterName, module: ModuleType) -> Iterator[tuple[Found, object]]:
        """Yield the tools of a module, each with what has it: the module or an instance."""
        taken = self._gathering if self._exposure is None else self._exposure
        yield from ((it, module) for it in taken.functions(module))
        for kind in self._gathering.classes(module):
            if self._exposure is None or self._exposure.names_any(kind, module):
                yield from self._methods(name, kind, module=module)

    def _methods(
        self, name: AdapterName, kind: type, *, module: ModuleType
    ) -> list[tuple[Found, object]]:
        instance = self._instance(name, kind)
        if self._exposure is None:
            return [(it, instance) for it in methods(instance)]
        return [(it, instance) for it in self._exposure.methods(instance, module)]

    def _instance(self, name: AdapterName, kind: type) -> object:
        """Return the instance of a class, of which a worker has one."""
        if kind not in self._by_class:
            instance = self._by_class[kind] = _instantiate(name, kind, hint=self._hint)
            self.instances.append((name.label, instance))
        return self._by_class[kind]

    def _take(self, found: Found, owner: object) -> str:
        """Make a tool of a function; returns the problem if it cannot be one."""
        function = found.function
        if function is None:
            return found.problem
        mark = mark_of(function)
        own_name = found.name if mark is None else getattr(function, "__name__", found.name)
        name = own_name if mark is None or mark.name is None else mark.name
        if name_problem := tool_name_problem(name):
            place = place_of(function)
            return f"the tool name {name!r} is not allowed for {place}: {name_problem}"
        if name in self.tools:
            if self.tools[name].function == function:
                return ""
            first, second = place_of(self.tools[name].function), place_of(function)
            return (
                f"two tools are named '{name}': {first} and {second}; give one of them another "
                'name: @tool(name="...")'
            )
        try:
            self.tools[name] = LoadedTool(name, function, mark=mark or _NO_MARK)
            self.owners[name] = owner
        except AdapterError as error:
            return str(error)
        return ""


def _named_class(name: AdapterName, module: ModuleType) -> type:
    found: Any = module
    path = name.class_path
    for step in path.split("."):
        try:
            found = getattr(found, step)
        except AttributeError:
            classes = [it for it, value in vars(found).items() if inspect.isclass(value)]
            raise AdapterError(
                f"{name.label} was not found: {module.__name__} has no '{step}'"
                f"{near_names(step, classes)}"
            ) from None
    if inspect.isclass(found):
        return found
    if not inspect.isroutine(found):
        kind = type(found).__name__
        raise AdapterError(f"{name.label} is not a class: '{path}' is of type {kind}")
    raise AdapterError(
        f"{name.label} is not a class: '{path}' is a function; to serve the functions of the "
        f'module, name it alone: "{name.module}", and those without @tool in `expose`: ["{path}"]'
    )


def _instantiate(name: AdapterName, kind: type, *, hint: Hint) -> object:
    try:
        instance = kind()
    except BaseException as error:
        raise AdapterError(
            f"{name.label} could not be made: {kind.__name__}() raised "
            f"{type(error).__name__}: {error_text(error, hint)}"
        ) from error
    for method in ("setup", "teardown"):
        inner: Any = inspect.unwrap(getattr(instance, method, _awaited))
        if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
            raise AdapterError(
                f"{name.label} has a generator as {method}(), and nothing would run it; use "
                "setup() for what comes before the `yield`, and teardown() for what comes after"
            )
    return instance


def _first_paragraph(function: Callable[..., Any]) -> str:
    text = inspect.getdoc(function) or ""
    return " ".join(text.strip().split("\n\n")[0].split())
