"""Test tools in plain Python, without a host: `current_call()` works inside of `running_call()`,
which can also pretend that the worker has a device.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from snakeden.call import CURRENT, Call, Reply
from snakeden.device import PRETENDED, Device

__all__ = ["RunningCall", "running_call"]


class RunningCall:
    """A call that a test pretends to run."""

    def __init__(
        self,
        *,
        tool: str,
        call_id: str,
        request_id: str,
        session_id: str,
        timeout_ms: float | None,
    ) -> None:
        self.number = 1
        self.call_id = call_id
        self.tool = tool
        self.request_id = request_id
        self.session_id = session_id
        self.deadline = None if timeout_ms is None else time.monotonic() + timeout_ms / 1000
        self.stop_code: str | None = None
        self.ended = False
        self.reports: list[dict[str, Any]] = []
        """The progress that the tool has reported, such as `{"fraction": 0.5}`."""
        self._view = Call(self)

    def cancel(self) -> None:
        """Set `current_call().cancelled`. A worker would also raise `CallCancelled` in the tool."""
        self.stop_code = "cancelled"

    def report(self, report: dict[str, Any]) -> None:
        """Keep a report of progress."""
        self.reports.append(report)

    def ask(self, method: str, _args: object) -> Reply:
        """Refuse, since there is no host."""
        raise RuntimeError(f"{method}: running_call() has no host to ask")

    def view(self) -> Call:
        """Return what `current_call()` returns."""
        return self._view


@contextmanager
def running_call(
    *,
    tool: str = "tool",
    call_id: str = "test-1",
    request_id: str = "",
    session_id: str = "",
    timeout_ms: float | None = None,
    device: Device | None = None,
) -> Iterator[RunningCall]:
    """Have `current_call()` return a call until the end of the `with` block.

    with running_call() as call:
        assert list(Texts().train(epochs=2)) == [...]
    assert call.reports[-1] == {"fraction": 1.0}

    With a `device`, `snakeden.device()` returns it until then, in all threads:

    with running_call(device=Device(kind="cuda", memory_bytes=24_000_000_000)):
        Model().setup()
    """
    if device is not None and not isinstance(device, Device):
        raise TypeError(f'device: given {device!r}; allowed: a Device, as Device(kind="cuda")')
    call = RunningCall(
        tool=tool,
        call_id=call_id,
        request_id=request_id,
        session_id=session_id,
        timeout_ms=timeout_ms,
    )
    token = CURRENT.set(call)
    if device is not None:
        PRETENDED[call] = device
    try:
        yield call
    finally:
        PRETENDED.pop(call, None)
        call.ended = True
        CURRENT.reset(token)
