from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from snakeden._tools.adapter_loader import LoadedAdapter, load_adapter
from snakeden._worker.calls.exceptions import describe
from snakeden.errors import AdapterError
from tests.fake_host import ADAPTERS

Load = Callable[..., LoadedAdapter]
_numbers = itertools.count()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Write a module and load it as an adapter; `{m}` stands for its name."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)

    def write_and_load(code: str, spec: str = "{m}") -> LoadedAdapter:
        name = f"adapter_under_test_{next(_numbers)}"
        text = f"from snakeden import Adapter, tool\n{code}"
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        loaded = load_adapter([spec.format(m=name)], [str(tmp_path)])
        loaded.set_up()
        return loaded

    yield write_and_load
    for name in set(sys.modules) - before:
        del sys.modules[name]


def events_of(adapter: LoadedAdapter) -> list[str]:
    """Return what `events` of the module holds."""
    method: Any = next(reversed(adapter.tools.values())).function
    return cast("list[str]", sys.modules[method.__module__].events)


def refused(load: Load, code: str, spec: str = "{m}") -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        load(code, spec)
    return caught.value


FUNCTIONS = """
@tool
def b(x: int) -> int:
    '''Does b.

    At length.
    '''
    return x

@tool(name="a-1", description="Given.")
def a(): pass

def unmarked(): pass
"""

ONE_CLASS = """
class Only(Adapter):
    def setup(self): self.ready = True
    def teardown(self): events.append("down")
    @tool
    def method(self): return self.ready
events = []
"""


def test_load_adapter_serves_the_functions_of_a_module(load: Load) -> None:
    adapter = load(FUNCTIONS)
    assert list(adapter.tools) == ["b", "a-1"]
    assert adapter.tools["b"].description == "Does b."
    assert adapter.tools["a-1"].description == "Given."
    adapter.teardown()


def test_load_adapter_serves_the_one_adapter_class_too(load: Load) -> None:
    adapter = load(FUNCTIONS + ONE_CLASS)
    assert list(adapter.tools) == ["b", "a-1", "method"]
    assert adapter.tools["method"].function() is True
    adapter.teardown()
    assert events_of(adapter) == ["down"]


def test_load_adapter_serves_a_named_class_alone(load: Load) -> None:
    assert list(load(FUNCTIONS + ONE_CLASS, "{m}:Only").tools) == ["method"]


def test_load_adapter_takes_any_class_with_tools(load: Load) -> None:
    code = """
class Outer:
    class Duck:
        '''No Adapter.'''
        @property
        def explosive(self): raise RuntimeError("looked at")
        @tool
        def quack(self): return "quack"
"""
    assert load(code, "{m}:Outer.Duck").tools["quack"].function() == "quack"


def test_load_adapter_prefers_what_overrides(load: Load) -> None:
    code = """
class Base(Adapter):
    @tool
    def first(self): return "base"
    @tool
    def second(self): return "base"
class Derived(Base):
    @tool
    def first(self): return "derived"
"""
    adapter = load(code)
    assert list(adapter.tools) == ["first", "second"]
    assert adapter.tools["first"].function() == "derived"


def test_load_adapter_leaves_out_tools_of_other_packages_unless_exported(load: Load) -> None:
    code = "from snakeden.demo import add, ping\n__all__ = ['add']\n"
    assert list(load(code + FUNCTIONS).tools) == ["add", "b", "a-1"]


def test_load_adapter_says_where_it_searched(load: Load, tmp_path: Path) -> None:
    (tmp_path / "texts.py").write_text("", encoding="utf-8")
    with pytest.raises(AdapterError) as caught:
        load_adapter(["text"], [str(tmp_path)])
    assert "there is no module 'text' (did you mean texts?); searched " in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(
        AdapterError, match=r"there is no package 'nowhere' \(there is texts\); sea"
    ):
        load_adapter(["nowhere.inside"], [str(tmp_path)])


@pytest.mark.parametrize(
    "spec", ["", ":", "a:", ":B", "a b", ".a", "a:b:c", "adapters/texts.py", "1a"]
)
def test_load_adapter_refuses_what_names_no_adapter(load: Load, spec: str) -> None:
    error = refused(load, "", spec)
    assert "not of the form `module`, `module:Class` or `package.*`" in str(error)


def test_load_adapter_tells_a_missing_dependency_from_a_missing_adapter(load: Load) -> None:
    error = refused(load, "import missing_library")
    assert "needs a module that is not there: No module named 'missing_library'" in str(error)
    assert isinstance(error.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("raise ValueError('why')", "raised ValueError while it was imported: why"),
        ("def f(:", "raised SyntaxError while it was imported"),
        ("import sys; sys.exit(7)", "left by sys.exit(7) while it was imported"),
        ("raise KeyboardInterrupt", "raised KeyboardInterrupt while it was imported"),
    ],
)
def test_load_adapter_says_what_the_import_raised(load: Load, code: str, text: str) -> None:
    error = refused(load, code)
    assert text in str(error)
    assert error.__cause__ is not None


def test_load_adapter_names_classes_near_the_missing_one(load: Load) -> None:
    error = refused(load, ONE_CLASS, "{m}:Onyl")
    assert "has no 'Onyl' (did you mean Only?)" in str(error)


def test_load_adapter_refuses_a_function_in_place_of_a_class(load: Load) -> None:
    error = refused(load, FUNCTIONS, "{m}:b")
    assert "is not a class: 'b' is a function; to serve the functions of the module" in str(error)


def test_load_adapter_refuses_an_adapter_without_tools(load: Load) -> None:
    assert "has no tools: nothing in adapter_under_test_" in str(refused(load, ""))
    error = refused(load, "class Empty(Adapter): pass", "{m}:Empty")
    assert "nothing in class Empty is marked with @tool" in str(error)


def test_load_adapter_reports_all_bad_names_at_once(load: Load) -> None:
    code = """
@tool(name="no spaces")
def a(): pass
@tool(name="x" * 65)
def b(): pass
@tool(name="same")
def c(): pass
@tool(name="same")
def d(): pass
@tool
def e(*args): pass
"""
    text = str(refused(load, code))
    assert "'no spaces' is not allowed" in text
    assert f"'{'x' * 65}' is not allowed" in text
    assert re.search(r"two tools are named 'same': c \(\S+:\d+\) and d \(\S+:\d+\)", text)
    assert "tool 'e' takes *args" in text


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "it is empty"),
        ("x" * 65, "it has 65 bytes; allowed: at most 64 bytes"),
        ("\u00e9" * 33, "it has 66 bytes"),
        (".hidden", "it begins with a dot"),
        (7, "it is of type int, not a string"),
        ("-x", "it has another form; allowed: a letter or digit, and then"),
        ("a b", "it has another form"),
        ("x\n", "it has another form"),
        ("\u00e9", "it has another form"),
    ],
)
def test_load_adapter_names_the_tool_and_the_rule_that_its_name_breaks(
    load: Load, name: object, problem: str
) -> None:
    text = str(refused(load, f"@tool(name={name!r})\ndef named(): pass"))
    assert f"the tool name {name!r} is not allowed for named (" in text
    assert problem in text


def test_load_adapter_says_what_setup_and_the_constructor_raised(load: Load) -> None:
    code = """
class Broken(Adapter):
    def setup(self): raise OSError("no disk")
    @tool
    def x(self): pass
"""
    error = refused(load, code)
    assert "raised OSError in setup(): no disk" in str(error)
    assert isinstance(error.__cause__, OSError)
    error = refused(load, code.replace("def setup(self)", "def __init__(self, path)"))
    assert "Broken() raised TypeError: " in str(error)


def test_load_adapter_takes_every_fixture_that_can_be_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    for name in ["typed", "values_echo", "streams", "dies_in_call", "forks_children", "raises"]:
        assert load_adapter([name], [str(ADAPTERS)]).tools
    for name in set(sys.modules) - before:
        del sys.modules[name]


METHODS_WITHOUT_SELF = """
class Forgetful(Adapter):
    @tool
    def a(x): return x
    @tool
    def b(): return 1
    @tool
    def c(*, x): return x
    @tool
    @classmethod
    def d(): return 1
    e = tool(name="e")(lambda x: x)
    @property
    @tool
    def f(self): return 1
"""


def test_load_adapter_names_the_tools_that_forget_self(load: Load) -> None:
    text = str(refused(load, METHODS_WITHOUT_SELF))
    assert "tool 'a' (Forgetful.a) has no `self`, so 'x' would be the adapter itself" in text
    assert "tool 'b' (Forgetful.b) has no `self`: write `def b(self, ...)`" in text
    assert "tool 'c' (Forgetful.c) has no `self`" in text
    assert "tool 'd' (Forgetful.d) has no `cls`" in text
    assert "tool 'e' (Forgetful.<lambda>) has no `self`" in text
    assert "tool 'f' is a property; a tool must be a method" in text


def test_load_adapter_serves_methods_that_need_no_self(load: Load) -> None:
    code = """
class Kinds(Adapter):
    @tool
    @staticmethod
    def a(x): return x
    @tool
    def b(this, x): return x
    @tool
    @classmethod
    def c(cls, x): return x
    @tool
    def d(_self, x): return x
    @tool
    @classmethod
    def e(klass, x): return x
"""
    adapter = load(code)
    assert [it.function(x=1) for it in adapter.tools.values()] == [1, 1, 1, 1, 1]


def test_load_adapter_refuses_a_wrapper_that_hides_the_signature(load: Load) -> None:
    code = """
def decorated(function):
    def wrapper(*args, **kwargs): return function(*args, **kwargs)
    return wrapper
@tool(name="hidden")
@decorated
def hidden(x): return x
class Two(Adapter):
    @tool(name="method")
    @decorated
    def method(self, x): return x
"""
    text = str(refused(load, code))
    for name in ("hidden", "method"):
        assert f"tool '{name}' takes *args and **kwargs, as the wrapper of a decorator" in text


ASYNC_LIFE = """
import asyncio, functools
events = []
class Async(Adapter):
    async def setup(self):
        await asyncio.sleep(0)
        events.append("up")
    async def _down(self, word):
        await asyncio.sleep(0)
        events.append(word)
    def teardown(self): return functools.partial(self._down, "down")()
    @tool
    def x(self): pass
"""


def test_load_adapter_awaits_setup_and_teardown(load: Load) -> None:
    adapter = load(ASYNC_LIFE)
    events = events_of(adapter)
    assert events == ["up"]
    adapter.teardown()
    assert events == ["up", "down"]


def test_load_adapter_says_what_an_async_setup_raised(load: Load) -> None:
    error = refused(load, ASYNC_LIFE.replace('events.append("up")', 'raise OSError("no disk")'))
    assert "raised OSError in setup(): no disk" in str(error)
    assert isinstance(error.__cause__, OSError)
    trace = describe(error.__cause__).traceback
    assert "/asyncio/" not in trace
    assert ", in setup\n" in trace


def test_load_adapter_shows_what_setup_itself_does_with_asyncio(load: Load) -> None:
    error = refused(load, ASYNC_LIFE.replace("sleep(0)", "wait_for(asyncio.sleep(9), 0)"))
    assert error.__cause__ is not None
    frames = describe(error.__cause__).traceback.split('  File "')[-2:]
    assert ", in setup\n" in frames[0]
    assert "/asyncio/" in frames[1]


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("name", ["setup", "teardown"])
def test_load_adapter_refuses_a_generator_that_nothing_would_run(
    load: Load, kind: str, name: str
) -> None:
    code = f"""
class Yields(Adapter):
    {kind} {name}(self): yield
    @tool
    def x(self): pass
"""
    assert f"has a generator as {name}(), and nothing would run it" in str(refused(load, code))
