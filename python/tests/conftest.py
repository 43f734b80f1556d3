from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.fake_host import FakeHost

# No deadline: the machine may have two shared cores, so any example may have to wait.
settings.register_profile("snakeden", deadline=None, max_examples=100)
settings.load_profile("snakeden")


@pytest.fixture(params=["socket", "grpc"])
def host(request: pytest.FixtureRequest) -> Iterator[FakeHost]:
    """Run each test over both carriers."""
    # Not tmp_path, since the path of a socket must be short.
    with (
        tempfile.TemporaryDirectory(prefix="sd-") as folder,
        FakeHost(Path(folder), request.param) as running,
    ):
        yield running
