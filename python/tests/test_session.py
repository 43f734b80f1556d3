"""The session of a call, against a host in memory and against one that answers when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from snakeden import HostError, ResultTooLargeError, Session, current_call
from snakeden.session.variables import Variables
from snakeden.testing import running_call


class Held:
    """A reply that the test settles."""

    def __init__(self, method: str, args: Any) -> None:
        self.method = method
        self.args = args
        self.done = False
        self.outcome: Any = None
        self._steps: list[Callable[[], None]] = []

    def settle(self, outcome: Any) -> None:
        self.outcome = outcome
        self.done = True
        while self._steps:
            self._steps.pop()()

    def when_done(self, step: Callable[[], None]) -> None:
        self._steps.append(step)
        if self.done:
            self.settle(self.outcome)

    def wait(self) -> Any:
        assert self.done, f"{self.method} would wait for ever"
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def wait_async(self) -> Any:
        while not self.done:
            await asyncio.sleep(0)
        return self.wait()

    def leave(self) -> None:
        raise AssertionError


class Host:
    """A source whose asks wait for the test, or for `answer`, which sees each."""

    session_id = "s-1"

    def __init__(self, answer: Callable[[Held], Any] | None = None) -> None:
        self.asked: list[Held] = []
        self.steps: list[Callable[[], None]] = []
        self._answer = answer
        self.refuses: Exception | None = None
        self.variables = Variables(self)

    def check(self) -> None:
        pass

    def ask(self, method: str, args: object) -> Held:
        if self.refuses is not None:
            raise self.refuses
        reply = Held(method, args)
        self.asked.append(reply)
        if self._answer is not None:
            reply.settle(self._answer(reply))
        return reply

    def before_answer(
        self, step: Callable[[], None], _step_async: Callable[[], Awaitable[None]]
    ) -> None:
        self.steps.append(step)

    def at_end(self, step: Callable[[], None]) -> None:
        raise AssertionError

    def local(self) -> dict[str, Any]:
        raise AssertionError

    def pack(self, value: object) -> Any:
        return value

    def unpack(self, packed: Any) -> Any:
        return packed


def done(version: int, kind: str = "json") -> list[Any]:
    return [{"type": kind, "version": version}]


def refused(code: str = "invalid_variable") -> list[Any]:
    return [{"error": {"code": code, "message": "no", "details": {}, "retryable": False}}]


# ---- against a host in memory ----


def test_variables_are_used_like_a_dict() -> None:
    with running_call(session={"a": 1, "b": [1, 2]}) as call:
        variables = current_call().session.variables
        assert (variables["a"], variables["b"], "a" in variables, "c" in variables) == (
            1,
            [1, 2],
            True,
            False,
        )
        variables["c"] = {"x": None}
        variables["a"] = 2
        del variables["b"]
        assert (variables["a"], variables["c"], sorted(variables)) == (2, {"x": None}, ["a", "c"])
        assert (variables.get("b"), variables.get("b", 5), variables.get("a")) == (None, 5, 2)
        with pytest.raises(KeyError, match="b"):
            variables["b"]
        with pytest.raises(KeyError, match="b"):
            del variables["b"]
    assert call.variables == {"a": 2, "c": {"x": None}}


def test_variables_have_versions() -> None:
    with running_call(session={"a": 1}):
        variables = current_call().session.variables
        assert (variables.version("a"), variables.version("b")) == (1, 0)
        assert variables.set("b", 1, if_version=0) == 2
        assert variables.set("a", 5, type="float", if_version=1) == 3
        assert (variables["a"], type(variables["a"])) == (5.0, float)
        with pytest.raises(HostError) as caught:
            variables.set("a", 6, if_version=1)
        assert caught.value.code == "version_conflict"
        assert caught.value.details == {"currentVersion": 3}
        assert (variables["a"], variables.version("a")) == (5.0, 3)


def test_many_variables_are_read_and_written_at_once() -> None:
    with running_call(session={}) as call:
        variables = current_call().session.variables
        variables.set_many({str(number): number for number in range(2_500)})
        assert variables.get_many(["5", "x", "2499"]) == {"5": 5, "2499": 2499}
    assert len(call.variables) == 2_500


def test_asynchronous_tools_await_the_same() -> None:
    async def tool() -> None:
        variables = current_call().session.variables
        variables["a"] = 2
        assert await variables.aget("a") == 2
        assert await variables.aget("b", 7) == 7
        assert await variables.aset("b", 3, if_version=0) == 3
        await variables.aset_many({"c": 4, "d": 5})
        assert await variables.aget_many(["a", "c"]) == {"a": 2, "c": 4}
        assert await variables.aversion("d") == 5
        assert await variables.adelete("d")
        assert not await variables.adelete("d")
        assert await variables.anames() == ["a", "b", "c"]
        await variables.aflush()

    with running_call(session={"a": 1}):
        asyncio.run(tool())


def test_a_read_returns_a_copy() -> None:
    given = [1]
    with running_call(session={}) as call:
        variables = current_call().session.variables
        variables["a"] = given
        given.append(2)
        variables["a"].append(3)
        assert variables["a"] == [1]
    assert call.variables == {"a": [1]}


def test_a_tool_keeps_objects_with_the_session() -> None:
    with running_call(session={}) as call:
        local = current_call().session.local
        model = local.setdefault("model", object())
        assert current_call().session.local["model"] is model
    assert call.session_local == {"model": model}


def test_the_session_is_that_of_the_call() -> None:
    with running_call(session_id="u1") as call:
        session = current_call().session
        assert isinstance(session, Session)
        assert (session.id, repr(session)) == ("u1", "<Session 'u1'>")
        assert current_call().session is session
        variables = session.variables
    assert call.ended
    with pytest.raises(RuntimeError, match="call test-1 of 'tool' has ended"):
        variables["a"]
    with running_call(), pytest.raises(RuntimeError, match=r"has no session: .* sessionId"):
        current_call().session  # noqa: B018


# ---- against a host that the test plays ----


def test_a_read_asks_once_for_each_variable() -> None:
    host = Host(
        lambda it: [
            None if name == "none" else {"type": "json", "version": 1, "value": name}
            for name in it.args["names"]
        ]
    )
    variables = host.variables
    assert variables["a"] == variables["a"] == "a"
    assert variables.get_many(["a", "b", "none", "b"]) == {"a": "a", "b": "b"}
    assert (variables.get("b"), variables.get("none"), variables.version("a")) == ("b", None, 1)
    assert [it.args for it in host.asked] == [{"names": ["a"]}, {"names": ["b", "none"]}]


def test_a_write_is_sent_at_once_and_not_waited_for() -> None:
    host = Host()
    host.variables["a"] = 1
    host.variables["b"] = 2
    assert [it.args["variables"] for it in host.asked] == [
        [{"name": "a", "value": 1}],
        [{"name": "b", "value": 2}],
    ]
    for number, reply in enumerate(host.asked, 1):
        reply.settle(done(number))
    assert (host.variables["a"], host.variables["b"], host.variables.version("b")) == (1, 2, 2)
    assert len(host.asked) == 2, "what was written is known"


def test_the_end_of_the_call_waits_for_the_writes() -> None:
    host = Host()
    host.variables["a"] = 1
    host.variables["b"] = 1
    (step,) = host.steps
    with pytest.raises(AssertionError, match="would wait"):
        step()
    for number, reply in enumerate(host.asked, 1):
        reply.settle(done(number))
    step()


def test_the_error_of_a_write_is_raised_once_by_the_next_use() -> None:
    host = Host()
    host.variables["a"] = 1
    host.asked[0].settle(refused())
    with pytest.raises(HostError, match=r"no \(invalid_variable\)"):
        host.variables["b"] = 2
    host.variables["b"] = 2
    host.asked[1].settle(done(1))
    host.steps[0]()
    host.variables["c"] = 3
    host.asked[2].settle(HostError("unknown_session", "gone"))
    with pytest.raises(HostError, match="unknown_session"):
        host.steps[0]()


def test_a_variable_that_was_refused_is_read_again() -> None:
    host = Host()
    host.variables["a"] = 1
    host.asked[0].settle(refused())
    with pytest.raises(HostError):
        host.variables.flush()
    with pytest.raises(AssertionError, match="get_vars would wait"):
        host.variables["a"]


def test_an_older_write_does_not_hide_a_newer_one() -> None:
    host = Host()
    host.variables["a"] = 1
    host.variables["a"] = 2
    host.asked[0].settle(done(1))
    host.asked[1].settle(done(2))
    assert (host.variables["a"], host.variables.version("a")) == (2, 2)


def test_an_array_that_was_written_is_read_as_the_host_keeps_it() -> None:
    def answer(it: Held) -> Any:
        if it.method == "session.set_vars":
            return done(1, "tensor")
        return [{"type": "tensor", "version": 1, "value": "array"}]

    host = Host(answer)
    assert host.variables.set("a", [1, 2], type="tensor") == 1
    assert host.variables["a"] == "array"


def written(host: Host) -> list[list[Any]]:
    """Return the values of each message with writes."""
    return [[it["value"] for it in asked.args["variables"]] for asked in host.asked]


def results(reply: Held) -> list[Any]:
    """Return what the host answers to a message, with the values as versions."""
    return [{"type": "json", "version": it["value"]} for it in reply.args["variables"]]


def test_many_writes_share_a_message_that_is_sent_after_an_answer() -> None:
    host = Host()
    for number in range(1, 8):
        host.variables[str(number)] = number
    assert written(host) == [[1], [2], [3], [4]]
    host.asked[1].settle(results(host.asked[1]))
    assert written(host)[4:] == [[5, 6, 7]]
    host.variables["8"] = 8
    (step,) = host.steps
    with pytest.raises(AssertionError, match="would wait"):
        step()
    assert written(host)[5:] == [[8]], "the end of the call sends all"
    for reply in host.asked:
        reply.settle(results(reply))
    step()
    assert host.variables.get_many(["5", "8"]) == {"5": 5, "8": 8}
    assert len(host.asked) == 6, "what was written is known"


def test_the_last_of_the_writes_of_one_name_counts() -> None:
    host = Host()
    for number in range(1, 9):
        host.variables["a"] = number
    for reply in host.asked[:4]:
        reply.settle(results(reply))
    assert written(host) == [[1], [2], [3], [4], [5, 6, 7, 8]]
    host.asked[4].settle([{"type": "json", "version": it} for it in range(5, 9)])
    assert (host.variables["a"], host.variables.version("a")) == (8, 8)


def test_a_refused_write_of_a_shared_message_is_raised_and_the_others_are_known() -> None:
    host = Host()
    for number in range(1, 8):
        host.variables[str(number)] = number
    for reply in host.asked[:4]:
        reply.settle(results(reply))
    good, _, _ = results(host.asked[4])
    host.asked[4].settle([good, *refused(), *refused("unknown_session")])
    with pytest.raises(HostError, match="invalid_variable"):
        host.variables.flush()
    host.variables.flush()
    assert host.variables["5"] == 5
    with pytest.raises(AssertionError, match="get_vars would wait"):
        host.variables["6"]


def test_a_long_write_has_a_message_of_its_own_behind_those_before_it() -> None:
    host = Host()
    for number in range(1, 7):
        host.variables[str(number)] = number
    host.variables["long"] = {"json": "x" * 100_000}
    assert [[it["name"] for it in asked.args["variables"]] for asked in host.asked[4:]] == [
        ["5", "6"],
        ["long"],
    ]


def test_gathered_writes_that_cannot_be_sent_are_raised_by_the_next_use() -> None:
    host = Host()
    for number in range(1, 6):
        host.variables[str(number)] = number
    host.refuses = ValueError("too long")
    host.asked[0].settle(results(host.asked[0]))
    assert len(host.asked) == 4
    with pytest.raises(ValueError, match="too long"):
        host.variables.flush()


def test_at_most_a_fixed_number_of_messages_is_under_way() -> None:
    host = Host()
    for number in range(4 + 96 * 200):
        host.variables[str(number)] = number
    assert [len(it) for it in written(host)] == [1] * 4 + [200] * 96
    with pytest.raises(AssertionError, match="set_vars would wait"):
        host.variables["next"] = 1
    host.asked[0].settle(results(host.asked[0]))
    host.variables["next"] = 1


def test_at_most_a_fixed_number_of_bytes_is_under_way() -> None:
    host = Host()
    for number in range(4):
        host.variables[str(number)] = {"json": "x" * 10_000_000}
    with pytest.raises(AssertionError, match="set_vars would wait"):
        host.variables["next"] = {"json": "1"}
    with pytest.raises(AssertionError, match="set_vars would wait"):
        host.variables.set_many({"next": 1})
    host.asked[0].settle(done(1))
    host.variables["next"] = 1
    assert len(host.asked) == 5


def test_a_loop_of_an_asynchronous_tool_is_told_to_await_its_writes() -> None:
    async def write() -> None:
        host = Host()
        with pytest.raises(RuntimeError, match=r"await variables\.aflush\(\)"):
            for number in range(5):
                host.variables[str(number)] = {"json": "x" * 10_000_000}
        for version, asked in enumerate(host.asked):
            asked.settle(done(version))
        await host.variables.aflush()
        host.variables["next"] = 1

    asyncio.run(write())


def test_a_name_that_no_variable_may_have_is_refused_alone() -> None:
    host = Host(results)
    host.variables["a"] = 1
    for name, shown in [("", "''"), ("a/b", "'a/b'"), ("x" * 129, "a text of 129 characters")]:
        with pytest.raises(HostError, match=f"given {shown}; allowed: 1 to 128 ") as caught:
            host.variables[name] = 1
        assert caught.value.code == "invalid_input"
        with pytest.raises(HostError, match=f"given {shown}"):
            host.variables.set_many({"b": 1, name: 1})
    host.variables["c"] = 3
    host.variables.flush()
    assert written(host) == [[1], [3]]


class Narrow(Host):
    """Takes one variable in a message, and none that is large."""

    def ask(self, method: str, args: Any) -> Held:
        names = [it["name"] for it in args["variables"]]
        if len(names) > 1 or "large" in names:
            raise ResultTooLargeError(2_000, 1_000, what="args")
        return super().ask(method, args)


def test_writes_that_are_too_long_for_one_message_are_divided() -> None:
    host = Narrow(results)
    host.variables.set_many({"a": 1, "b": 2, "c": 3})
    assert written(host) == [[1], [2], [3]]


def test_a_variable_that_is_too_large_is_named_and_stops_no_other() -> None:
    host = Narrow(results)
    with pytest.raises(ResultTooLargeError, match="the variable 'large' has at least 2000 bytes"):
        host.variables.set_many({"a": 1, "large": 2, "c": 3})
    assert written(host) == [[1], [3]]


def test_variables_that_do_not_fit_into_an_answer_are_asked_for_again() -> None:
    def answer(reply: Held) -> Any:
        return [{"type": "json", "version": 1, "value": it} for it in reply.args["names"][:2]]

    names = ["a", "b", "c", "d", "e"]
    host = Host(answer)
    assert host.variables.get_many(names) == {it: it for it in names}
    assert [len(it.args["names"]) for it in host.asked] == [5, 3, 1]
    host = Host(answer)
    assert asyncio.run(host.variables.aget_many(names)) == {it: it for it in names}


def test_the_number_of_a_float_and_of_an_integer_has_their_type() -> None:
    host = Host(lambda it: [{"type": name, "version": 1, "value": 2} for name in it.args["names"]])
    assert [type(host.variables[it]) for it in ("float", "integer", "json")] == [float, int, int]


def test_options_of_a_write_are_sent_when_they_are_given() -> None:
    host = Host(lambda _it: done(4))
    assert host.variables.set("a", 1, type="float", constraints={"min": 0}, if_version=0) == 4
    assert host.asked[0].args == {
        "variables": [
            {
                "name": "a",
                "value": 1,
                "type": "float",
                "constraints": {"min": 0},
                "ifVersion": 0,
            }
        ]
    }


def test_a_name_is_a_text() -> None:
    host = Host()
    with pytest.raises(TypeError, match="the name of a variable is a str, not 1"):
        host.variables.set_many({1: 1})  # type: ignore[dict-item]
    for read in (host.variables.get, host.variables.version):
        with pytest.raises(TypeError, match="the name of a variable is a str, not 1"):
            read(1)  # type: ignore[arg-type]
    assert 1 not in host.variables
    assert host.asked == []
