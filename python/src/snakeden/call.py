"""The call that runs now: its ids, its deadline, whether it was cancelled, and its progress."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from snakeden._link.gen.link_pb2 import Call as WireCall

__all__ = ["Call", "current_call"]


class Call:
    """One execution of a tool, as the tool sees it. Made by the worker; get it by `current_call()`.

    It may be handed to threads that the tool starts: `progress` and `cancelled` work there too.
    """

    __slots__ = (
        "_buffers",
        "_report",
        "_wire",
        "deadline",
        "ended",
        "id",
        "on_credit",
        "stop_code",
    )

    def __init__(
        self,
        wire: WireCall,
        deadline: float | None,
        report: Callable[[Call, dict[str, Any]], None],
    ) -> None:
        self.id: int = wire.id
        """Number of the call on this worker's link; unique among the calls in flight."""
        self.deadline: float | None = deadline
        """When the call has to be done, on the clock of `time.monotonic()`; None for never."""
        self.stop_code: str | None = None
        self.ended: bool = False
        self.on_credit: Callable[[int], None] | None = None
        # Those of the arguments, until the call is started or never will be: what lies in shared
        # memory is released with the last that refers to it.
        self._buffers: Sequence[bytes | memoryview] = ()
        self._wire = wire
        self._report = report

    @property
    def request_id(self) -> str:
        """The id that the caller knows the call by; may be empty."""
        return self._wire.request_id

    @property
    def session_id(self) -> str:
        """The session of the call; empty when it has none."""
        return self._wire.session_id

    @property
    def tool(self) -> str:
        """Name of the tool."""
        return self._wire.tool

    @property
    def cancelled(self) -> bool:
        """True from the moment the call was cancelled or its deadline passed."""
        return self.stop_code is not None

    @property
    def remaining_ms(self) -> float | None:
        """Milliseconds until the deadline, 0 when it has passed; None when there is no deadline."""
        if self.deadline is None:
            return None
        return max(0.0, (self.deadline - time.monotonic()) * 1000)

    def progress(
        self, fraction: float | None = None, message: str | None = None, **data: Any
    ) -> None:
        """Report how far the call is; the newest report replaces one that nobody has read yet.

        Args:
            fraction: 0 to 1; values outside are cut off at the ends.
            message: A short text for people.
            **data: Anything else that a result may hold, such as `rows=1000`.

        Raises:
            TypeError: `fraction` is not a number.
            InvalidValueError: `data` cannot travel.
        """
        if self.ended:
            return
        report: dict[str, Any] = {}
        if fraction is not None:
            report["fraction"] = min(1.0, max(0.0, float(fraction)))
        if message is not None:
            report["message"] = str(message)
        report.update(data)
        self._report(self, report)

    def __repr__(self) -> str:
        return f"<Call {self.id} of {self.tool!r}>"


CURRENT: ContextVar[Call] = ContextVar("snakeden_call")


def current_call() -> Call:
    """The call that this code runs in.

    Works in a tool and in what it awaits or runs by `asyncio.to_thread`. A thread that the tool
    starts itself does not inherit it: take `current_call()` before and hand it over.

    Raises:
        RuntimeError: No call runs here.
    """
    try:
        return CURRENT.get()
    except LookupError:
        raise RuntimeError(
            "current_call() was used outside of a call: it works only while a tool runs in a "
            "Snakeden worker, and in threads only when the tool hands the call over"
        ) from None
