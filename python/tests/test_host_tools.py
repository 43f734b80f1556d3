"""Tools of the host, against the functions that `running_call` pretends to be them."""

from __future__ import annotations

import asyncio
import copy
import gc
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any
from unittest.mock import AsyncMock, Mock

import numpy as np
import pytest

from snakeden import CallCancelled, HostError, HostToolError, InvalidValueError, current_call
from snakeden.host_tools import HostToolInfo
from snakeden.testing import running_call


def echo(**kwargs: Any) -> Any:
    """Return the arguments."""
    return kwargs


async def later(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


class Counting:
    """Streams that note what they do."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.closed = 0

    def count(self, to: int = 1_000_000_000) -> Generator[int, None, int]:
        try:
            for number in range(to):
                self.made.append(number)
                yield number
        finally:
            self.closed += 1
        return to

    async def acount(self, to: int = 1_000_000_000) -> AsyncIterator[int]:
        try:
            for number in range(to):
                await asyncio.sleep(0)
                self.made.append(number)
                yield number
        finally:
            self.closed += 1


def tools() -> Any:
    return current_call().tools


# ---- calls ----


def test_a_host_tool_is_called_in_each_form() -> None:
    with running_call(tools={"echo": echo, "my-tool.v2": echo, "call": echo}):
        assert tools().echo(id=3) == {"id": 3}
        assert tools().echo({"id": 3}) == {"id": 3}
        assert tools()["my-tool.v2"](name="x", args=1) == {"name": "x", "args": 1}
        assert tools().call("echo", {"self": 1, "name": 2}) == {"self": 1, "name": 2}
        assert tools().call("echo", name=2) == {"name": 2}
        assert tools()["call"]() == {}


def test_values_arrive_as_they_are() -> None:
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    with running_call(tools={"echo": echo}):
        back = tools().echo(a=1, b=1.0, c=None, d=True, e=2**90, f="世界", g=b"\x00", h=(1, [2]))
        assert back == {
            "a": 1, "b": 1.0, "c": None, "d": True, "e": 2**90, "f": "世界", "g": b"\x00",
            "h": [1, [2]],
        }  # fmt: skip
        assert [type(back[it]) for it in "abcd"] == [int, float, type(None), bool]
        assert np.array_equal(tools().echo(x=array)["x"], array)
        cycle: list[Any] = []
        cycle.append(cycle)
        with pytest.raises(InvalidValueError):
            tools().echo(x=cycle)


def test_arguments_that_have_no_name_are_refused() -> None:
    with running_call(tools={"echo": echo}):
        with pytest.raises(TypeError, match=r"tools\.echo: given int .*echo|lookup\(id=3\)"):
            tools().echo(3)
        with pytest.raises(TypeError, match=r"tools\[\"a-b\"\]: given a mapping and keyword"):
            tools()["a-b"]({"a": 1}, b=2)
        with pytest.raises(TypeError, match=r"given 3; allowed: the name"):
            tools()[3]


def test_an_asynchronous_tool_awaits_host_tools_of_each_kind() -> None:
    async def tool() -> list[Any]:
        mine = tools()
        return [
            await mine.later.acall(number=2),
            await mine.acall("echo", {"a": 1}),
            await asyncio.gather(*(mine.later.acall(number=it) for it in range(5))),
        ]

    with running_call(tools={"echo": echo, "later": later}):
        assert asyncio.run(tool()) == [4, {"a": 1}, [0, 2, 4, 6, 8]]
        assert tools().later(number=4) == 8, "also without await"


def test_a_call_that_would_block_an_event_loop_has_no_effect_but_guidance() -> None:
    function = Mock(return_value=1)

    async def tool() -> None:
        mine = tools()
        with pytest.raises(RuntimeError, match=r"use await tools\.lookup\.acall\(\.\.\.\)$"):
            mine.lookup(id=3)
        with pytest.raises(RuntimeError, match=r'use async for item in tools\["a\.b"\]\.astream'):
            mine["a.b"].stream()
        for step in (mine.names, lambda: len(mine), lambda: list(mine), lambda: "x" in mine):
            with pytest.raises(RuntimeError, match=r"use await tools\.anames\(\)"):
                step()
        assert await mine.anames() == ["lookup"]
        assert "lookup" in mine, "the list is known by then"
        assert await asyncio.to_thread(mine.lookup, id=3) == 1

    with running_call(tools={"lookup": function}):
        asyncio.run(tool())
    function.assert_called_once_with(id=3)


def test_threads_use_the_tools_that_are_handed_to_them() -> None:
    with running_call(tools={"later": later, "echo": echo}):
        mine, seen = tools(), []
        threads = [
            threading.Thread(target=lambda it=it: seen.append(mine.later(number=it)))
            for it in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(seen) == [2 * it for it in range(20)]


def test_the_tools_are_gone_with_the_call() -> None:
    with running_call(tools={"echo": echo, "count": Counting().count}) as call:
        view = current_call()
        mine = view.tools
        assert view.tools is mine
        stream = mine.stream("count")
        call.cancel()
        for step in (mine.echo, mine.names, lambda: next(stream)):
            with pytest.raises(CallCancelled):
                step()
    for step in (mine.echo, mine.names, lambda: view.tools, lambda: next(mine.stream("count"))):
        with pytest.raises(RuntimeError, match="has ended"):
            step()


def test_names_that_no_tool_has_are_attributes_of_nothing() -> None:
    with running_call():
        assert not hasattr(tools(), "_ipython_display_")
        assert tools()
        assert isinstance(copy.copy(tools()), type(tools()))
        assert repr(tools().lookup) == "<host tool 'lookup'>"


# ---- errors ----


def test_a_host_tool_that_raises_is_a_host_tool_error() -> None:
    def breaks() -> None:
        raise ZeroDivisionError("by zero")

    def conflicts() -> None:
        raise HostError("version_conflict", "It has changed", details={"v": 2}, retryable=True)

    with running_call(tools={"breaks": breaks, "conflicts": conflicts}):
        with pytest.raises(HostToolError) as caught:
            tools().breaks()
        error = caught.value
        assert (error.tool, error.code) == ("breaks", "host_tool_failed")
        assert str(error) == 'The host tool "breaks" failed: by zero (host_tool_failed)'
        assert isinstance(error.__cause__, ZeroDivisionError), "a test shows where it comes from"
        with pytest.raises(HostError) as conflict:
            tools().conflicts()
        assert conflict.value.code == "version_conflict"
        assert (conflict.value.details, conflict.value.retryable) == ({"v": 2}, True)


def test_a_tool_that_does_not_exist_is_named_with_those_near_it() -> None:
    with running_call(tools={"lookup": echo, "other": echo}):
        steps: list[Callable[[], Any]] = [
            lambda: tools().lokup(id=3),
            lambda: next(tools().stream("lokup")),
            lambda: tools().describe("lokup"),
        ]
        for step in steps:
            with pytest.raises(HostToolError, match=r'"lokup".* did you mean lookup\?') as caught:
                step()
            assert caught.value.code == "unknown_tool"


def test_arguments_that_a_host_tool_does_not_take_are_issues() -> None:
    def lookup(id: int) -> int:  # noqa: A002
        return id

    with running_call(tools={"lookup": lookup}), pytest.raises(HostToolError) as caught:
        tools().lookup(ident=3)
    assert caught.value.code == "invalid_arguments"
    assert [it.path for it in caught.value.issues] == ["args"]
    assert "ident" in caught.value.issues[0].message or "id" in caught.value.issues[0].message


@pytest.mark.parametrize("details", [{}, {"issues": 3}, {"issues": [3, {"path": "a"}]}])
def test_issues_come_from_the_details_of_an_error(details: dict[str, Any]) -> None:
    issues = HostError("invalid_arguments", "no", details=details).issues
    assert [tuple(it) for it in issues] == (
        [("a", "")] if isinstance(details.get("issues"), list) else []
    )


# ---- streams ----


def test_items_come_one_by_one_with_the_result_at_the_end() -> None:
    counting = Counting()
    with running_call(tools={"count": counting.count, "acount": counting.acount}):
        stream = tools().count.stream(to=3)
        assert (next(stream), stream.result) == (0, None)
        assert counting.made == [0], "a generator runs only as far as it is read"
        assert [*stream, *stream] == [1, 2]
        assert stream.result == 3
        assert list(tools().stream("acount", to=3)) == [0, 1, 2]
        assert tools().count(to=3) == [0, 1, 2], "a call returns all items"
        assert tools().acount(to=2) == [0, 1]
    assert counting.closed == 4


def test_an_asynchronous_tool_reads_streams_of_each_kind() -> None:
    counting = Counting()

    async def tool() -> list[Any]:
        mine = tools()
        stream = mine.count.astream(to=3)
        items = [it async for it in stream]
        return [items, stream.result, [it async for it in mine.astream("acount", {"to": 2})]]

    with running_call(tools={"count": counting.count, "acount": counting.acount}):
        assert asyncio.run(tool()) == [[0, 1, 2], 3, [0, 1]]
    assert counting.closed == 2


@pytest.mark.parametrize("name", ["count", "acount"])
def test_leaving_a_stream_closes_its_generator(name: str) -> None:
    counting = Counting()
    with running_call(tools={"count": counting.count, "acount": counting.acount}):
        for item in tools().stream(name):
            if item == 2:
                break
        gc.collect()
        assert counting.closed == 1, "nothing refers to the stream any more"
        with tools().stream(name) as stream:
            next(stream)
        assert counting.closed == 2
        assert list(stream) == []
        kept = tools().stream(name)
        next(kept)
        kept.close()
        kept.close()
        assert counting.closed == 3
        left = tools().stream(name)
        next(left)
    assert counting.closed == 4, "the end of the call closes what is left"
    assert list(kept) == []


def test_leaving_an_asynchronous_stream_closes_its_generator() -> None:
    counting = Counting()

    async def tool() -> None:
        mine = tools()
        async for item in mine.count.astream():
            if item == 2:
                break
        gc.collect()
        assert counting.closed == 1
        async with mine.astream("acount") as stream:
            await anext(stream)
        await asyncio.sleep(0.01)
        assert counting.closed == 2
        await stream.aclose()

    with running_call(tools={"count": counting.count, "acount": counting.acount}):
        asyncio.run(tool())


def test_a_task_that_is_cancelled_stops_its_host_tool() -> None:
    ends: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ends.append("call")

    async def drip() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(3600)
        finally:
            ends.append("stream")

    async def read() -> None:
        async for _ in tools().drip.astream():
            pass

    async def tool() -> None:
        for work in (tools().hang.acall(), read()):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(work, 0.02)

    with running_call(tools={"hang": hang, "drip": drip}):
        asyncio.run(tool())
        assert ends == ["call", "stream"]


def test_a_stream_that_fails_does_so_after_its_items() -> None:
    def breaks() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with running_call(tools={"breaks": breaks, "echo": echo}):
        stream = tools().breaks.stream()
        assert next(stream) == 1
        with pytest.raises(HostToolError, match=r'host tool "breaks" failed: broken'):
            next(stream)
        assert list(stream) == []
        with pytest.raises(HostToolError, match=r"call it by \.call\(\)") as caught:
            next(tools().echo.stream())
        assert caught.value.code == "not_implemented"


# ---- the list ----


def test_the_list_describes_the_functions() -> None:
    def lookup(id: int, deep: bool = False) -> int:  # noqa: A002
        """Look a customer up."""
        return id

    with running_call(tools={"lookup": lookup, "count": Counting().count}):
        assert tools().names() == list(tools()) == ["lookup", "count"]
        assert len(tools()) == 2
        assert "lookup" in tools()
        assert "lokup" not in tools()
        assert tools().describe("lookup") == HostToolInfo(
            name="lookup",
            description="Look a customer up.",
            input_schema={
                "type": "object",
                "properties": {"id": {}, "deep": {}},
                "required": ["id"],
            },
            output_schema=None,
            streams=False,
            timeout_ms=None,
            stall_timeout_ms=None,
            metadata={},
        )
        assert tools().describe("count").streams


def test_mocks_are_host_tools_too() -> None:
    log = Mock(return_value=None)
    save = AsyncMock(return_value="saved")
    with running_call(tools={"log": log, "save": save}):
        assert tools().log(loss=0.5) is None
        assert tools().save(epoch=1) == "saved"
    log.assert_called_once_with(loss=0.5)
    save.assert_awaited_once_with(epoch=1)


def test_a_host_tool_that_is_no_function_is_refused() -> None:
    call = running_call(tools={"x": 3})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"tools\['x'\]: given 3; allowed: a function"):
        call.__enter__()
