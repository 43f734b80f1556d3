"""Compile the user's modules from their source at every start, for workers whose files are watched.

Python trusts a cached file of bytecode if it names the size of the source and the second of its
last change. Two saves in one second may well have the same size, and the second one would never be
seen.
"""

from __future__ import annotations

import os
import sys
import sysconfig
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
from typing import Final

__all__ = ["read_sources_afresh"]

_PACKAGES: Final = ("site-packages", "dist-packages")
"""Folders of installed packages; Debian has a name of its own for them."""


def read_sources_afresh(on_import: Callable[[str], None]) -> None:
    """Read source files afresh from now on, in all folders of the search path except those of
    Python itself, of installed packages, and of this package. `on_import` is called with the
    real path of each file that is imported, on the importing thread.
    """

    class FreshLoader(SourceFileLoader):
        def get_code(self, fullname: str) -> CodeType | None:
            """Compile the source; neither read nor write a cached file."""
            path = self.get_filename(fullname)
            on_import(os.path.realpath(path))
            return self.source_to_code(self.get_data(path), path)

    fresh = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (FreshLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )
    package = str(Path(__file__).resolve().parents[3])
    # Not sys.prefix: it may be the folder of the user's project, or /usr.
    library = os.path.dirname(os.__file__)
    installed = (sysconfig.get_path(it) for it in ("platstdlib", "purelib", "platlib"))
    foreign = tuple(
        os.path.join(os.path.realpath(it), "") for it in (package, library, *installed) if it
    )
    sys.path_hooks.insert(0, _hook(fresh, foreign))
    # A folder that was on the search path before may have a finder already.
    sys.path_importer_cache.clear()


def _hook(
    fresh: Callable[[str], PathEntryFinder], foreign: tuple[str, ...]
) -> Callable[[str], PathEntryFinder]:
    def find(path: str) -> PathEntryFinder:
        real = os.path.join(os.path.realpath(path), "")
        if real.startswith(foreign) or any(f"{os.sep}{it}{os.sep}" in real for it in _PACKAGES):
            raise ImportError(f"{path} holds no code of the user", path=path)
        return fresh(path)

    return find
