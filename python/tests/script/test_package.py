"""Tests of what scripts load: the package has to be cheap in any interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import snakeden
import snakeden.tool

SOURCES = Path(snakeden.__file__).resolve().parents[1]

HEAVY = ("msgspec", "numpy", "grpc", "google", "psutil", "asyncio", "ssl", "socket", "dataclasses")


def loaded_after(code: str) -> set[str]:
    """Return the modules that an interpreter without any packages has loaded after the code."""
    program = (
        f"import sys; sys.path.append({str(SOURCES)!r})\n{code}\n"
        "import json; print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, check=True, text=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_package_alone_loads_nothing() -> None:
    ours = {it for it in loaded_after("import snakeden") if it.startswith("snakeden")}
    assert ours == {"snakeden"}


def test_progress_and_result_load_json_and_little_else() -> None:
    modules = loaded_after("import snakeden; snakeden.progress(1); snakeden.result({'a': 1.5})")
    assert not modules & {*HEAVY, "http.client", "pathlib", "urllib.parse", "snakeden.errors"}
    assert {it for it in modules if it.startswith("snakeden.")} == {
        "snakeden.environment_names",
        "snakeden.script",
        "snakeden.script.reports",
        "snakeden.script.values",
    }


def test_connect_loads_no_http_before_the_first_request() -> None:
    modules = loaded_after("import snakeden; snakeden.connect('http://127.0.0.1:1')")
    assert not modules & {*HEAVY, "http.client", "snakeden.adapter", "snakeden.call"}


def test_every_name_of_the_package_is_there() -> None:
    for name in snakeden.__all__:
        assert getattr(snakeden, name) is not None, name
        assert name in dir(snakeden)
    # A module has the name of what is in it.
    assert snakeden.tool is sys.modules["snakeden.tool"].tool
    assert snakeden.device is sys.modules["snakeden.device"].device
    assert loaded_after("import snakeden.tool; from snakeden import tool; tool(lambda: 1)")
    assert not hasattr(snakeden, "no_such_name")
    assert snakeden.errors.HostError is snakeden.HostError
