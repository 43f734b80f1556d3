"""Files that a tool makes: written in the folder of the call, and handed to the host when they are
finished. The twin of src/calls/files/file_methods.ts.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Protocol, TypeVar

from snakeden.errors import HostError
from snakeden.files.file import File, file_from_host
from snakeden.session.source import Reply

__all__ = ["FileCreation", "FileSource", "NewBinaryFile", "NewTextFile", "asave", "create", "save"]

_BUFFER_BYTES: Final = 256 * 1024
_COPY_BYTES: Final = 1024 * 1024


class FileSource(Protocol):
    """The call that makes files; the worker has it in `_worker/calls/attempt.py`."""

    def ask(self, method: str, args: Any) -> Reply:
        """Ask the host for something; returns at once."""


class _BoundedFile(io.FileIO):
    """A file that refuses to grow beyond the limit of the host."""

    def __init__(self, path: str, *, max_bytes: int) -> None:
        super().__init__(path, "x+")
        self._max_bytes = max_bytes

    def write(self, data: Any, /) -> int:
        end = self.tell() + memoryview(data).nbytes
        if end > self._max_bytes:
            raise HostError(
                "file_too_large",
                f"Cannot write the file {os.path.basename(str(self.name))!r}: given {end} bytes or "
                f"more; allowed: {self._max_bytes} (limits.maxFileBytes)",
                details={"bytes": end, "maxFileBytes": self._max_bytes},
            )
        return super().write(data) or 0


class _Made:
    """The part of a stream that knows the file that it writes."""

    name: Any
    _made: File | None = None

    @property
    def path(self) -> Path:
        """The place where it is written, for libraries that take a path. The length of what they
        write is checked when the file is finished.
        """
        return Path(self.name)

    @property
    def file(self) -> File:
        """The finished file.

        Raises:
            RuntimeError: The `with` block has not ended, or an exception has left it.
        """
        if self._made is None:
            raise RuntimeError(
                f"the file {self.path.name!r} is not finished: use it after its `with` block"
            )
        return self._made


class NewBinaryFile(_Made, io.BufferedRandom):
    """A file of bytes that a tool writes."""

    @staticmethod
    def of(raw: io.FileIO) -> NewBinaryFile:
        """Return the stream that writes to `raw`."""
        return NewBinaryFile(raw, _BUFFER_BYTES)


class NewTextFile(_Made, io.TextIOWrapper):
    """A file of text that a tool writes."""


S = TypeVar("S", NewBinaryFile, NewTextFile)


class FileCreation(Generic[S]):
    """A file that a tool is about to make, for `with` and `async with`.

    The host keeps the file when the block has ended. An exception that leaves the block takes the
    file with it.
    """

    def __init__(
        self,
        source: FileSource,
        name: str,
        *,
        wrap: Callable[[io.FileIO], S],
        media_type: str | None = None,
    ) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name: given {name!r}; allowed: text, such as 'clean.csv'")
        self._source = source
        self._args = {"name": name, "mediaType": media_type}
        self._wrap: Callable[[io.FileIO], S] = wrap
        self._id: Any = None
        self._stream: S | None = None

    def __enter__(self) -> S:
        return self._begin(self._start().wait())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            return self._discard()
        try:
            self._finished(self._finish().wait())
        except BaseException:
            self._discard()
            raise

    async def __aenter__(self) -> S:
        return self._begin(await self._start().wait_async())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            return self._discard()
        try:
            self._finished(await self._finish().wait_async())
        except BaseException:
            self._discard()
            raise

    def _start(self) -> Reply:
        if self._stream is not None:
            raise RuntimeError("create_file(...): its `with` block has begun already")
        return self._source.ask("files.create", self._args)

    def _begin(self, answer: dict[str, Any]) -> S:
        self._id, path = answer["id"], answer["path"]
        raw = _BoundedFile(path, max_bytes=answer["maxBytes"])
        try:
            self._stream = self._wrap(raw)
        except BaseException:
            raw.close()
            _remove(path)
            raise
        return self._stream

    def _finish(self) -> Reply:
        self._opened().close()
        return self._source.ask("files.finish", {"id": self._id})

    def _finished(self, answer: dict[str, Any]) -> None:
        self._opened()._made = file_from_host(answer)

    def _discard(self) -> None:
        stream = self._opened()
        # What is left in its buffers may not fit.
        with suppress(OSError, HostError):
            stream.close()
        _remove(stream.name)

    def _opened(self) -> S:
        if self._stream is None:
            raise RuntimeError("create_file(...): its `with` block has not begun")
        return self._stream


def create(
    source: FileSource, name: str, *, mode: str, media_type: str | None, text: dict[str, Any]
) -> FileCreation[Any]:
    """Return the creation of a file; see `Call.create_file`."""
    if mode == "wb":
        return FileCreation(source, name, wrap=NewBinaryFile.of, media_type=media_type)
    if mode not in ("w", "wt"):
        raise ValueError(f"mode: given {mode!r}; allowed: 'wb' for bytes, 'w' for text")

    def wrap(raw: io.FileIO) -> NewTextFile:
        binary = io.BufferedRandom(raw, _BUFFER_BYTES)
        try:
            return NewTextFile(binary, **text)
        except BaseException:
            binary.close()
            raise

    return FileCreation(source, name, wrap=wrap, media_type=media_type)


def save(source: FileSource, path: str | os.PathLike[str], **file: Any) -> File:
    """Copy a file to the host; see `Call.save_file`."""
    kept = _kept(path, file)
    if kept is not None:
        return kept
    with open(path, "rb") as content, _creation(source, path, file=file) as copy:
        shutil.copyfileobj(content, copy, _COPY_BYTES)
    return copy.file


async def asave(source: FileSource, path: str | os.PathLike[str], **file: Any) -> File:
    """Copy a file to the host, while other tasks go on; see `Call.asave_file`."""
    kept = _kept(path, file)
    if kept is not None:
        return kept
    import asyncio

    with open(path, "rb") as content:
        async with _creation(source, path, file=file) as copy:
            await asyncio.to_thread(shutil.copyfileobj, content, copy, _COPY_BYTES)
    return copy.file


def _kept(path: str | os.PathLike[str], file: dict[str, Any]) -> File | None:
    """Return the file that is to be saved, if the host has it already."""
    same = isinstance(path, File) and file["name"] in (None, path.name)
    return path if isinstance(path, File) and same and file["media_type"] is None else None


def _creation(
    source: FileSource, path: str | os.PathLike[str], *, file: dict[str, Any]
) -> FileCreation[NewBinaryFile]:
    name = file["name"]
    if name is None:
        name = path.name if isinstance(path, File) else os.path.basename(os.fspath(path))
    return FileCreation(source, name, wrap=NewBinaryFile.of, media_type=file["media_type"])


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
