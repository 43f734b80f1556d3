"""Tests of the seeds of forked workers."""

from __future__ import annotations

import random
import sys
import types

import numpy
import pytest

from snakeden._template.reseed import reseed


def test_reseed_changes_what_the_global_generators_return() -> None:
    def draw() -> tuple[float, float]:
        random.seed(1)
        numpy.random.seed(1)
        reseed()
        return random.random(), float(numpy.random.random())

    assert len({draw() for _ in range(3)}) == 3


def test_reseed_survives_a_library_that_cannot_be_seeded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    reseed()
    assert "cannot seed the generator of torch" in capsys.readouterr().err
