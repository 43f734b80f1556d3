from __future__ import annotations

import threading
from typing import Any

import pytest

from snakeden._link.gen import link_pb2 as link
from snakeden._worker.calls.attempt import Attempt
from snakeden._worker.calls.reply import Reply


class Elsewhere:
    """The interruption of another thread."""

    armed: Attempt | None = None
    cut_off = False
    ends_waits = True
    shares_loop = False
    is_here = False

    def before_wait(self) -> None:
        raise AssertionError

    def check(self, attempt: Attempt) -> None:
        raise AssertionError

    def shield(self, step: Any) -> None:
        raise AssertionError

    def describe(self, attempt: Attempt, step: Any) -> Any:
        raise AssertionError


@pytest.mark.parametrize("name", ["snakeden-reader", "snakeden-relief", "snakeden-writer"])
def test_a_finalizer_on_a_thread_of_the_worker_does_not_wait(name: str) -> None:
    reply = Reply(Attempt(link.Call(id=1), lambda *_: None), "m", interruption=Elsewhere())
    seen: list[str] = []

    def wait() -> None:
        try:
            reply.wait()
        except RuntimeError as error:
            seen.append(str(error))

    thread = threading.Thread(target=wait, name=name, daemon=True)
    thread.start()
    thread.join(20)
    assert seen == [f"m: the thread {name} of the worker cannot wait for it"]
