"""Classes and modules that do not declare `thread_safe = True`."""

from __future__ import annotations

import pytest

from tests.tools.conftest import Project, project

__all__ = ["project"]

MIXED = """
thread_safe = True
@tool
def add(a: int, b: int) -> int: return a + b
class Safe(Adapter):
    thread_safe = True
    @tool
    def read(self) -> int: return 1
    @tool
    @staticmethod
    def still() -> int: return 1
class Unsafe(Adapter):
    @tool
    def write(self) -> int: return 1
"""


def test_a_class_and_a_module_declare_each_for_itself(project: Project) -> None:
    project.write(mixed=MIXED)
    assert project.load("mixed").undeclared() == ["class Unsafe has no `thread_safe = True`"]
    assert project.load("mixed:Safe").undeclared() == []
    plain = project.write(plain="@tool\ndef a(): ...\n@tool\ndef b(): ...").load("plain")
    assert plain.undeclared() == ["module plain has no `thread_safe = True`"]


def test_a_module_declares_what_it_imports_and_what_is_imported_from_it(project: Project) -> None:
    words = "@tool\ndef count(text: str) -> int: return 1"
    project.write(
        one__="thread_safe = True\nfrom one.words import count",
        one__words=words,
        two__="from two.words import count",
        two__words=f"thread_safe = True\n{words}",
        three__="from three.words import count",
        three__words=words,
    )
    assert project.load("one").undeclared() == []
    assert project.load("two").undeclared() == []
    assert project.load("three").undeclared() == [
        "module three has no `thread_safe = True`, and neither has three.words"
    ]


def test_a_subclass_inherits_the_declaration_and_may_take_it_back(project: Project) -> None:
    base = "class Base(Adapter):\n    thread_safe = True\n    @tool\n    def a(self): ...\n"
    project.write(
        keeps=f"{base}class Keeps(Base): pass", takes=f"{base}class T(Base): thread_safe = False"
    )
    assert project.load("keeps").undeclared() == []
    assert project.load("takes").undeclared() == ["class T has no `thread_safe = True`"]


@pytest.mark.parametrize("value", ["1", "'yes'", "None"])
def test_only_true_declares(project: Project, value: str) -> None:
    project.write(
        texts=f"class T(Adapter):\n    thread_safe = {value}\n    @tool\n    def a(self): ..."
    )
    assert project.load("texts").undeclared() == [
        f"class T has `thread_safe = {value}`, which must be True"
    ]
