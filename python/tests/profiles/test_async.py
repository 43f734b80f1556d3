from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import copy_context
from typing import Any

from snakeden._tools.adapter_loader import LoadedTool
from snakeden._worker.profiles.asynchronous import AsyncProfile
from snakeden.call import CURRENT
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


class _Wait:
    """Yields to the event loop what a coroutine has yielded."""

    def __init__(self, awaited: Any) -> None:
        self._awaited = awaited

    def __await__(self) -> Generator[Any, None, None]:
        yield self._awaited


async def _go_on(coroutine: Coroutine[Any, Any, Any], awaited: Any) -> Any:
    while True:
        try:
            try:
                await _Wait(awaited)
            except BaseException as error:
                awaited = coroutine.throw(error)
            else:
                awaited = coroutine.send(None)
        except StopIteration as end:
            return end.value


def begin_at_once(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **_: Any
) -> asyncio.Future[Any]:
    """Do what `asyncio.eager_task_factory` does from Python 3.12 on."""
    context = copy_context()
    try:
        awaited = context.run(coroutine.send, None)
    except StopIteration as end:
        done = loop.create_future()
        done.set_result(end.value)
        return done
    return context.run(lambda: asyncio.Task(_go_on(coroutine, awaited), loop=loop))


class EagerStage(TaskStage):
    """A stage with a tool that has made all tasks of the loop eager."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.is_own_task: list[bool] = []
        assert isinstance(self.profile, AsyncProfile)
        factory: Any = getattr(asyncio, "eager_task_factory", begin_at_once)
        self.profile._loop.set_task_factory(factory)

    async def hold_task(self) -> int:
        """Note whether the profile knows the task of the call while that begins."""
        assert isinstance(self.profile, AsyncProfile)
        call: Any = CURRENT.get()
        task = self.profile._running[call.id].task
        self.is_own_task.append(task is not None and task is asyncio.current_task())
        return await super().hold_task()


class TestEagerTasks(TestAsync):
    def make_stage(self) -> Stage:
        return EagerStage(self.capacity)

    def test_a_call_has_a_task_by_which_it_can_be_cancelled_from_its_first_step(
        self, stage: Stage
    ) -> None:
        stage.send(1, 2)

        def script() -> None:
            for call_id in (1, 2):
                stage.reach(call_id)
            stage.open(1, 2)

        stage.play(script)
        assert isinstance(stage, EagerStage)
        assert stage.is_own_task == [True, True]
