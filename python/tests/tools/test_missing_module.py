from __future__ import annotations

import sys
from pathlib import Path

import pytest

from snakeden._tools.missing_module import missing_module_hint
from tests.tools.conftest import Project


@pytest.fixture(autouse=True)
def _environment_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an environment that the host has built."""
    (tmp_path / "prefix").mkdir()
    (tmp_path / "prefix" / "snakeden-environment.json").write_text("{}")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))


def hint_of(name: str, project: Project) -> str:
    with pytest.raises(ImportError) as caught:
        __import__(name, fromlist=["x"])
    return missing_module_hint(caught.value, [str(project.folder)])


def test_missing_module_hint_names_requirements_and_what_was_searched(project: Project) -> None:
    said = hint_of("cv2", project)
    assert said == (
        "to install it, add opencv-python to a file that `python.requirements` names; if it is a "
        "module of yours, add its folder to `modulePaths`"
    )
    assert str(project.folder) not in said
    assert "add no_such_thing to a file" in hint_of("no_such_thing.inside", project)


def test_missing_module_hint_names_the_interpreter_of_the_user(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", "/usr")
    said = hint_of("yaml_of_mine", project)
    assert said.startswith("to install it, run `python -m pip install yaml_of_mine` with")


def test_missing_module_hint_names_modules_near_it(project: Project) -> None:
    project.write(statistic_tools="x = 1")
    assert hint_of("statistics_tools", project).startswith("did you mean statistic_tools? ")


def test_missing_module_hint_says_what_a_package_has(project: Project) -> None:
    assert hint_of("snakeden.demo.tool", project).endswith(
        "has no module 'tool' (did you mean tools?)"
    )
    assert (
        hint_of("snakeden.tool.inside", project) == "'snakeden.tool' is no package that has modules"
    )


def test_missing_module_hint_knows_the_standard_library() -> None:
    error = ModuleNotFoundError("No module named '_tkinter'", name="_tkinter")
    assert "the standard library of Python 3." in missing_module_hint(error, [])


@pytest.mark.parametrize("error", [ImportError("x"), ModuleNotFoundError("x"), ValueError("x")])
def test_missing_module_hint_is_empty_for_other_errors(error: Exception) -> None:
    assert missing_module_hint(error, []) == ""
