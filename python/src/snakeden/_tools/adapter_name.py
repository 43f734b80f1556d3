"""The forms in which a pool names its adapters: `module`, `module:Class` and `package.*`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from snakeden.errors import AdapterError

__all__ = ["AdapterName", "parse_names"]

_NAME: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_EVERY_MODULE: Final = ".*"


class AdapterName(NamedTuple):
    """One adapter of a pool."""

    text: str
    """The name as the pool has it."""
    label: str
    """The name in error texts; in a list, with its place."""
    module: str
    class_path: str
    """The class in the module, such as `Outer.Inner`; empty for the module itself."""
    every_module: bool
    """True for `package.*`, the modules of a package."""


def parse_names(texts: Sequence[str]) -> list[AdapterName]:
    """Split the names of adapters into their parts.

    Raises:
        AdapterError: One has another form; the text says how to write it, where that is clear.
    """
    if not texts:
        raise AdapterError("the pool names no adapter")
    return [
        _parse(text, f"adapter '{text}'{_place(number, len(texts))}")
        for number, text in enumerate(texts, start=1)
    ]


def _place(number: int, count: int) -> str:
    return "" if count == 1 else f" ({number} of {count})"


def _parse(text: str, label: str) -> AdapterName:
    every_module = text.endswith(_EVERY_MODULE)
    module, colon, class_path = text.removesuffix(_EVERY_MODULE).partition(":")
    is_named = _NAME.fullmatch(module) and not module.endswith(".py")
    if not is_named or (colon and (every_module or not _NAME.fullmatch(class_path))):
        raise AdapterError(
            f"{label} is not of the form `module`, `module:Class` or `package.*`{_hint(text)}"
        )
    return AdapterName(text, label, module, class_path, every_module)


def _hint(text: str) -> str:
    """Return advice for writing a file name as a module name; empty for other text."""
    path, colon, class_path = text.partition(":")
    folder, file = os.path.split(path.replace("\\", "/").removesuffix(".py"))
    if os.path.isabs(folder) or folder.split("/")[0] == "..":
        if not _NAME.fullmatch(file):
            return ""
        return f'; write "{file}{colon}{class_path}", and put its folder, {folder}, in modulePaths'
    dotted = ".".join(it for it in [*folder.split("/"), file] if it not in ("", "."))
    if dotted == path or (colon and not _NAME.fullmatch(class_path)):
        return ""
    if not _NAME.fullmatch(dotted):
        near = dotted.replace("-", "_")
        if not _NAME.fullmatch(near):
            return ""
        return f'; Python cannot import a name with "-": rename the file, and write "{near}"'
    what = ""
    if folder not in ("", "."):
        what = "use dots: "
    elif path.endswith(".py"):
        what = "leave out .py: "
    return f'; {what}write "{dotted}{colon}{class_path}"'
