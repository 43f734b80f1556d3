from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from snakeden._tools.adapter_loader import LoadedAdapter, load_adapter
from snakeden.errors import AdapterError

IMPORTS = "from snakeden import Adapter, tool\n"


class Project:
    """A folder of a user, whose modules are loaded as adapters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, **files: str) -> Project:
        """Write modules: `mytools__a` stands for mytools/a.py, `mytools__` for its `__init__.py`.

        The names of `snakeden` are imported in each.
        """
        for name, code in files.items():
            package, is_inside, module = name.rpartition("__")
            folder = self.folder.joinpath(*package.split("__")) if is_inside else self.folder
            folder.mkdir(parents=True, exist_ok=True)
            text = f"{IMPORTS}{code}" if code else ""
            (folder / f"{module or '__init__'}.py").write_text(text, encoding="utf-8")
        return self

    def load(self, *names: str, expose: Sequence[str] = ()) -> LoadedAdapter:
        return load_adapter(names, [str(self.folder)], expose=expose)

    def tools(self, *names: str, expose: Sequence[str] = ()) -> list[str]:
        return list(self.load(*names, expose=expose).tools)

    def refused(self, *names: str, expose: Sequence[str] = ()) -> str:
        with pytest.raises(AdapterError) as caught:
            self.load(*names, expose=expose)
        return str(caught.value).replace(str(self.folder), "DIR")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A folder whose modules are forgotten after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before: Mapping[str, object] = dict(sys.modules)
    yield Project(tmp_path)
    for name in set(sys.modules).difference(before):
        del sys.modules[name]
