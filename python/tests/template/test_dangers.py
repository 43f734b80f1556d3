"""Tests of what forbids a fork."""

from __future__ import annotations

import subprocess
import sys

import pytest


def said(code: str, **env: str) -> str:
    """Return what `danger()` says in a process that has run some code."""
    script = f"{code}\nfrom snakeden._template.dangers import danger\nprint(danger())"
    return subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    ).stdout.strip()


FAKE_TORCH = """
import sys, types
torch = types.ModuleType("torch")
torch.cuda = types.SimpleNamespace(is_initialized=lambda: {answer})
sys.modules["torch"] = torch
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", "None"),
        ("import json, ssl, sqlite3, asyncio", "None"),
        (FAKE_TORCH.format(answer="False"), "None"),
        (FAKE_TORCH.format(answer="1/0"), "None"),
        (FAKE_TORCH.format(answer="True"), "it has initialized CUDA (torch.cuda)"),
        (
            (
                "import threading, time\n"
                "for n in 'ab': threading.Thread(target=time.sleep, args=(60,), name=n, "
                "daemon=True).start()"
            ),
            "it has started 2 threads (a, b)",
        ),
    ],
)
def test_danger(code: str, expected: str) -> None:
    assert said(code) == expected


def test_danger_names_the_setting_that_makes_numpy_start_threads() -> None:
    found = said("import numpy", OPENBLAS_NUM_THREADS="2")
    assert found == "None" or "libraryThreads of the pool may ask for it" in found
