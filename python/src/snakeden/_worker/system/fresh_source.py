"""Compile the user's modules from their source at every start, for workers whose files are watched.

Python trusts a cached file of bytecode if it names the size of the source and the second of its
last change. Two saves in one second may well have the same size, and the second one would never be
seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.abc import PathEntryFinder
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType

__all__ = ["read_sources_afresh"]


def read_sources_afresh(on_import: Callable[[str], None]) -> None:
    """Read source files afresh from now on, in all folders of the search path except those of
    Python itself, of installed packages, and of this package. `on_import` is called with each
    file that is imported, on the importing thread.
    """

    class FreshLoader(SourceFileLoader):
        def get_code(self, fullname: str) -> CodeType | None:
            """Compile the source; neither read nor write a cached file."""
            path = self.get_filename(fullname)
            on_import(path)
            return self.source_to_code(self.get_data(path), path)

    fresh = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (FreshLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )
    package = str(Path(__file__).resolve().parents[3])
    foreign = tuple(
        os.path.join(os.path.realpath(it), "") for it in (sys.prefix, sys.base_prefix, package)
    )
    sys.path_hooks.insert(0, _hook(fresh, foreign))


def _hook(
    fresh: Callable[[str], PathEntryFinder], foreign: tuple[str, ...]
) -> Callable[[str], PathEntryFinder]:
    def find(path: str) -> PathEntryFinder:
        real = os.path.join(os.path.realpath(path), "")
        if real.startswith(foreign) or f"{os.sep}site-packages{os.sep}" in real:
            raise ImportError(f"{path} holds no code of the user", path=path)
        return fresh(path)

    return find
