"""Tests of the seeds of forked workers."""

from __future__ import annotations

import random
import sys
import types

import numpy
import pytest
from numpy.random import mtrand

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


def test_reseed_renews_another_generator_that_numpy_was_given() -> None:
    first = mtrand.get_bit_generator()

    def draw() -> tuple[str, float]:
        mtrand.set_bit_generator(numpy.random.PCG64(1))
        reseed()
        kind = type(mtrand.get_bit_generator()).__name__
        return kind, float(numpy.random.random())

    try:
        drawn = {draw() for _ in range(3)}
    finally:
        mtrand.set_bit_generator(first)
    assert len(drawn) == 3
    assert {kind for kind, _ in drawn} == {"PCG64"}


def test_reseed_changes_the_generator_that_all_of_faker_shares(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = types.ModuleType("faker.generator")
    generator.random = random.Random(1)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faker.generator", generator)
    before = random.Random(1).random()
    reseed()
    assert generator.random.random() != before


def test_reseed_leaves_a_generator_alone_that_somebody_has_made() -> None:
    made = numpy.random.default_rng(1)
    reseed()
    assert made.random() == numpy.random.default_rng(1).random()
