from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from snakeden import Call, current_call
from snakeden._link.gen.link_pb2 import Call as WireCall
from snakeden._worker.calls.attempt import Attempt
from snakeden._worker.calls.in_flight import InFlight
from snakeden.call import CURRENT


def make(deadline: float | None = None) -> tuple[Call, list[dict[str, Any]]]:
    reports: list[dict[str, Any]] = []
    return attempt(reports.append, deadline).view(), reports


def attempt(report: Callable[[dict[str, Any]], None], deadline: float | None = None) -> Attempt:
    wire = WireCall(id=7, number=71, tool="t", session_id="s", request_id="r")
    running = Attempt(wire, lambda _attempt, it: report(it), prefix="e79a6fc8-")
    running.deadline = deadline
    return running


def test_current_call_raises_outside_of_a_call() -> None:
    with pytest.raises(RuntimeError, match=r"current_call\(\) was used outside of a call"):
        current_call()


def test_current_call_returns_the_call_of_the_context() -> None:
    running = attempt(print)
    token = CURRENT.set(running)
    try:
        assert current_call().id == "e79a6fc8-1z"
        assert current_call() is current_call()
        InFlight().settle(running)
        assert current_call().id == "e79a6fc8-1z"
    finally:
        CURRENT.reset(token)


def test_call_shows_its_ids() -> None:
    call, _ = make()
    assert (call.id, call.tool, call.session_id, call.request_id) == (
        "e79a6fc8-1z",
        "t",
        "s",
        "r",
    )
    assert call.deadline is None
    assert call.remaining_ms is None
    assert not call.cancelled
    assert repr(call) == "<Call e79a6fc8-1z of 't'>"


def test_call_remaining_ms_never_falls_below_zero() -> None:
    remaining = make(time.monotonic() + 60)[0].remaining_ms
    assert remaining is not None
    assert 0 < remaining <= 60_000
    assert make(time.monotonic() - 60)[0].remaining_ms == 0


def test_call_progress_sends_its_arguments() -> None:
    call, reports = make()
    call.progress(0.5)
    call.progress(message="half", rows=3)
    call.progress(1.5)
    call.progress(-1)
    assert reports == [
        {"fraction": 0.5},
        {"message": "half", "rows": 3},
        {"fraction": 1.0},
        {"fraction": 0.0},
    ]


def test_call_progress_refuses_a_fraction_that_is_not_a_number() -> None:
    with pytest.raises((TypeError, ValueError)):
        make()[0].progress("half")  # type: ignore[arg-type]


def test_call_progress_sends_nothing_once_the_call_has_ended() -> None:
    reports: list[dict[str, Any]] = []
    running = attempt(reports.append)
    call = running.view()
    InFlight().settle(running)
    call.progress(0.5)
    assert reports == []


def test_call_exposes_nothing_of_the_worker() -> None:
    public = sorted(name for name in dir(Call) if not name.startswith("_"))
    assert public == [
        "asave_file",
        "cancelled",
        "create_file",
        "deadline",
        "device",
        "id",
        "progress",
        "remaining_ms",
        "request_id",
        "save_file",
        "session",
        "session_id",
        "tool",
        "tools",
    ]


def test_call_is_freed_with_its_attempt_once_that_has_ended() -> None:
    class Watched(Attempt):
        __slots__ = ("__weakref__",)

    running = Watched(WireCall(id=7), lambda _attempt, _report: None)
    view = running.view()
    InFlight().settle(running)
    gone = weakref.ref(running)
    gc.disable()
    try:
        del running, view
        assert gone() is None
    finally:
        gc.enable()
