from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

from snakeden._worker.system.fresh_source import read_sources_afresh


@pytest.fixture(autouse=True)
def _restore_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(sys, "path_hooks", list(sys.path_hooks))
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    # Pytest may ask for none to be written, and it is them that this is about.
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def _write(path: Path, text: str) -> None:
    """Write a file whose time of change is always the same."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (1_000_000_000, 1_000_000_000))


def _value_of(name: str) -> object:
    importlib.invalidate_caches()
    sys.modules.pop(name, None)
    return importlib.import_module(name).VALUE


@pytest.mark.parametrize("name", ["edited_twice", "edited_package.inner"])
def test_read_sources_afresh_sees_a_second_edit_of_the_same_length_in_the_same_second(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / f"{name.replace('.', '/')}.py"
    _write(path, "VALUE = 1\n")
    assert _value_of(name) == 1
    _write(path, "VALUE = 2\n")
    assert _value_of(name) == 1, "Python itself trusts what it has cached"
    imported: list[str] = []
    read_sources_afresh(imported.append)
    assert _value_of(name) == 2
    assert imported[-1] == str(path)
    _write(path, "VALUE = 3\n")
    assert _value_of(name) == 3


def test_read_sources_afresh_writes_no_bytecode(tmp_path: Path) -> None:
    read_sources_afresh(lambda _path: None)
    _write(tmp_path / "leaves_nothing.py", "VALUE = 1\n")
    assert _value_of("leaves_nothing") == 1
    assert not (tmp_path / "__pycache__").exists()


def test_read_sources_afresh_leaves_the_modules_of_others_as_they_are(tmp_path: Path) -> None:
    read_sources_afresh(lambda _path: None)
    installed = tmp_path / "site-packages"
    _write(installed / "of_others.py", "VALUE = 1\n")
    sys.path.append(str(installed))
    assert _value_of("of_others") == 1
    assert list((installed / "__pycache__").iterdir())
    json = importlib.import_module("json.tool")
    assert type(json.__loader__).__name__ == "SourceFileLoader"
    sys.modules.pop("snakeden.demo", None)
    demo = importlib.import_module("snakeden.demo")
    assert type(demo.__loader__).__name__ == "SourceFileLoader"


@pytest.mark.parametrize("prefix", ["prefix", "base_prefix"])
def test_read_sources_afresh_takes_a_project_below_the_prefix_of_python_for_code_of_the_user(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, prefix, str(tmp_path))
    imported: list[str] = []
    read_sources_afresh(imported.append)
    _write(tmp_path / "below_prefix.py", "VALUE = 1\n")
    assert _value_of("below_prefix") == 1
    assert imported == [str(tmp_path / "below_prefix.py")]


def test_read_sources_afresh_names_the_file_that_a_link_leads_to(tmp_path: Path) -> None:
    imported: list[str] = []
    read_sources_afresh(imported.append)
    _write(tmp_path / "real" / "__init__.py", "VALUE = 1\n")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    assert _value_of("linked") == 1
    assert imported == [str(tmp_path / "real" / "__init__.py")]
