from __future__ import annotations

import asyncio
from typing import Any

from snakeden._tools.adapter_loader import LoadedTool
from snakeden._worker.profiles.asynchronous import AsyncProfile
from tests.profiles.conformance import ProfileConformance
from tests.profiles.stage import SECONDS, Stage


class TaskStage(Stage):
    """A stage whose tools await the test."""

    def __init__(self, capacity: int) -> None:
        super().__init__("async", capacity)
        for tool in (self.hold_task, self.swallow_task, self.fail_task):
            name = tool.__name__.removesuffix("_task")
            self.runner.tools[name] = LoadedTool(name, tool)

    async def hold_task(self) -> int:
        """Wait at the gate of this call."""
        call_id = self._enter()
        try:
            await self._wait_at_gate(call_id, 0)
        except asyncio.CancelledError:
            self._add("cancelled", call_id)
            raise
        finally:
            self._add("left", call_id)
        return call_id

    async def swallow_task(self) -> int:
        """Wait at two gates. Returns the number of interruptions."""
        call_id = self._enter()
        times = 0
        for number in range(2):
            try:
                await self._wait_at_gate(call_id, number)
            except asyncio.CancelledError:
                times += 1
        return times

    async def fail_task(self) -> None:
        """Raise."""
        self.fail()

    async def _wait_at_gate(self, call_id: int, number: int) -> None:
        gate = self.gate(call_id, number)
        loop = asyncio.get_running_loop()
        end = loop.time() + SECONDS
        gate.reached.put(None)
        while gate.opened.empty():
            assert loop.time() < end
            await asyncio.sleep(0.001)
        gate.opened.get()


class TestAsync(ProfileConformance):
    name = "async"
    capacity = 4

    def make_stage(self) -> Stage:
        return TaskStage(self.capacity)

    def test_of_calls_that_come_together_each_is_noted_as_it_begins(self, stage: Stage) -> None:
        # A call that ends the process must take no other with it that has not begun.
        ids = range(1, stage.profile.capacity + 1)
        stage.send(*ids)

        def script() -> None:
            for call_id in ids:
                stage.reach(call_id)
            stage.open(*ids)

        stage.play(script)
        beginnings = [it for it in stage.events if it[0] in ("noted", "entered")]
        assert beginnings == [(kind, it) for it in ids for kind in ("noted", "entered")]

    def test_a_bulk_call_whose_items_were_cancelled_leaves_no_timer(self, stage: Stage) -> None:
        timers: list[asyncio.TimerHandle] = []

        def script() -> None:
            stage.send_bulk(7, 2, timeout_ms=50.0)
            stage.until("result", 7)
            assert isinstance(stage.profile, AsyncProfile)
            loop: Any = stage.profile._loop
            timers.extend(it for it in list(loop._scheduled) if not it.cancelled())

        stage.play(script)
        assert [b"deadline_exceeded" in it for it in stage.outcomes] == [True, True]
        assert timers == []


class TestOneTask(TestAsync):
    capacity = 1
