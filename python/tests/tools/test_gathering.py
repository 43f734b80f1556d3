"""The tools that belong to a module, a package and a list of adapters."""

from __future__ import annotations

import re
import sys

import pytest

from snakeden._tools.adapter_loader import load_adapter
from snakeden.errors import AdapterError
from tests.tools.conftest import Project

A = """
@tool
def a(): return "a"
def helper(): pass
"""
B = A.replace("a()", "b()")


def test_load_adapter_serves_the_tools_of_a_list_in_order(project: Project) -> None:
    project.write(
        b=B,
        a=A,
        counts="""
class Counts(Adapter):
    @tool
    def count(self): pass
@tool
def left_out(): pass
""",
    )
    assert project.tools("b", "counts:Counts", "a") == ["b", "count", "a"]


def test_load_adapter_serves_what_a_module_imports_by_name(project: Project) -> None:
    project.write(sub=A, other=B, named="from sub import a, helper", star="from sub import *")
    assert project.tools("named") == ["a"]
    assert project.tools("star") == ["a"]


def test_load_adapter_serves_what_a_package_imports_by_name(project: Project) -> None:
    project.write(
        mytools__="from .a import *\nfrom mytools.classes import Things\n",
        mytools__a=A,
        mytools__b=B,
        mytools__classes="""
class Base(Adapter):
    @tool
    def base(self): pass
class Things(Base):
    @tool
    def thing(self): pass
""",
    )
    assert project.tools("mytools") == ["a", "base", "thing"]


def test_load_adapter_lets_all_decide_about_what_is_imported(project: Project) -> None:
    project.write(
        sub=A + B, adapter="from sub import a, b\n__all__ = ['b']\n@tool\ndef own(): pass"
    )
    assert project.tools("adapter") == ["b", "own"]


def test_load_adapter_leaves_out_private_names_and_tools_of_others(project: Project) -> None:
    project.write(
        sub=A,
        adapter="from sub import a as _a\nfrom snakeden.demo import ping\n@tool\ndef own(): pass",
    )
    assert project.tools("adapter") == ["own"]


def test_load_adapter_leaves_out_the_tools_of_modules_that_are_only_imported(
    project: Project,
) -> None:
    project.write(sub=A, adapter="import sub\n@tool\ndef own(): return sub.a()")
    assert project.tools("adapter") == ["own"]


def test_load_adapter_serves_every_module_of_a_package(project: Project) -> None:
    project.write(
        mytools__="",
        mytools__b=B,
        mytools__a=A,
        mytools__model="x = 1",
        mytools__inner__="from .deep import c",
        mytools__inner__deep=A.replace("a()", "c()"),
    )
    (project.folder / "mytools" / "_private.py").write_text("raise RuntimeError('imported')")
    assert project.tools("mytools.*") == ["a", "b", "c"]
    (project.folder / "mytools" / "__init__.py").unlink()
    for name in [it for it in sys.modules if it.startswith("mytools")]:
        del sys.modules[name]
    assert project.tools("mytools.*") == ["a", "b", "c"]


def test_load_adapter_names_the_module_of_a_package_that_cannot_be_imported(
    project: Project,
) -> None:
    project.write(mytools__="", mytools__a=A, mytools__b="import missing_library")
    said = project.refused("mytools.*")
    assert said.startswith("adapter 'mytools.*': module 'mytools.b' cannot be imported: ")
    project.write(plain=A)
    assert "'plain' is a module, not a package; write \"plain\"" in project.refused("plain.*")


def test_load_adapter_serves_all_adapter_classes_of_a_module(project: Project) -> None:
    project.write(
        two="""
from abc import abstractmethod, ABC
class A(Adapter):
    @tool
    def a(self): pass
class B(Adapter):
    @tool
    def b(self): pass
class Abstract(ABC, Adapter):
    @abstractmethod
    def x(self): pass
"""
    )
    assert project.tools("two") == ["a", "b"]
    assert project.tools("two:B") == ["b"]


def test_load_adapter_makes_one_instance_of_a_class_that_is_named_twice(project: Project) -> None:
    project.write(
        one="""
made = []
class One(Adapter):
    def __init__(self): made.append(self)
    @tool
    def x(self): return self
""",
        two="from one import One\n@tool\ndef y(): pass",
    )
    loaded = project.load("one", "one:One", "two")
    assert list(loaded.tools) == ["x", "y"]
    assert len(sys.modules["one"].made) == 1


def test_load_adapter_names_both_places_of_tools_with_the_same_name(project: Project) -> None:
    project.write(x=A, y=f"\n\n{A}")
    said = project.refused("x", "y")
    assert said.startswith("the adapters 'x', 'y' cannot be served: adapter 'y' (2 of 2): ")
    assert "two tools are named 'a': a (DIR/x.py:3) and a (DIR/y.py:5); give one" in said


def test_load_adapter_says_which_of_a_list_is_at_fault(project: Project) -> None:
    project.write(x=A, empty="x = 1", broken="raise ValueError('why')")
    assert project.refused("x", "empty").startswith("adapter 'empty' (2 of 2) has no tools: ")
    assert project.refused("x", "broken").startswith("adapter 'broken' (2 of 2) raised ValueError")
    assert "adapter 'gone' (1 of 2) was not found" in project.refused("gone", "x")
    assert "adapter 'x/y' (2 of 2) is not of the form" in project.refused("x", "x/y")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"it": "def f(): pass\ndef g(): pass\ndef h(): pass\ndef _p(): pass"},
            (
                "nothing in it (DIR/it.py) is marked with @tool; it has the functions f, g, h: "
                'put @tool above them, or name them in the pool\'s `expose`: ["f", "g", ...]'
            ),
        ),
        (
            {"it": "from snakeden.demo import add, ping"},
            (
                "it imports the tools add, ping from snakeden.demo.tools: to serve them, list "
                "them in its `__all__`"
            ),
        ),
        (
            {"it": "from sub import a\n__all__ = []", "sub": A},
            ("it imports the tools a from sub, which its `__all__` leaves out"),
        ),
        (
            {"it": "import sub", "sub": A},
            (
                "the module sub, which it imports, has tools: write `from sub import *`, or name "
                'both modules in `adapter`: ["it", "sub"]'
            ),
        ),
        (
            {"it": "class Duck:\n  @tool\n  def quack(self): pass"},
            ('the class Duck has tools, but does not derive from Adapter: write "it:Duck"'),
        ),
        (
            {"it__": "", "it__a": A, "it__b": "import a_module_that_is_missing\n" + B},
            (
                "nothing in it (DIR/it/__init__.py) is marked with @tool; its modules a, b have "
                'tools: write `from it.a import *` in it/__init__.py, or "it.*" for all modules'
            ),
        ),
        (
            {"it__a": A},
            (
                "nothing in it (the folder DIR/it, which has no __init__.py) is marked with @tool; "
                "its modules a have tools"
            ),
        ),
    ],
)
def test_load_adapter_says_what_it_looked_at_when_there_are_no_tools(
    project: Project, files: dict[str, str], said: str
) -> None:
    assert said in project.write(**files).refused("it")


def test_load_adapter_names_the_methods_of_a_class_without_tools(project: Project) -> None:
    project.write(it="class It(Adapter):\n  x = 1\n  def f(self): pass\n  def setup(self): pass")
    assert (
        "nothing in class It is marked with @tool; it has the methods f: put @tool above them"
        in project.refused("it:It")
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sub/x", 'use dots: write "sub.x"'),
        ("./sub/x.py", 'use dots: write "sub.x"'),
        ("sub\\x.py:Class", 'use dots: write "sub.x:Class"'),
        ("./x.py", 'leave out .py: write "x"'),
        ("./x", 'write "x"'),
        ("x.py", 'leave out .py: write "x"'),
        ("/home/me/x.py", 'write "x", and put its folder, /home/me, in modulePaths'),
        ("../lib/x.py", 'write "x", and put its folder, ../lib, in modulePaths'),
        (
            "my-tools.py",
            'Python cannot import a name with "-": rename the file, and write "my_tools"',
        ),
    ],
)
def test_load_adapter_says_how_to_write_the_name_of_a_file(
    project: Project, name: str, hint: str
) -> None:
    said = project.refused(name)
    form = "is not of the form `module`, `module:Class` or `package.*`"
    assert said == f"adapter '{name}' {form}; {hint}"


def test_load_adapter_says_what_a_dotted_name_should_have_been(project: Project) -> None:
    project.write(
        texts=A + "class Texts(Adapter): pass", mytools__="", mytools__stats=A, sub__deep=A
    )
    assert "'Texts' is a class in the module 'texts'; write \"texts:Texts\"" in project.refused(
        "texts.Texts"
    )
    assert "'a' is a function in the module 'texts'; write \"texts\"" in project.refused("texts.a")
    assert "'texts' is a module, not a package" in project.refused("texts.gone")
    assert "the package 'mytools' in DIR/mytools has no module 'stat' (did you mean stats?)" in (
        project.refused("mytools.stat")
    )
    assert "no module 'deep' (there is DIR/sub/deep.py: write \"sub.deep\")" in project.refused(
        "deep"
    )


def test_load_adapter_sets_up_in_order_and_tears_down_in_reverse(project: Project) -> None:
    project.write(
        events="log = []",
        one="""
from events import log
class One(Adapter):
    def setup(self): log.append("one up")
    async def teardown(self): log.append("one down")
    @tool
    def one(self): pass
""",
        two="""
from events import log
class Two(Adapter):
    def setup(self): log.append("two up")
    def teardown(self):
        log.append("two down")
        raise OSError("busy")
    @tool
    def two(self): pass
""",
    )
    loaded = project.load("one", "two")
    log = sys.modules["events"].log
    assert log == []
    loaded.set_up()
    names: list[str] = []

    def guard(step: object, name: str) -> None:
        names.append(name)
        try:
            step()  # type: ignore[operator]
        except OSError:
            log.append("went on")

    loaded.teardown(guard)
    loaded.teardown(guard)
    assert log == ["one up", "two up", "two down", "went on", "one down"]
    assert names == ["Two.teardown()", "One.teardown()"]


def test_load_adapter_tears_down_what_was_set_up_before_a_setup_that_failed(
    project: Project,
) -> None:
    code = """
class {0}(Adapter):
    def setup(self): {1}
    def teardown(self): log.append("{0} down")
    @tool
    def {0}_tool(self): pass
"""
    project.write(
        three="log = []"
        + code.format("A", "pass")
        + code.format("B", "raise OSError('no disk')")
        + code.format("C", "pass")
    )
    loaded = project.load("three")
    with pytest.raises(AdapterError, match=re.escape("raised OSError in B.setup(): no disk")):
        loaded.set_up()
    loaded.teardown()
    assert sys.modules["three"].log == ["A down"]


def test_load_adapter_refuses_an_empty_list() -> None:
    with pytest.raises(AdapterError, match="names no adapter"):
        load_adapter([])
