from __future__ import annotations

from queue import Empty

from tests.profiles.conformance import ProfileConformance
from tests.profiles.stage import SECONDS, Stage

LOOK_SECONDS = 0.01


class ThreadStage(Stage):
    """A stage whose tools look now and then: nothing ends the wait of a thread in C code."""

    def _wait_at(self, call_id: int, number: int) -> None:
        gate = self.gate(call_id, number)
        gate.reached.put(None)
        for _ in range(int(SECONDS / LOOK_SECONDS)):
            try:
                gate.opened.get(timeout=LOOK_SECONDS)
            except Empty:
                continue
            return
        raise TimeoutError


class TestThread(ProfileConformance):
    name = "thread"
    capacity = 3

    def make_stage(self) -> Stage:
        return ThreadStage(self.name, self.capacity)


class TestOneThread(TestThread):
    capacity = 1
