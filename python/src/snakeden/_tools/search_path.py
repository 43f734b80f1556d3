"""Place the adapter's modules on the search path.

The order is: the standard library, the pool's `modulePaths`, `PYTHONPATH`, installed packages. A
`queue.py` beside an adapter therefore breaks neither this package nor anything else that imports
Python's own `queue`. Some names are resolved one by one: the names of adapters, which may be `test`
or `profile`, and those of packages that the worker itself may import later.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Final

__all__ = ["hidden_adapter", "place_module_paths", "shadowed_modules"]

_DEPENDENCIES: Final = frozenset({"google", "grpc", "msgspec", "psutil"})


def place_module_paths(module_paths: Sequence[str], adapters: Collection[str]) -> None:
    """Put the folders after the standard library and before installed packages. `adapters` holds
    the top-level names of the adapters.
    """
    added = [it for it in dict.fromkeys(module_paths) if it not in _standard()]
    finder = _SettledNames(added, adapters)
    rest = [it for it in sys.path if it not in added]
    behind = 1 + max((i for i, it in enumerate(rest) if it in _standard()), default=-1)
    sys.path[:] = [*rest[:behind], *added, *rest[behind:]]
    sys.meta_path.insert(0, finder)


def hidden_adapter(name: str, module_paths: Sequence[str]) -> str | None:
    """Return the adapter's file if another module of its name is loaded already."""
    top = name.partition(".")[0]
    loaded = sys.modules.get(top)
    if loaded is None or top == "snakeden":
        return None
    spec = PathFinder.find_spec(top, list(module_paths))
    if spec is None or not spec.has_location or spec.origin == getattr(loaded, "__file__", None):
        return None
    return spec.origin


def shadowed_modules(module_paths: Sequence[str]) -> Iterator[str]:
    """Return files and packages in these folders that cannot be imported by their name, since a
    module of the standard library has it.
    """
    for folder in module_paths:
        try:
            entries = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        for entry in entries:
            name, extension = os.path.splitext(entry)
            path = os.path.join(folder, entry)
            if name in sys.stdlib_module_names and (
                extension == ".py" or os.path.isfile(os.path.join(path, "__init__.py"))
            ):
                yield path


def _standard() -> frozenset[str]:
    library = os.path.dirname(os.__file__)
    return frozenset(it for it in sys.path if it == library or it.endswith("lib-dynload"))


class _SettledNames(MetaPathFinder):
    def __init__(self, module_paths: Sequence[str], adapters: Collection[str]) -> None:
        self._module_paths = module_paths
        self._adapters = adapters

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None:
            return None
        if fullname in self._adapters:
            return PathFinder.find_spec(fullname, self._module_paths, target)
        if fullname in _DEPENDENCIES:
            elsewhere = [it for it in sys.path if it not in self._module_paths]
            return PathFinder.find_spec(fullname, elsewhere, target)
        return None
