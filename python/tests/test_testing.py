from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from snakeden import Adapter, CallCancelled, HostError, current_call, tool
from snakeden.testing import running_call


class Counts(Adapter):
    def setup(self) -> None:
        self.calls = 0

    @tool
    def add(self, a: int, b: int = 1) -> int:
        self.calls += 1
        return a + b

    @tool(name="renamed", idempotent=True)
    def train(self, epochs: int) -> Iterator[int]:
        for epoch in range(epochs):
            if current_call().cancelled:
                return
            yield epoch
            current_call().progress((epoch + 1) / epochs, rows=epoch)

    @tool
    async def waits(self) -> AsyncIterator[str]:
        await asyncio.sleep(0)
        yield current_call().session_id


def test_tools_are_called_in_plain_python_as_they_are_written() -> None:
    counts = Counts()
    counts.setup()
    assert counts.add(1, b=2) == 3
    assert counts.calls == 1


def test_current_call_outside_of_a_call_says_how_to_test_a_tool() -> None:
    with pytest.raises(RuntimeError, match=r"outside of a call: .* snakeden\.testing\.running_"):
        list(Counts().train(1))


def test_running_call_keeps_what_the_tool_reports() -> None:
    with running_call() as call:
        assert list(Counts().train(2)) == [0, 1]
    assert call.reports == [{"fraction": 0.5, "rows": 0}, {"fraction": 1.0, "rows": 1}]


def test_a_session_that_has_ended_is_not_there_any_more() -> None:
    with running_call(session={"a": 1}) as call:
        session = current_call().session
        call.end_session()
        for use in (
            lambda: session.variables["a"],
            lambda: session.variables.set("a", 1),
            lambda: session.local,
            lambda: session.programs["p"],
        ):
            with pytest.raises(HostError) as caught:
                use()
            assert caught.value.code == "unknown_session"
    assert call.variables == {"a": 1}


def test_a_cancelled_tool_can_ask_for_nothing_more() -> None:
    with running_call(session={"a": 1}) as call:
        call.cancel()
        with pytest.raises(CallCancelled):
            current_call().session.variables["a"]


def test_running_call_can_be_cancelled() -> None:
    with running_call() as call:
        stream = Counts().train(3)
        assert next(stream) == 0
        call.cancel()
        assert list(stream) == []


def test_running_call_gives_what_the_test_says() -> None:
    async def collected() -> list[str]:
        return [it async for it in Counts().waits()]

    with running_call(tool="t", call_id="c", request_id="r", session_id="s", timeout_ms=60_000):
        assert asyncio.run(collected()) == ["s"]
        call = current_call()
        assert (call.tool, call.id, call.request_id) == ("t", "c", "r")
        assert repr(call)
        assert call.remaining_ms is not None
        assert 0 < call.remaining_ms <= 60_000
    with running_call():
        assert current_call().remaining_ms is None
        assert current_call().id == "test-1"


def test_running_call_ends_with_its_block() -> None:
    with running_call() as outer:
        with pytest.raises(ValueError, match="why"), running_call(tool="inner"):
            raise ValueError("why")
        assert current_call() is outer.view()
    with pytest.raises(RuntimeError):
        current_call()
    outer.view().progress(1.0)
    assert outer.reports == []


def test_running_call_keeps_the_functions_that_a_tool_registers() -> None:
    def double(x: int) -> int:
        return 2 * x

    with running_call(session={}) as call:
        tools = current_call().tools
        assert tools.register(double) == "double"
        assert tools.register(lambda: 1, name="one", session=False) == "one"
        assert call.registered["double"](4) == 8
        with pytest.raises(HostError, match="tool_exists"):
            tools.register(double)
        with pytest.raises(ValueError, match=r"'\.x' is not allowed: it begins with a dot"):
            tools.register(double, name=".x")
        tools.unregister("double")
        with pytest.raises(HostError, match="unknown_tool"):
            tools.unregister("double")
        assert list(call.registered) == ["one"]
    with running_call(), pytest.raises(ValueError, match="has no session"):
        current_call().tools.register(double, session=True)
    with pytest.raises(RuntimeError, match="has ended"):
        tools.register(double)
