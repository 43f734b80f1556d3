"""The table of libraries, and the warnings of a worker."""

from __future__ import annotations

import logging
import sys
from types import ModuleType

import pytest

from snakeden._worker import thread_checks
from snakeden.thread_safety import watch
from snakeden.thread_safety.libraries import libraries, unsafe_among
from snakeden.thread_safety.watch import Watch


def test_the_table_judges_each_library_and_knows_a_workaround() -> None:
    table = list(libraries())
    assert {it.threads for it in table} == {"safe", "conditional", "unsafe"}
    assert all(it.modules and it.note and it.workaround for it in table)


def test_unsafe_libraries_are_found_by_their_modules() -> None:
    modules = ["json", "numpy", "matplotlib", "matplotlib.pyplot", "pandas"]
    assert [it.name for it in unsafe_among(modules)] == ["matplotlib", "pandas"]
    assert [it.name for it in unsafe_among(modules, before={"pandas"})] == ["matplotlib"]
    assert unsafe_among(["json", "matplotlib_inline"]) == []


def test_a_worker_warns_of_what_its_adapter_has_imported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = frozenset(sys.modules) - {"matplotlib"}
    monkeypatch.setitem(sys.modules, "matplotlib", ModuleType("matplotlib"))
    thread_checks.warn_of_unsafe_libraries(before)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("snakeden.thread_safety", logging.WARNING)
    assert record.getMessage().startswith("matplotlib is imported, and is not safe in several")


def test_the_variable_turns_the_checks_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "current", None)
    for value, is_on in (("warn", True), ("off", False), ("error", True), ("", False)):
        monkeypatch.setenv("SNAKEDEN_THREAD_CHECKS", value)
        assert thread_checks.turn_on_checks() == ""
        assert isinstance(watch.current, Watch) == is_on
    monkeypatch.setenv("SNAKEDEN_THREAD_CHECKS", "yes")
    assert thread_checks.turn_on_checks() == (
        "SNAKEDEN_THREAD_CHECKS: thread checks: given 'yes'; allowed: 'off', 'warn', 'error'"
    )
