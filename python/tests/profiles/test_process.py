from __future__ import annotations

from tests.profiles.conformance import ProfileConformance


class TestProcess(ProfileConformance):
    name = "process"
