"""Import the modules that a pool names as its adapters, and say why one cannot be imported."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

from snakeden._tools.adapter_name import AdapterName
from snakeden._tools.missing_module import folders_searched, near_names
from snakeden._tools.search_path import hidden_adapter, shadowed_modules
from snakeden.errors import AdapterError

__all__ = ["ModuleImport", "error_text"]


class ModuleImport:
    """Imports modules of adapters; `hint` adds to the text of what their code raises."""

    def __init__(self, module_paths: Sequence[str], hint: Callable[[BaseException], str]) -> None:
        self._module_paths = module_paths
        self._hint = hint

    def modules(self, name: AdapterName) -> list[ModuleType]:
        """Import the module; for `package.*`, all modules of the package but private ones.

        Raises:
            AdapterError: One cannot be imported; `__cause__` holds what its own code raised.
        """
        if hidden := hidden_adapter(name.module, self._module_paths):
            raise AdapterError(
                f"{name.label} cannot be imported: the worker itself uses another module of that "
                f"name; rename {hidden}"
            )
        module = self._import(name, name.module)
        if not name.every_module:
            return [module]
        path = getattr(module, "__path__", None)
        if path is None:
            raise AdapterError(
                f"{name.label} cannot be imported: '{name.module}' is a module, not a package; "
                f'write "{name.module}"'
            )
        inside = sorted(it.name for it in pkgutil.iter_modules(path) if it.name[0] != "_")
        return [module, *(self._import(name, f"{name.module}.{it}") for it in inside)]

    def _import(self, name: AdapterName, module: str) -> ModuleType:
        what = name.label if module == name.module else f"{name.label}: module '{module}'"
        try:
            return importlib.import_module(module)
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if missing != module and not module.startswith(f"{missing}."):
                raise AdapterError(
                    f"{what} cannot be imported: it needs a module that is not there: "
                    f"{error_text(error, self._hint)}; searched "
                    f"{folders_searched(self._module_paths)}"
                ) from error
            raise AdapterError(self._not_found(name, missing)) from None
        except SystemExit as error:
            raise AdapterError(
                f"{what} left by sys.exit({error.code!r}) while it was imported"
            ) from error
        except BaseException as error:
            raise AdapterError(
                f"{what} raised {type(error).__name__} while it was imported: "
                f"{error_text(error, self._hint)}{self._shadow_hint(error)}"
            ) from error

    def _shadow_hint(self, error: BaseException) -> str:
        """Name files that the adapter may have meant to import when it got Python's own instead."""
        if not isinstance(error, (ImportError, AttributeError)):
            return ""
        shadowed = list(shadowed_modules(self._module_paths))[:3]
        if not shadowed:
            return ""
        return f"; the standard library has modules of the same name as {' and '.join(shadowed)}"

    def _not_found(self, name: AdapterName, missing: str) -> str:
        parent, _, last = missing.rpartition(".")
        package = sys.modules.get(parent)
        if package is not None:
            return f"{name.label} was not found: {_not_inside(package, last)}"
        kind = "module" if missing == name.module else "package"
        near = self._below(missing) or near_names(
            missing, (it.name for it in pkgutil.iter_modules(list(self._module_paths)))
        )
        return (
            f"{name.label} was not found: there is no {kind} '{missing}'{near}; searched "
            f"{folders_searched(self._module_paths)}"
        )

    def _below(self, name: str) -> str:
        """Return a hint if a folder in the module paths has the module."""
        for folder in self._module_paths:
            try:
                inner = sorted(it.name for it in os.scandir(folder or ".") if it.is_dir())
            except OSError:
                continue
            for it in inner:
                if it.isidentifier() and os.path.isfile(os.path.join(folder, it, f"{name}.py")):
                    return f' (there is {os.path.join(folder, it, name)}.py: write "{it}.{name}")'
        return ""


def _not_inside(package: ModuleType, last: str) -> str:
    """Return why `package` has no module `last`, and how to name a class or a function in it."""
    parent = package.__name__
    found = getattr(package, last, None)
    if inspect.isclass(found):
        return f"'{last}' is a class in the module '{parent}'; write \"{parent}:{last}\""
    if inspect.isroutine(found):
        return (
            f"'{last}' is a function in the module '{parent}'; write \"{parent}\", and name the "
            f'function in `expose`: ["{last}"]'
        )
    path = getattr(package, "__path__", None)
    if path is None:
        return f"'{parent}' is a module, not a package, so there is no '{last}' in it"
    near = near_names(last, (it.name for it in pkgutil.iter_modules(path)))
    return f"the package '{parent}' in {', '.join(path)} has no module '{last}'{near}"


def error_text(error: BaseException, hint: Callable[[BaseException], str]) -> str:
    """Return the text of an error followed by its hint, even if `str(error)` raises."""
    try:
        text = str(error)
    except BaseException:
        text = f"<unprintable {type(error).__name__}>"
    added = hint(error)
    return f"{text} ({added})" if added else text
