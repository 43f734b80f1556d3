"""The programs that a session sees, against a host in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from snakeden import HostError, current_call
from snakeden.session.programs import Programs
from snakeden.testing import running_call

SUM = {"tool": "add", "args": {"a": 1}}


def test_programs_are_a_mapping_of_dicts() -> None:
    with running_call(programs={"sum": SUM}) as call:
        programs = current_call().session.programs
        assert programs["sum"] == SUM
        assert (programs.get("none"), programs.get("none", 5)) == (None, 5)
        assert ("sum" in programs, "none" in programs, 5 in programs) == (True, False, False)
        with pytest.raises(KeyError, match="none"):
            programs["none"]
        with pytest.raises(KeyError, match="none"):
            del programs["none"]
        programs.put("other", tool="echo")
        assert list(programs) == ["other", "sum"]
        assert programs["other"] == {"tool": "echo", "args": {}}
        del programs["sum"]
    assert call.programs == {"other": {"tool": "echo", "args": {}}}


def test_a_program_has_the_fields_that_put_takes() -> None:
    fields: dict[str, Any] = {
        "tool": "add",
        "args": {"a": 1.0, "b": [None, True]},
        "pool": "gpu",
        "timeout_ms": 5_000,
        "stall_timeout_ms": 500,
        "affinity": "strict_queue",
        "priority": -1,
        "metadata": {"by": "ada"},
    }
    with running_call(session={}) as call:
        programs = current_call().session.programs
        assert programs.put("p", **fields) == 1
        assert programs["p"] == fields
        assert programs.put("copy", **programs["p"]) == 1
    assert call.programs == {"p": fields, "copy": fields}


def test_programs_have_versions() -> None:
    with running_call(programs={"p": SUM}):
        programs = current_call().session.programs
        assert (programs.version("p"), programs.version("q")) == (1, 0)
        assert programs.put("p", tool="t", if_version=1) == 2
        assert programs.put("q", tool="t", if_version=0) == 1
        with pytest.raises(HostError) as caught:
            programs.put("p", tool="u", if_version=1)
        assert caught.value.code == "version_conflict"
        assert caught.value.details == {"currentVersion": 2}
        assert programs["p"]["tool"] == "t"


def test_a_program_that_is_read_or_written_is_a_copy() -> None:
    rows = [1]
    with running_call(programs={}) as call:
        programs = current_call().session.programs
        programs.put("p", tool="t", args={"rows": rows})
        rows.append(2)
        programs["p"]["args"]["rows"].append(3)
    assert call.programs["p"]["args"] == {"rows": [1]}


def test_asynchronous_tools_await_the_same() -> None:
    async def tool() -> None:
        programs = current_call().session.programs
        assert await programs.aget("sum") == SUM
        assert await programs.aget("none", 7) == 7
        assert await programs.aput("p", tool="t", timeout_ms=5, if_version=0) == 1
        assert await programs.aget("p") == {"tool": "t", "timeout_ms": 5, "args": {}}
        assert (await programs.aversion("p"), await programs.aversion("none")) == (1, 0)
        assert await programs.anames() == ["p", "sum"]
        assert await programs.adelete("sum")
        assert not await programs.adelete("sum")

    with running_call(programs={"sum": SUM}):
        asyncio.run(tool())


class Pages:
    """A source with the programs of all calls, and with names in pages."""

    session_id = "s-1"

    def ask(self, method: str, args: Any) -> Any:
        if method == "session.get_program":
            return Ready({"version": 3, "isOwn": False, "program": {"tool": "shared"}})
        first = {"names": ["a", "b"], "cursor": "next"}
        return Ready(first if args["cursor"] is None else {"names": ["c"], "cursor": None})

    def local(self) -> dict[str, Any]:
        raise AssertionError

    def check(self) -> None:
        pass

    def before_answer(self, step: Any, step_async: Any) -> None:
        raise AssertionError

    def at_end(self, step: Any) -> None:
        raise AssertionError

    def pack(self, value: object) -> Any:
        return value

    def unpack(self, packed: Any) -> Any:
        return packed


class Ready:
    """A reply that is there."""

    done = True

    def __init__(self, value: Any) -> None:
        self.value = value

    def wait(self) -> Any:
        return self.value

    async def wait_async(self) -> Any:
        return self.value

    def when_done(self, step: Any) -> None:
        step()

    def leave(self) -> None:
        pass


def test_a_program_for_all_calls_is_read_but_has_no_version_in_the_session() -> None:
    programs = Programs(Pages())
    assert programs["p"] == {"tool": "shared", "args": {}}
    assert programs.version("p") == 0
    assert asyncio.run(programs.aversion("p")) == 0


def test_names_are_read_in_pages() -> None:
    programs = Programs(Pages())
    assert list(programs) == ["a", "b", "c"]
    assert asyncio.run(programs.anames()) == ["a", "b", "c"]
