from __future__ import annotations

import pytest

from snakeden._tools.missing_module import missing_module_hint
from tests.tools.conftest import Project


def hint_of(name: str, project: Project) -> str:
    with pytest.raises(ImportError) as caught:
        __import__(name, fromlist=["x"])
    return missing_module_hint(caught.value, [str(project.folder)])


def test_missing_module_hint_names_a_package_with_another_name(project: Project) -> None:
    assert hint_of("cv2", project) == "its package is opencv-python"
    assert hint_of("sklearn_of_mine.inside", project) == ""


def test_missing_module_hint_names_modules_near_it(project: Project) -> None:
    project.write(statistic_tools="x = 1")
    assert hint_of("statistics_tools", project) == "did you mean statistic_tools?"


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
