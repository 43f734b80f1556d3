"""The streams of a worker that runs calls side by side, as the calls of one thread see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snakeden._worker.system.output import Output, RunningCall

__all__ = ["ThreadOutput"]


class ThreadOutput:
    """The output of the call that a thread runs. Each line says whose it is, so nothing is marked
    when a call begins.
    """

    __slots__ = ("_number", "_output")

    is_marked = True
    """See `Output.is_marked`: each call is ended."""
    is_late = False
    """See `Output.is_late`."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._number = 0

    @staticmethod
    def of(output: Output | None) -> ThreadOutput | None:
        """Return the output of one thread, if there is any."""
        return None if output is None else ThreadOutput(output)

    def begin(self, attempt: RunningCall, _now: float) -> None:
        """Begin a call."""
        self._number = attempt.number
        self._output.begin_beside(attempt)

    def end(self) -> int:
        """End the call, and with it the line that it has begun to print; see `Output.end`."""
        return self._output.end_beside(self._number)

    def took(self, tool: str, seconds: float) -> None:
        """Do nothing: no call is marked at its start."""
