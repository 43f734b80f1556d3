"""Changes of the variables of a session, against the host in memory of `running_call`."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from snakeden import CallCancelled, VariableChange, current_call
from snakeden.testing import RunningCall, running_call
from tests.fake_host import wait_for


def short(change: VariableChange) -> str:
    return f"{change.kind} {change.name}"


def variables() -> Any:
    return current_call().session.variables


def threads() -> list[threading.Thread]:
    return [it for it in threading.enumerate() if it.name == "snakeden-on-change"]


def in_thread(step: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Run a step on a thread; the list holds what it has returned or raised."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(step())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def waiting(call: RunningCall, number: int = 1) -> None:
    """Return when so many threads and tasks wait for a change."""
    wait_for(lambda: len(call._store._wakers) == number, "a wait for a change")


# ---- changes() ----


def test_changes_begin_at_the_call_and_have_names_versions_and_positions() -> None:
    with running_call(session={"a": 1}) as call:
        changes = variables().changes()
        call.change_variable("a", 2)
        variables()["b"] = 3
        call.delete_variable("a")
        assert [next(changes) for _ in range(3)] == [
            VariableChange("set", "a", 2, "test.2"),
            VariableChange("set", "b", 3, "test.3"),
            VariableChange("deleted", "a", 4, "test.4"),
        ]
        later = variables().changes(after="test.3")
        assert short(next(later)) == "deleted a"


def test_changes_of_chosen_names_leave_out_the_others() -> None:
    with running_call(session={}) as call:
        changes = variables().changes(names=["b"])
        call.change_variable("a", 1)
        call.change_variable("b", 1)
        assert short(next(changes)) == "set b"


def test_changes_end_with_the_session() -> None:
    with running_call(session={}) as call:
        changes = variables().changes()
        call.change_variable("a", 1)
        call.end_session()
        assert [short(it) for it in changes] == ["set a"]
        assert list(changes) == []


def test_a_change_that_was_seen_is_read_again() -> None:
    with running_call(session={"a": 1, "b": 1}) as call:
        assert variables().get_many(["a", "b"]) == {"a": 1, "b": 1}
        changes = variables().changes()
        call.change_variable("a", 2)
        call.change_variable("b", 2)
        assert variables()["a"] == 1
        next(changes)
        assert variables().get_many(["a", "b"]) == {"a": 2, "b": 2}
        variables()["a"] = 3
        call.change_variable("a", 4)
        assert [next(changes).version for _ in range(3)] == [4, 5, 6]
        assert variables()["a"] == 4, "the write is older than the change that was seen"


def test_a_thread_waits_for_a_change() -> None:
    with running_call(session={}) as call:
        changes = variables().changes()
        thread, results = in_thread(lambda: short(next(changes)))
        waiting(call)
        call.change_variable("a", 1)
        thread.join()
        assert results == ["set a"]


def test_a_wait_ends_when_the_call_is_cancelled_or_ends_or_changes_are_closed() -> None:
    with running_call(session={}) as call:
        changes, closed = variables().changes(), variables().changes()
        thread, results = in_thread(lambda: next(changes))
        waiting(call)
        call.cancel()
        thread.join()
        assert isinstance(results[0], CallCancelled)
    with running_call(session={}) as call:
        changes, closed = variables().changes(), variables().changes()
        other_thread, others = in_thread(lambda: list(closed))
        waiting(call)
        closed.close()
        other_thread.join()
        assert others == [[]]
        thread, results = in_thread(lambda: next(changes))
        waiting(call)
    thread.join()
    with pytest.raises(RuntimeError, match="call test-1 of 'tool' has ended"):
        raise results[0]
    with pytest.raises(RuntimeError, match="call test-1 of 'tool' has ended"):
        next(changes)
    closed.close()
    assert list(closed) == []


def test_asynchronous_tools_wait_while_other_tasks_go_on() -> None:
    async def tool(call: RunningCall) -> list[str]:
        changes = variables().changes()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(changes), 0.01)
        seen = []
        asyncio.get_running_loop().call_later(0.01, call.change_variable, "a", 1)
        async for change in changes:
            seen.append(short(change))
            if len(seen) == 2:
                break
            call.change_variable("b", 1)
        asyncio.get_running_loop().call_later(0.01, changes.close)
        return seen + [short(it) async for it in changes]

    with running_call(session={}) as call:
        assert asyncio.run(tool(call)) == ["set a", "set b"]


# ---- on_change() ----


def test_a_callback_is_called_on_one_thread_until_the_call_ends() -> None:
    seen: list[Any] = []

    def callback(change: VariableChange) -> None:
        variables()["copy"] = change.version
        seen.append((short(change), threading.current_thread().name, current_call().id))

    with running_call(session={}) as call:
        variables().on_change(callback, names=["a", "b"])
        call.change_variable("a", 1)
        wait_for(lambda: len(seen) == 1, "a call of the callback")
        call.change_variable("b", 1)
        wait_for(lambda: len(seen) == 2, "a call of the callback")
    assert seen == [(f"set {it}", "snakeden-on-change", "test-1") for it in "ab"]
    assert call.variables == {"a": 1, "b": 1, "copy": 3}
    assert threads() == []


def test_a_callback_is_not_called_after_its_end() -> None:
    seen: list[Any] = []
    with running_call(session={}) as call:
        with variables().on_change(seen.append) as handle:
            call.change_variable("a", 1)
            wait_for(lambda: len(seen) == 1, "a call of the callback")
        wait_for(lambda: threads() == [], "the thread to end")
        call.change_variable("a", 2)
        handle.close()
    assert len(seen) == 1


def test_a_callback_that_raises_fails_the_call_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def callback(_change: VariableChange) -> None:
        raise ValueError("bad")

    def run() -> None:
        with running_call(session={}) as call:
            variables().on_change(callback)
            call.change_variable("a", 1)
            wait_for(lambda: threads() == [], "the thread to end")
            assert variables()["a"] == 1

    with caplog.at_level(logging.ERROR), pytest.raises(ValueError, match="bad"):
        run()
    assert "on_change() ended" in caplog.text
    assert "ValueError: bad" in caplog.text


def test_the_end_of_a_call_waits_for_the_callback_that_runs() -> None:
    begun, goes_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def callback(change: VariableChange) -> None:
        begun.set()
        goes_on.wait(20)
        variables()["late"] = 1
        seen.append(short(change))

    with running_call(session={}) as call:
        variables().on_change(callback)
        call.change_variable("a", 1)
        assert begun.wait(20)
        threading.Timer(0.05, goes_on.set).start()
    assert seen == ["set a"]
    assert call.variables == {"a": 1, "late": 1}
    assert threads() == []


def test_no_thread_outlives_a_call_whose_tool_raised_or_was_cancelled() -> None:
    with (
        pytest.raises(ValueError, match="tool"),
        running_call(session={}) as call,
    ):
        variables().on_change(print)
        waiting(call)
        raise ValueError("tool")
    assert threads() == []
    with running_call(session={}) as call:
        variables().on_change(print)
        waiting(call)
        call.cancel()
        wait_for(lambda: threads() == [], "the thread to end")


def test_asynchronous_tools_have_their_callbacks_on_the_loop() -> None:
    seen: list[str] = []

    async def slow(change: VariableChange) -> None:
        await asyncio.sleep(0)
        assert threading.current_thread() is threading.main_thread()
        seen.append(f"slow {change.name}")

    async def tool(call: RunningCall) -> None:
        variables().on_change(slow)
        variables().on_change(lambda it: seen.append(f"fast {it.name}"))
        call.change_variable("a", 1)
        while len(seen) < 2:
            await asyncio.sleep(0)

    with running_call(session={}) as call:
        asyncio.run(tool(call))
    assert sorted(seen) == ["fast a", "slow a"]


def test_a_coroutine_function_needs_an_event_loop() -> None:
    async def callback(_change: VariableChange) -> None: ...

    with running_call(session={}), pytest.raises(TypeError, match="where no event loop runs"):
        variables().on_change(callback)
