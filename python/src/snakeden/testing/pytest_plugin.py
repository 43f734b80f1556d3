"""The fixture of pytest that runs tools as a worker does. Name the plugin in conftest.py:

pytest_plugins = ["snakeden.testing.pytest_plugin"]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from snakeden.testing.adapter_under_test import AdapterUnderTest
from snakeden.testing.adapter_under_test import load_adapter as load

__all__ = ["load_adapter"]


@pytest.fixture
def load_adapter() -> Iterator[Callable[..., AdapterUnderTest]]:
    """Return the function `snakeden.testing.adapter_under_test.load_adapter`. What it has loaded is
    closed at the end of the test, the last one first.

    def test_classify(load_adapter):
        texts = load_adapter("texts:Texts")
        assert texts.run("classify", {"text": "a good day"}) == "happy"
    """
    with ExitStack() as stack:

        def loaded(*adapters: Any, **options: Any) -> AdapterUnderTest:
            return stack.enter_context(load(*adapters, **options))

        yield loaded
