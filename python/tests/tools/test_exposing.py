"""The functions that a pool names in `expose`."""

from __future__ import annotations

import sys

import pytest

from tests.tools.conftest import Project

PLAIN = """
import functools, math, os
from json import dumps
from math import sqrt

def classify(text: str, top: int = 3) -> list[str]:
    '''Classify one text.

    At length.
    '''
    return [text] * top

async def embed_one(text: str) -> list[float]: return [0.0]
def embed_all(texts: list[str]):
    yield from texts
def _embed_private(): pass
@functools.lru_cache
def cached(n: int) -> int: return n
add = lambda a, b: a + b
LIMIT = 3
class Texts:
    '''Has no mark anywhere.'''
    def __init__(self): self.calls = 0
    def setup(self): self.calls = 10
    def count(self) -> int:
        self.calls += 1
        return self.calls
    def classify(self, text: str): return text
    def forgetful(text): return text
    @staticmethod
    def still(n: int): return n
    @property
    def explosive(self): raise RuntimeError("looked at")
class Mine(Adapter):
    def in_class(self): return "mine"
partial = functools.partial(classify, top=1)
"""


@pytest.fixture
def plain(project: Project) -> Project:
    return project.write(texts=PLAIN)


@pytest.mark.parametrize(
    ("expose", "tools"),
    [
        (["classify"], ["classify"]),
        (["embed_*"], ["embed_one", "embed_all"]),
        (["embed_?ne", "classify", "embed_one"], ["classify", "embed_one"]),
        (["add", "cached"], ["cached", "add"]),
        (["dumps"], ["dumps"]),
        (["in_*"], ["in_class"]),
        (["*"], ["classify", "embed_one", "embed_all", "cached", "add", "in_class"]),
    ],
)
def test_load_adapter_serves_the_functions_that_the_pool_names(
    plain: Project, expose: list[str], tools: list[str]
) -> None:
    assert plain.tools("texts", expose=expose) == tools


def test_load_adapter_reads_hints_and_docstring_of_a_plain_function(plain: Project) -> None:
    tool = plain.load("texts", expose=["classify", "embed_all"]).tools
    assert tool["classify"].description == "Classify one text."
    assert tool["classify"].function("x") == ["x"] * 3
    assert '"top"' in tool["classify"].schema.input_schema
    assert not tool["classify"].idempotent
    assert tool["embed_all"].schema.streams


def test_load_adapter_serves_the_methods_that_the_pool_names(plain: Project) -> None:
    loaded = plain.load("texts:Texts", expose=["c*", "still"])
    assert list(loaded.tools) == ["count", "classify", "still"]
    loaded.set_up()
    assert loaded.tools["count"].function() == 11


def test_load_adapter_makes_no_instance_of_a_class_that_the_pool_does_not_name(
    project: Project,
) -> None:
    project.write(
        it="""
class Heavy(Adapter):
    def __init__(self): raise MemoryError
    @tool
    def heavy(self): pass
def light(): pass
"""
    )
    assert project.tools("it", expose=["light"]) == ["light"]
    assert "Heavy() raised MemoryError" in project.refused("it", expose=["heavy"])


def test_load_adapter_chooses_among_marked_functions_too(project: Project) -> None:
    project.write(
        it="""
@tool(name="renamed", idempotent=True)
def a(): pass
@tool
def b(): pass
def c(): pass
"""
    )
    loaded = project.load("it", expose=["a", "c"])
    assert list(loaded.tools) == ["renamed", "c"]
    assert loaded.tools["renamed"].idempotent


def test_load_adapter_exposes_functions_of_a_list(project: Project) -> None:
    project.write(x="def a(): pass", y="def b(): pass\ndef c(): pass")
    assert project.tools("x", "y", expose=["a", "c"]) == ["a", "c"]
    assert project.refused("x", "y", expose=["a"]) == (
        "the adapters 'x', 'y' cannot be served: adapter 'y' (2 of 2) has none of the functions "
        "that `expose` names; leave it out"
    )


@pytest.mark.parametrize(
    ("adapter", "name", "said"),
    [
        (
            "texts",
            "clasify",
            "`expose` names 'clasify', but there is no such function (did you mean classify?)",
        ),
        (
            "texts",
            "zzz_*",
            "`expose` has 'zzz_*', which matches no function (there is add, cached, classify, ",
        ),
        ("texts", "_embed_private", "'_embed_private', which is private: its name begins with '_'"),
        ("texts", "sqrt", "it is built into Python, without hints for its arguments"),
        ("texts", "partial", "it is an object of type partial, not a function"),
        ("texts", "LIMIT", "it is a value of type int, not a function"),
        ("texts", "os", 'it is a module; name it in `adapter`: "os"'),
        (
            "texts",
            "Texts",
            'it is a class; name it in `adapter` as "texts:Texts", and its methods in `expose`',
        ),
        ("texts:Texts", "setup", "the worker itself calls setup(); it cannot be a tool"),
        ("texts:Texts", "explosive", "it is a property; a tool must be a method"),
        ("texts:Texts", "forgetful", "(Texts.forgetful) has no `self`, so 'text' would be the"),
        ("texts:Texts", "__init__", "'__init__', which is private"),
        ("texts:Texts", "cont", "no such function (did you mean count?)"),
    ],
)
def test_load_adapter_refuses_to_expose_what_is_no_function(
    plain: Project, adapter: str, name: str, said: str
) -> None:
    assert said in plain.refused(adapter, expose=[name])


def test_load_adapter_reports_all_problems_of_expose_at_once(plain: Project) -> None:
    said = plain.refused("texts", expose=["classify", "LIMIT", "gone_*"])
    assert said.startswith("adapter 'texts' cannot be served: `expose` names 'LIMIT': ")
    assert "; `expose` has 'gone_*'" in said
    assert "explosive" not in sys.modules


def test_helpers_of_adapter_are_no_tools_unless_the_adapter_writes_its_own(
    project: Project,
) -> None:
    project.write(
        plain="class Mine(Adapter):\n    def work(self): return 1",
        own="class Mine(Adapter):\n    def locked(self, door: str): return door",
    )
    assert project.tools("plain:Mine", expose=["*"]) == ["work"]
    assert project.tools("own:Mine", expose=["*"]) == ["locked"]
