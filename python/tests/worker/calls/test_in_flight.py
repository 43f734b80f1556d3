from __future__ import annotations

from snakeden._link.gen.link_pb2 import Call
from snakeden._worker.calls.attempt import Attempt
from snakeden._worker.calls.in_flight import InFlight


def attempts(count: int) -> list[Attempt]:
    return [Attempt(Call(id=it), lambda _attempt, _report: None) for it in range(1, count + 1)]


def test_take_gives_out_calls_in_order_and_each_once() -> None:
    in_flight = InFlight()
    first, second, third = attempts(3)
    for attempt in (first, second, third):
        in_flight.add(attempt)
    assert in_flight.take() is first
    assert in_flight.withdraw(second)
    assert in_flight.take() is third
    assert in_flight.take() is None


def test_withdraw_refuses_what_has_begun_or_was_withdrawn() -> None:
    in_flight = InFlight()
    first, second = attempts(2)
    in_flight.add(first)
    in_flight.add(second)
    in_flight.take()
    assert not in_flight.withdraw(first)
    assert in_flight.withdraw_all() == [second]
    assert not in_flight.withdraw(second)
    assert in_flight.withdraw_all() == []


def test_begun_are_those_that_were_taken_and_are_not_settled() -> None:
    in_flight = InFlight()
    first, second, third = attempts(3)
    for attempt in (first, second, third):
        in_flight.add(attempt)
    assert in_flight.begun() == []
    in_flight.take()
    in_flight.take()
    assert in_flight.begun() == [first, second]
    in_flight.settle(first)
    assert in_flight.begun() == [second]
    assert first.ended
    assert in_flight.find(1) is None
    assert in_flight.find(2) is second


def test_on_news_is_called_for_each_call_and_for_the_end() -> None:
    in_flight = InFlight()
    news: list[bool] = []
    in_flight.on_news = lambda: news.append(in_flight.draining)
    for attempt in attempts(2):
        in_flight.add(attempt)
    in_flight.drain()
    assert news == [False, False, True]
