"""The error text for an adapter without tools: what was searched, and how to declare a tool."""

from __future__ import annotations

import inspect
import os
import pkgutil
import re
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Final

from snakeden._tools.gathering import Gathering, has_marks, is_marked, members
from snakeden.adapter import Adapter
from snakeden.tool import mark_of

__all__ = ["no_tools_in_class", "no_tools_in_modules"]

_SHOWN: Final = 5
_MARK: Final = re.compile(r"^\s*@(?:\w+\.)?tool\b", re.MULTILINE)


def no_tools_in_class(kind: type) -> str:
    """Explain a class without tools."""
    own = [
        name
        for name, static in members(kind)
        if name[0] != "_"
        and name not in dir(Adapter)
        and inspect.isroutine(getattr(static, "__func__", static))
    ]
    said = f"nothing in class {kind.__qualname__} is marked with @tool"
    return said if not own else f"{said}; it has the methods {_some(own)}: {_mark_or_expose(own)}"


def no_tools_in_modules(modules: Sequence[ModuleType], gathering: Gathering) -> str:
    """Explain modules without tools; the first may be the package of the others."""
    looked_at = ", ".join(f"{it.__name__} ({_file_of(it)})" for it in modules[:_SHOWN])
    if len(modules) > _SHOWN:
        looked_at += f" and {len(modules) - _SHOWN} more"
    hints = [hint for it in modules for hint in _hints(it, modules, gathering=gathering)]
    return "; ".join([f"nothing in {looked_at} is marked with @tool", *hints[:_SHOWN]])


def _hints(
    module: ModuleType, modules: Sequence[ModuleType], *, gathering: Gathering
) -> Iterator[str]:
    own = [
        name
        for name, value in vars(module).items()
        if name[0] != "_"
        and inspect.isroutine(value)
        and getattr(value, "__module__", None) == module.__name__
    ]
    if own:
        yield f"{module.__name__} has the functions {_some(own)}: {_mark_or_expose(own)}"
    yield from _imported_hints(module)
    for name, value in vars(module).items():
        is_own = inspect.isclass(value) and value.__module__ == module.__name__
        if is_own and not issubclass(value, Adapter) and has_marks(value):
            yield (
                f"the class {name} has tools, but does not derive from Adapter: write "
                f'"{module.__name__}:{name}"'
            )
    if len(modules) == 1:
        yield from _module_hints(module, gathering)


def _imported_hints(module: ModuleType) -> Iterator[str]:
    imported: dict[str, list[str]] = {}
    for name, value in vars(module).items():
        if is_marked(value):
            imported.setdefault(value.__module__, []).append(name)
    for origin, names in imported.items():
        what = f"{module.__name__} imports the tools {_some(names)} from {origin}"
        if hasattr(module, "__all__"):
            yield f"{what}, which its `__all__` leaves out"
        else:
            yield f"{what}: to serve them, list them in its `__all__`"


def _module_hints(module: ModuleType, gathering: Gathering) -> Iterator[str]:
    name = module.__name__
    path = getattr(module, "__path__", None)
    if path is not None:
        inside = [it for it in _modules_with_marks(path) if it[0] != "_"]
        if inside:
            first = inside[0]
            yield (
                f"its modules {_some(inside)} have tools: write `from {name}.{first} import *` in "
                f'{name}/__init__.py, or "{name}.*" for all modules of the package'
            )
        return
    for value in vars(module).values():
        if not inspect.ismodule(value) or not gathering.is_own(module, value.__name__):
            continue
        if any(mark_of(it) for it in vars(value).values() if inspect.isroutine(it)):
            other = value.__name__
            yield (
                f"the module {other}, which it imports, has tools: write `from {other} import *`, "
                f'or name both modules in `adapter`: ["{name}", "{other}"]'
            )


def _modules_with_marks(path: Iterable[str]) -> Iterator[str]:
    """Yield the modules of a package whose text has `@tool`; none is imported."""
    for folder in path:
        for it in sorted(pkgutil.iter_modules([folder]), key=lambda it: it.name):
            inner = os.path.join(it.name, "__init__.py") if it.ispkg else f"{it.name}.py"
            try:
                with open(os.path.join(folder, inner), encoding="utf-8", errors="replace") as file:
                    has_mark = _MARK.search(file.read()) is not None
            except OSError:
                continue
            if has_mark:
                yield it.name


def _file_of(module: ModuleType) -> str:
    file: str | None = getattr(module, "__file__", None)
    if file is not None:
        return file
    return f"the folder {', '.join(getattr(module, '__path__', ()))}, which has no __init__.py"


def _mark_or_expose(names: Sequence[str]) -> str:
    listed = ", ".join(f'"{it}"' for it in names[:2]) + (", ..." if len(names) > 2 else "")
    return f"put @tool above them, or name them in the pool's `expose`: [{listed}]"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
