"""Advice about modules that cannot be imported, for error texts."""

from __future__ import annotations

import difflib
import importlib.util
import os
import pkgutil
import platform
import sys
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any, Final

import snakeden

__all__ = ["folders_searched", "missing_module_hint", "near_names"]

_DISTRIBUTIONS: Final = MappingProxyType(
    {
        "PIL": "pillow",
        "bs4": "beautifulsoup4",
        "cv2": "opencv-python",
        "dateutil": "python-dateutil",
        "dotenv": "python-dotenv",
        "fitz": "pymupdf",
        "skimage": "scikit-image",
        "sklearn": "scikit-learn",
        "yaml": "pyyaml",
    }
)
"""Packages that are not installed by the name of their module."""

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(snakeden.__file__)))
_NAME: Final[Any] = ImportError.__dict__["name"]


def missing_module_hint(error: BaseException, module_paths: Sequence[str]) -> str:
    """Return what is known here of the module that a `ModuleNotFoundError` misses; empty for other
    errors. The host, which knows where packages come from, appends how to install one.

    It names no path of this machine: callers who are shown no tracebacks see the text.
    """
    if not issubclass(type(error), ModuleNotFoundError):
        return ""
    # The attribute of ImportError itself: a class of the user may override it.
    name = _NAME.__get__(error)
    if type(name) is not str or not name:
        return ""
    top = name.partition(".")[0]
    if top != name and _is_there(top):
        return _not_in_package(name)
    if top in sys.stdlib_module_names:
        return f"the standard library of Python {platform.python_version()} does not have it"
    own = [it.name for it in pkgutil.iter_modules(list(module_paths))]
    if near := difflib.get_close_matches(top, own, n=3, cutoff=0.75):
        return f"did you mean {' or '.join(near)}?"
    return f"its package is {_DISTRIBUTIONS[top]}" if top in _DISTRIBUTIONS else ""


def folders_searched(module_paths: Sequence[str]) -> str:
    """Return the folders that are searched for modules, except Python's own."""
    library = os.path.dirname(os.__file__)
    others = [
        it
        for it in sys.path
        if it != library and not it.endswith(("lib-dynload", ".zip")) and it != _PACKAGE
    ]
    return ", ".join(path or "." for path in dict.fromkeys([*module_paths, *others]))


def near_names(name: str, candidates: Iterable[str]) -> str:
    """Return ` (did you mean x?)`, or what there is instead; empty when there is nothing."""
    known = list(candidates)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f" (did you mean {' or '.join(near)}?)"
    return f" (there is {', '.join(sorted(known)[:10])})" if known else ""


def _is_there(top: str) -> bool:
    try:
        return top in sys.modules or importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _not_in_package(name: str) -> str:
    parent, _, last = name.rpartition(".")
    package = sys.modules.get(parent)
    path = getattr(package, "__path__", None)
    if package is None or path is None:
        return f"'{parent}' is no package that has modules"
    near = near_names(last, (it.name for it in pkgutil.iter_modules(path)))
    return f"the package '{parent}' has no module '{last}'{near}"
