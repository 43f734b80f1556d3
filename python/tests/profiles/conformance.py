"""Tests of the contract of all profiles (snakeden/_worker/profiles/profile.py). The test module of
a profile derives a class from `ProfileConformance`, with the name of the profile.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.profiles.stage import ANSWERS, Stage

CALLS = 3
"""The number of calls beyond those that may run at once."""


class ProfileConformance:
    """The tests of a profile: each runs the profile `name` with real calls of a real runner."""

    name: str
    capacity: int = 1
    """The number of calls that the host lets run at once."""

    def make_stage(self) -> Stage:
        """Return the stage. A profile whose tools wait in another way returns its own."""
        return Stage(self.name, self.capacity)

    @pytest.fixture
    def stage(self) -> Iterator[Stage]:
        before = signal.getsignal(signal.SIGURG)
        yield self.make_stage()
        signal.signal(signal.SIGURG, before)

    def test_calls_begin_in_order_and_never_more_than_may_run(self, stage: Stage) -> None:
        capacity = stage.profile.capacity
        calls = range(1, capacity + CALLS + 1)

        def script() -> None:
            stage.send(*calls)
            for call_id in calls[:capacity]:
                stage.reach(call_id)
            for call_id in calls:
                stage.open(call_id)
                stage.until("result", call_id)
                if call_id + capacity in calls:
                    stage.reach(call_id + capacity)

        stage.play(script)
        entered = stage.ids("entered")
        assert sorted(entered[:capacity]) == list(calls[:capacity])
        assert entered[capacity:] == list(calls[capacity:])
        assert stage.peak == capacity == self.capacity
        assert sorted(stage.ids(*ANSWERS)) == list(calls)

    def test_a_call_is_noted_before_it_runs_and_has_ended_before_it_is_answered(
        self, stage: Stage
    ) -> None:
        def script() -> None:
            stage.send(1, 2)
            for call_id in (1, 2):
                stage.reach(call_id)
                stage.open(call_id)
                stage.until("result", call_id)

        stage.play(script)
        for call_id in (1, 2):
            steps = [kind for kind, it in stage.events if it == call_id]
            assert steps == ["noted", "entered", "left", "result"]
        if stage.profile.capacity == 1:
            assert stage.events.index(("result", 1)) < stage.events.index(("noted", 2))

    def test_stopping_a_call_interrupts_it_and_no_other(self, stage: Stage) -> None:
        running = range(1, stage.profile.capacity + 1)
        following = stage.profile.capacity + 1

        def script() -> None:
            stage.send(*running, following)
            for call_id in running:
                stage.reach(call_id)
            first = stage.attempt(1)
            stage.runner.on_cancel(1)
            stage.until("failure", 1)
            stage.reach(following)
            # Sent one call too late.
            stage.profile.stop(first)
            stage.runner.on_cancel(1)
            stage.profile.repeat_stops(0.0)
            for call_id in (*running[1:], following):
                stage.open(call_id)
                stage.until("result", call_id)

        stage.play(script)
        assert stage.ids("cancelled") == [1]
        assert stage.codes == {1: "cancelled"}
        assert sorted(stage.results) == [*running[1:], following]

    def test_a_call_is_interrupted_once(self, stage: Stage) -> None:
        def script() -> None:
            stage.send(1, tool="swallow")
            stage.reach(1)
            stage.runner.on_cancel(1)
            stage.reach(1, 1)
            stage.runner.on_cancel(1)
            stage.profile.stop(stage.attempt(1))
            stage.profile.repeat_stops(0.0)
            stage.open(1, number=1)
            stage.until("result", 1)

        stage.play(script)
        assert stage.results == {1: b"1"}

    def test_a_call_that_is_stopped_as_it_begins_never_runs(self, stage: Stage) -> None:
        stage.on_note = lambda call_id: stage.runner.on_cancel(call_id) if call_id == 1 else None

        def script() -> None:
            stage.send(1, 2)
            stage.reach(2)
            stage.open(2)
            stage.until("result", 2)

        stage.play(script)
        assert stage.ids("entered") == [2]
        assert stage.codes == {1: "cancelled"}

    def test_a_waiting_call_that_is_stopped_is_answered_and_never_runs(self, stage: Stage) -> None:
        running = range(1, stage.profile.capacity + 1)
        waiting = stage.profile.capacity + 1

        def script() -> None:
            stage.send(*running, waiting)
            for call_id in running:
                stage.reach(call_id)
            stage.runner.on_cancel(waiting)
            stage.until("failure", waiting)
            for call_id in running:
                stage.open(call_id)
                stage.until("result", call_id)

        stage.play(script)
        assert stage.ids("entered") == list(running)

    def test_a_deadline_interrupts_its_call(self, stage: Stage) -> None:
        def script() -> None:
            stage.send(1, timeout_ms=1)
            stage.until("failure", 1)
            stage.send(2)
            stage.reach(2)
            stage.open(2)
            stage.until("result", 2)

        stage.play(script)
        assert stage.codes == {1: "deadline_exceeded"}

    def test_a_call_is_given_back_only_if_it_never_runs(self, stage: Stage) -> None:
        running = range(1, stage.profile.capacity + 1)
        waiting = range(running.stop, running.stop + CALLS)

        def script() -> None:
            stage.send(*running, *waiting)
            for call_id in running:
                stage.reach(call_id)
            stage.runner.on_recall()
            stage.runner.on_recall()
            stage.until("recalled", waiting[-1])
            for call_id in running:
                stage.open(call_id)
                stage.until("result", call_id)

        stage.play(script)
        assert stage.ids("recalled") == list(waiting)
        assert stage.ids("entered") == list(running)
        assert sorted(stage.ids(*ANSWERS)) == list(running)

    def test_ending_finishes_begun_calls_and_gives_back_the_rest(self, stage: Stage) -> None:
        running = range(1, stage.profile.capacity + 1)
        waiting = running.stop
        late = waiting + 1

        def script() -> None:
            stage.send(*running, waiting)
            for call_id in running:
                stage.reach(call_id)
            stage.stop()
            stage.send(late)
            stage.until("recalled", late)
            stage.open(*running)

        stage.play(script)
        assert stage.ids("recalled") == [waiting, late]
        assert sorted(stage.results) == list(running)

    def test_a_lost_link_interrupts_begun_calls(self, stage: Stage) -> None:
        running = range(1, stage.profile.capacity + 1)

        def script() -> None:
            stage.send(*running)
            for call_id in running:
                stage.reach(call_id)
            stage.runner.on_link_lost()
            for call_id in running:
                stage.until("failure", call_id)

        stage.play(script)
        assert sorted(stage.ids("cancelled")) == list(running)

    def test_calls_that_fail_leave_nothing_behind(self, stage: Stage) -> None:
        def script() -> None:
            stage.send(1, tool="fail")
            stage.send(2, tool="no such tool")
            stage.until("failure", 1)
            stage.until("failure", 2)
            stage.send(3)
            stage.reach(3)
            assert len(stage.runner._in_flight.begun()) == 1
            stage.open(3)
            stage.until("result", 3)

        stage.play(script)
        assert stage.codes == {1: "python_exception", 2: "unknown_tool"}
        assert stage.runner._in_flight.all() == []

    def test_a_bulk_call_runs_its_items_in_order_and_notes_each(self, stage: Stage) -> None:
        def script() -> None:
            stage.send_bulk(7, 3)
            for _ in range(3):
                stage.reach(7)
                stage.open(7)
            stage.until("result", 7)

        stage.play(script)
        steps = [kind for kind, _ in stage.events if kind != "chunk"]
        assert steps == ["noted", *["item", "entered", "left"] * 3, "result"]
        assert stage.ids("item") == [0, 1, 2]
        assert stage.outcomes == [b'{"result":7}'] * 3
        assert stage.results == {7: b"3"}

    def test_stopping_a_bulk_call_interrupts_its_item_and_begins_no_other(
        self, stage: Stage
    ) -> None:
        def script() -> None:
            stage.send_bulk(7, 3)
            stage.reach(7)
            stage.open(7)
            stage.reach(7)
            stage.runner.on_cancel(7)
            stage.until("failure", 7)
            stage.send(8)
            stage.reach(8)
            stage.open(8)
            stage.until("result", 8)

        stage.play(script)
        assert stage.ids("item") == [0, 1]
        assert stage.ids("cancelled") == [7]
        assert stage.outcomes == [b'{"result":7}']
        assert stage.codes == {7: "cancelled"}
        assert stage.runner._in_flight.all() == []

    def test_the_deadline_of_an_item_interrupts_that_item_alone(self, stage: Stage) -> None:
        def script() -> None:
            stage.send_bulk(7, 3, timeout_ms=200.0)
            for index in range(3):
                stage.reach(7)
                if index != 1:
                    stage.open(7)
            stage.until("result", 7)

        stage.play(script)
        assert stage.ids("cancelled") == [7]
        assert [b"deadline_exceeded" in it for it in stage.outcomes] == [False, True, False]

    def test_a_bulk_call_is_given_back_only_before_it_begins(self, stage: Stage) -> None:
        running = range(1, stage.profile.capacity + 1)
        waiting = stage.profile.capacity + 1

        def script() -> None:
            for call_id in running:
                stage.send_bulk(call_id, 2)
                stage.reach(call_id)
            stage.send_bulk(waiting, 2)
            stage.runner.on_recall()
            stage.until("recalled", waiting)
            for call_id in running:
                stage.open(call_id)
                stage.reach(call_id)
                stage.open(call_id)
                stage.until("result", call_id)

        stage.play(script)
        assert stage.ids("recalled") == [waiting]
        assert sorted(stage.results) == list(running)
