from __future__ import annotations

from queue import Empty

from snakeden._tools.adapter_loader import LoadedTool
from snakeden._worker.profiles.thread import ThreadProfile
from snakeden.tool import ToolMark
from tests.fake_host import wait_for
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


def test_a_call_that_waits_for_the_main_thread_is_stopped_at_once() -> None:
    stage = ThreadStage("thread", 2)
    profile = stage.profile
    assert isinstance(profile, ThreadProfile)
    mark = ToolMark(main_thread=True)
    stage.runner.tools["hold_main"] = LoadedTool("hold_main", stage.hold, mark=mark)

    def script() -> None:
        stage.send(1, tool="hold_main")
        stage.reach(1)
        stage.send(2, tool="hold_main")
        wait_for(lambda: len(profile._main_calls) == 1, "the second call waits")
        stage.runner.on_cancel(2)
        # The main thread is busy all the time.
        stage.until("failure", 2)
        stage.send(3)
        stage.reach(3)
        stage.open(3)
        stage.until("result", 3)
        stage.open(1)
        stage.until("result", 1)

    stage.play(script)
    assert stage.codes == {2: "cancelled"}
    assert stage.ids("entered") == [1, 3]
