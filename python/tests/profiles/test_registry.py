from __future__ import annotations

import importlib

import pytest

from snakeden._worker.profiles import PROFILES
from tests.profiles.conformance import ProfileConformance


@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_runs_the_conformance_suite(name: str) -> None:
    module = importlib.import_module(f"tests.profiles.test_{name}")
    suites = [
        it
        for it in vars(module).values()
        if isinstance(it, type) and issubclass(it, ProfileConformance)
    ]
    assert name in [getattr(it, "name", None) for it in suites]
