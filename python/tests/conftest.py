from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.fake_host import FakeHost

# Two shared cores: no example is slow, but any may have to wait.
settings.register_profile("snakeden", deadline=None, max_examples=100)
settings.load_profile("snakeden")


@pytest.fixture(params=["socket", "grpc"])
def host(request: pytest.FixtureRequest) -> Iterator[FakeHost]:
    """Whatever a worker does, it does over either carrier."""
    # Not tmp_path: the path of a socket has to stay short.
    with (
        tempfile.TemporaryDirectory(prefix="sd-") as folder,
        FakeHost(Path(folder), request.param) as running,
    ):
        yield running
