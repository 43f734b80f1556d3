"""The call that runs now: its ids, its deadline, whether it was cancelled, and its progress."""

from __future__ import annotations

import os
import time
from contextvars import ContextVar
from typing import Any, Literal, Protocol, overload

from snakeden.device import Device, device
from snakeden.files import new_file
from snakeden.files.file import File
from snakeden.files.new_file import FileCreation, FileSource, NewBinaryFile, NewTextFile
from snakeden.host_tools import HostTools
from snakeden.host_tools.source import ToolSource
from snakeden.session import Session
from snakeden.session.source import SessionSource

__all__ = ["Call", "CallSource", "current_call"]


class CallSource(SessionSource, ToolSource, FileSource, Protocol):
    """The source of a `Call`, which the worker implements in `_worker/calls/attempt.py`."""

    deadline: float | None
    stop_code: str | None
    ended: bool

    @property
    def number(self) -> int:
        """The number of the call, by which the host finds its output."""

    @property
    def call_id(self) -> str:
        """The id of the call, which its answer has too."""

    @property
    def tool(self) -> str:
        """The name of the tool."""

    @property
    def request_id(self) -> str:
        """The id that the caller knows the call by."""

    def report(self, report: dict[str, Any]) -> None:
        """Send progress."""

    def view(self) -> Call:
        """Return the view of it, the same one for as long as the call runs."""


class Call:
    """One execution of a tool, as the tool sees it. Made by the worker; get it by `current_call()`.

    It may be handed to threads that the tool starts: `progress` and `cancelled` work there too.
    """

    __slots__ = ("_session", "_source", "_tools")

    def __init__(self, source: CallSource) -> None:
        self._source = source
        self._session: Session | None = None
        self._tools: HostTools | None = None

    @property
    def id(self) -> str:
        """The id of the call: the `callId` of its answer, and of its lines in the log."""
        return self._source.call_id

    @property
    def deadline(self) -> float | None:
        """The time by which the call must end, by `time.monotonic()`; None without a deadline."""
        return self._source.deadline

    @property
    def request_id(self) -> str:
        """The id that the caller knows the call by; may be empty."""
        return self._source.request_id

    @property
    def session_id(self) -> str:
        """The session of the call; empty when it has none."""
        return self._source.session_id

    @property
    def session(self) -> Session:
        """The session of the call, with its variables.

        Raises:
            RuntimeError: The call has no session, or has ended.
        """
        self._source.check()
        session = self._session
        if session is None:
            if not self._source.session_id:
                raise RuntimeError(
                    f"{self!r} has no session: the caller must name one, as in "
                    "den.execute(tool, args, { sessionId }), or with sessionId in the body of a "
                    "request; in a test, use snakeden.testing.running_call(session=...)"
                )
            session = self._session = Session(self._source)
        return session

    @property
    def tool(self) -> str:
        """The name of the tool."""
        return self._source.tool

    @property
    def tools(self) -> HostTools:
        """The host tools that the call may use, as in `current_call().tools.lookup(id=3)`.

        Raises:
            RuntimeError: The call has ended.
        """
        self._source.check()
        tools = self._tools
        if tools is None:
            tools = self._tools = HostTools(self._source)
        return tools

    @property
    def device(self) -> Device:
        """The device of the worker, as `snakeden.device()` returns it."""
        return device()

    @property
    def cancelled(self) -> bool:
        """True from the moment the call was cancelled or its deadline passed."""
        return self._source.stop_code is not None

    @property
    def remaining_ms(self) -> float | None:
        """Milliseconds until the deadline, 0 when it has passed; None when there is no deadline."""
        deadline = self._source.deadline
        if deadline is None:
            return None
        return max(0.0, (deadline - time.monotonic()) * 1000)

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
        if self._source.ended:
            return
        report: dict[str, Any] = {}
        if fraction is not None:
            report["fraction"] = min(1.0, max(0.0, float(fraction)))
        if message is not None:
            report["message"] = str(message)
        report.update(data)
        self._source.report(report)

    @overload
    def create_file(
        self, name: str, mode: Literal["wb"] = "wb", *, media_type: str | None = None
    ) -> FileCreation[NewBinaryFile]: ...

    @overload
    def create_file(
        self,
        name: str,
        mode: Literal["w", "wt"],
        *,
        media_type: str | None = None,
        encoding: str = "utf-8",
        newline: str | None = None,
    ) -> FileCreation[NewTextFile]: ...

    def create_file(
        self,
        name: str,
        mode: str = "wb",
        *,
        media_type: str | None = None,
        encoding: str = "utf-8",
        newline: str | None = None,
    ) -> FileCreation[Any]:
        r"""Make a file that the host keeps, for a result or for the artifacts of a job.

        with current_call().create_file("clean.csv", "w") as out:
            out.write("id,name\n")
        return out.file

        The file exists when the block has ended; an exception that leaves the block takes the file
        with it. Use `async with` in asynchronous tools.

        Args:
            name: The name of the file, such as "clean.csv".
            mode: "wb" for bytes, "w" for text.
            media_type: The media type, such as "text/csv". Default: none.
            encoding: The encoding of text.
            newline: The line ends of text, as for `open()`.

        Raises:
            HostError: `invalid_input` for a name that is not allowed, `file_too_large`,
                `file_quota_exceeded`.
            ValueError: Another mode.
        """
        self._source.check()
        text = {"encoding": encoding, "newline": newline}
        return new_file.create(self._source, name, mode=mode, media_type=media_type, text=text)

    def save_file(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        *,
        media_type: str | None = None,
    ) -> File:
        """Have the host keep a copy of a file of this machine. The original stays as it is.

        Args:
            path: The place of the file. A `File` that keeps its name is returned as it is.
            name: The name of the copy. Default: that of the original.
            media_type: The media type, such as "text/csv". Default: none.

        Raises:
            OSError: The file cannot be read.
            HostError: As for `create_file`.
            RuntimeError: An event loop runs on this thread; use `asave_file`.
        """
        self._source.check()
        return new_file.save(self._source, path, name=name, media_type=media_type)

    async def asave_file(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        *,
        media_type: str | None = None,
    ) -> File:
        """Have the host keep a copy of a file as `save_file` does, while other tasks go on."""
        self._source.check()
        return await new_file.asave(self._source, path, name=name, media_type=media_type)

    def __repr__(self) -> str:
        return f"<Call {self.id} of {self.tool!r}>"


CURRENT: ContextVar[CallSource] = ContextVar("snakeden_call")


def current_call() -> Call:
    """Return the call that this code runs in.

    Works in a tool, and in code that the tool awaits or runs by `asyncio.to_thread`. A thread that
    the tool starts does not inherit the call: pass the result of `current_call()` to it.

    Raises:
        RuntimeError: No call runs here.
    """
    try:
        return CURRENT.get().view()
    except LookupError:
        raise RuntimeError(
            "current_call() was used outside of a call: it works only while a tool runs in a "
            "Snakeden worker, and in threads only when the tool hands the call over; in a test, "
            "use snakeden.testing.running_call()"
        ) from None
