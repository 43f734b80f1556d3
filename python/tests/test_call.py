from __future__ import annotations

import time
from typing import Any

import pytest

from snakeden import Call, current_call
from snakeden._link.gen.link_pb2 import Call as WireCall
from snakeden.call import CURRENT


def make(deadline: float | None = None) -> tuple[Call, list[dict[str, Any]]]:
    reports: list[dict[str, Any]] = []
    wire = WireCall(id=7, tool="t", session_id="s", request_id="r")
    return Call(wire, deadline, lambda _call, report: reports.append(report)), reports


def test_current_call_says_clearly_that_there_is_none() -> None:
    with pytest.raises(RuntimeError, match=r"current_call\(\) was used outside of a call"):
        current_call()


def test_current_call_gives_the_call_of_the_context() -> None:
    call, _ = make()
    token = CURRENT.set(call)
    try:
        assert current_call() is call
    finally:
        CURRENT.reset(token)


def test_call_shows_its_ids() -> None:
    call, _ = make()
    assert (call.id, call.tool, call.session_id, call.request_id) == (7, "t", "s", "r")
    assert call.deadline is None
    assert call.remaining_ms is None
    assert not call.cancelled
    assert repr(call) == "<Call 7 of 't'>"


def test_call_remaining_ms_never_falls_below_zero() -> None:
    remaining = make(time.monotonic() + 60)[0].remaining_ms
    assert remaining is not None
    assert 0 < remaining <= 60_000
    assert make(time.monotonic() - 60)[0].remaining_ms == 0


def test_call_progress_reports_what_it_is_given() -> None:
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


def test_call_progress_refuses_a_fraction_that_is_no_number() -> None:
    with pytest.raises((TypeError, ValueError)):
        make()[0].progress("half")  # type: ignore[arg-type]


def test_call_progress_is_silent_once_the_call_has_ended() -> None:
    call, reports = make()
    call.ended = True
    call.progress(0.5)
    assert reports == []
