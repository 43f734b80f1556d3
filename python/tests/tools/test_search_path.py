from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from snakeden._tools.search_path import place_module_paths, shadowed_modules


@pytest.fixture(autouse=True)
def _restore_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))


def test_place_module_paths_puts_them_between_the_library_and_what_is_installed(
    tmp_path: Path,
) -> None:
    library = os.path.dirname(os.__file__)
    first, second = str(tmp_path / "a"), str(tmp_path / "b")
    sys.path[:] = ["/package", library, f"{library}/lib-dynload", second, "/site-packages"]
    place_module_paths([first, second, first], {"tools"})
    standard = [library, f"{library}/lib-dynload"]
    assert sys.path == ["/package", *standard, first, second, "/site-packages"]


def test_place_module_paths_finds_dependencies_and_the_adapter_where_they_are_meant(
    tmp_path: Path,
) -> None:
    for name in ("psutil", "calendar", "statistics"):
        (tmp_path / f"{name}.py").write_text("")
    place_module_paths([str(tmp_path)], {"statistics", "tools"})
    origins = {}
    for name in ("psutil", "calendar", "statistics"):
        for finder in sys.meta_path:
            spec = finder.find_spec(name, None)
            if spec is not None:
                origins[name] = str(spec.origin)
                break
    assert origins["statistics"] == str(tmp_path / "statistics.py")
    assert not origins["psutil"].startswith(str(tmp_path))
    assert not origins["calendar"].startswith(str(tmp_path))
    assert importlib.util.find_spec("nothing_of_that_name") is None


def test_shadowed_modules_names_files_and_packages(tmp_path: Path) -> None:
    (tmp_path / "queue.py").write_text("")
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "__init__.py").write_text("")
    (tmp_path / "logging").mkdir()  # A folder without modules is nothing to import.
    (tmp_path / "mine.py").write_text("")
    found = list(shadowed_modules([str(tmp_path), str(tmp_path / "missing")]))
    assert found == [str(tmp_path / "json"), str(tmp_path / "queue.py")]
