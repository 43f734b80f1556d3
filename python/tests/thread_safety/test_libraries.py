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
    assert unsafe_among(["json", "matplotlib_inline"]) == []


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of a worker that has imported matplotlib, and no pandas."""
    monkeypatch.setattr(watch, "current", None)
    monkeypatch.setitem(sys.modules, "matplotlib", ModuleType("matplotlib"))
    monkeypatch.delitem(sys.modules, "pandas", raising=False)


def test_a_worker_warns_of_what_its_adapter_has_imported(
    imported: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAKEDEN_THREAD_CHECKS", "off")
    thread_checks.begin()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("snakeden.thread_safety", logging.WARNING)
    assert record.getMessage().startswith("matplotlib is imported, and is not safe in several")
    assert watch.current is None


def test_the_variable_turns_the_checks_on(
    imported: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, is_on in (("warn", True), ("off", False), ("error", True)):
        monkeypatch.setenv("SNAKEDEN_THREAD_CHECKS", value)
        thread_checks.begin()
        assert isinstance(watch.current, Watch) == is_on
    caplog.clear()
    monkeypatch.setenv("SNAKEDEN_THREAD_CHECKS", "yes")
    thread_checks.begin()
    assert caplog.records[0].getMessage() == (
        "SNAKEDEN_THREAD_CHECKS: thread checks: given 'yes'; allowed: 'off', 'warn', 'error'"
    )


def test_other_profiles_check_and_warn_of_nothing(
    imported: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SNAKEDEN_THREAD_CHECKS", raising=False)
    thread_checks.begin()
    assert caplog.records == []
    assert watch.current is None
