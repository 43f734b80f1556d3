"""Tests of rules that no other tool checks: the directions of imports, and the sizes of files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "snakeden"
TESTS = Path(__file__).resolve().parent
GENERATED = "_link/gen"
MAX_LINES = 400
MAX_TEST_LINES = 500
MAX_FILES = 15
MAX_POSITIONAL = 2
PROTOCOL_METHODS = ("find_spec",)
"""Methods whose signature Python prescribes."""

PUBLIC = "public"
"""The part that tools import: the files at the top except worker.py, and these folders. They import
nothing below.
"""
PUBLIC_FOLDERS = ("files", "host_tools", "script", "session", "thread_safety")

BELOW: dict[str, tuple[str, ...]] = {
    PUBLIC: (),
    "_guard": (),
    "_values": (PUBLIC,),
    "_tools/hints": ("_values", PUBLIC),
    "_tools": ("_tools/hints", "_values", PUBLIC),
    GENERATED: (),
    "_link": (GENERATED, "_values", PUBLIC),
    "_worker/system": (GENERATED, PUBLIC),
    "_worker/inputs": ("_tools", "_values", PUBLIC),
    "_worker/calls": ("_worker/inputs", "_tools", GENERATED, "_link", "_values", PUBLIC),
    "_worker/bulk": (
        "_worker/calls",
        "_worker/system",
        GENERATED,
        "_link",
        "_values",
        PUBLIC,
    ),
    "_worker/profiles": (
        "_worker/bulk",
        "_worker/calls",
        "_worker/system",
        "_link",
        PUBLIC,
    ),
    "_worker": (
        "_worker/bulk",
        "_worker/profiles",
        "_worker/calls",
        "_worker/inputs",
        "_worker/system",
        "_tools",
        GENERATED,
        "_link",
        "_values",
        PUBLIC,
    ),
    "_template": ("_guard", "_worker", "_worker/system", "_link", "_tools", PUBLIC),
    "worker": ("_template", "_worker", "_worker/system", PUBLIC),
    "testing": ("_worker/inputs", "_tools", "_values", PUBLIC),
    "demo": (PUBLIC,),
}
"""The folders that each folder may import besides itself. A folder that is missing here is not
allowed.
"""


def sources(root: Path = PACKAGE) -> Iterator[Path]:
    """Yield the Python files that are not generated."""
    generated = PACKAGE / GENERATED
    yield from (it for it in sorted(root.rglob("*.py")) if generated not in it.parents)


def module_of(path: Path) -> str:
    """Return `_link.wire` for _link/wire.py, `_link` for its `__init__`, and "" for that of the
    package.
    """
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(it): it for it in sorted(PACKAGE.rglob("*.py"))}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of the package that a file imports anywhere, even for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [it.name for it in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            source = node.module or ""
            names = [f"{source}.{it.name}" for it in node.names]
            # A name that is not a module is defined in the module before it.
            names = [it if below_package(it) in MODULES else source for it in names]
        else:
            continue
        for name in names:
            if name == "snakeden" or name.startswith("snakeden."):
                assert below_package(name) in MODULES, f"{name} is no module"
                yield below_package(name)


def below_package(name: str) -> str:
    return name.removeprefix("snakeden").removeprefix(".")


def level_of(module: str) -> str:
    """Return the folder of a module, as BELOW names it."""
    path = MODULES[module].relative_to(PACKAGE)
    if path.parent == Path("."):
        return "worker" if path.stem == "worker" else PUBLIC
    folder = path.parent.as_posix()
    return PUBLIC if folder in PUBLIC_FOLDERS else folder


def circle_in(imports: dict[str, set[str]]) -> list[str] | None:
    """Return the modules of one import circle; None if there is none."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str] | None:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return None
        for other in sorted(imports.get(module, ())):
            if found := visit(other, [*way, module]):
                return found
        done.add(module)
        return None

    return next((found for it in sorted(imports) if (found := visit(it, []))), None)


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    return {
        module_of(path): set(imported(ast.parse(path.read_text("utf-8")))) for path in sources()
    }


def test_imports_are_found_wherever_they_are() -> None:
    code = """
import snakeden._link.wire
from snakeden import tool, __version__
from snakeden._worker import exit_status
if TYPE_CHECKING:
    from snakeden._values.values import Encoded
def late():
    from snakeden._link.dial import dial
import os, msgspec
"""
    found = ["_link.wire", "tool", "", "_worker.exit_status", "_values.values", "_link.dial"]
    assert sorted(imported(ast.parse(code))) == sorted(found)


def test_no_modules_import_each_other_in_a_circle(imports: dict[str, set[str]]) -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None
    assert circle_in(imports) is None


def test_folders_import_only_what_is_below_them(imports: dict[str, set[str]]) -> None:
    wrong = [
        f"{module or '__init__'} imports {other}"
        for module, others in imports.items()
        for other in sorted(others)
        if level_of(other) not in (level_of(module), *BELOW[level_of(module)])
    ]
    assert wrong == []


def test_the_table_of_folders_has_no_circle() -> None:
    assert circle_in({folder: set(below) for folder, below in BELOW.items()}) is None
    assert set(map(level_of, MODULES)) == set(BELOW)


def test_packages_open_with_their_purpose() -> None:
    for path in sources():
        if path.name == "__init__.py":
            text = ast.get_docstring(ast.parse(path.read_text("utf-8")))
            assert text, path
            assert len(text) > 60, path


def positional_parameters(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each function but tools and protocol methods, and its positional parameters
    without `self`.
    """
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        name = "a lambda" if isinstance(node, ast.Lambda) else node.name
        names = [it.arg for it in (*node.args.posonlyargs, *node.args.args)]
        is_dunder = name.startswith("__") and name not in ("__init__", "__new__", "__call__")
        if is_dunder or name in PROTOCOL_METHODS:
            continue
        is_tool = not isinstance(node, ast.Lambda) and any(
            isinstance(it, ast.Name) and it.id == "tool" for it in node.decorator_list
        )
        if not is_tool:
            first = names[:1]
            yield name, names[1:] if first and first[0].strip("_") in ("self", "cls") else names


def test_functions_take_no_more_than_two_positional_parameters() -> None:
    found = dict(
        positional_parameters(ast.parse("def f(a, b, *, c): ...\nlambda self, b, c, d: 1"))
    )
    assert found == {"f": ["a", "b"], "a lambda": ["b", "c", "d"]}
    wrong = [
        f"{module_of(path)}: {name}({', '.join(names)})"
        for path in sources()
        for name, names in positional_parameters(ast.parse(path.read_text("utf-8")))
        if len(names) > MAX_POSITIONAL
    ]
    assert wrong == []


def test_names_of_environment_variables_have_one_home() -> None:
    homes = {
        module_of(path)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and str(node.value).startswith("SNAKEDEN_")
    }
    assert homes == {"environment_names"}


@pytest.mark.parametrize(("root", "limit"), [(PACKAGE, MAX_LINES), (TESTS, MAX_TEST_LINES)])
def test_files_are_not_too_long(root: Path, limit: int) -> None:
    lengths = {str(it): len(it.read_text("utf-8").splitlines()) for it in sources(root)}
    assert {it: length for it, length in lengths.items() if length > limit} == {}


@pytest.mark.parametrize("root", [PACKAGE, TESTS])
def test_folders_do_not_hold_too_many_files(root: Path) -> None:
    counts: dict[Path, int] = {}
    for path in sources(root):
        counts[path.parent] = counts.get(path.parent, 0) + 1
    assert {it: count for it, count in counts.items() if count > MAX_FILES} == {}
