"""The files of a call in a test: real ones, in a temporary folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from snakeden.errors import HostError
from snakeden.files.file import File
from snakeden.session.source import Reply
from snakeden.testing.pretended_session import Answer

__all__ = ["PretendedFiles", "given_file"]

_MAX_FILE_BYTES: Final = 16 * 1024**3
_NUMBERS: Final = count(1)
_CHUNK_BYTES: Final = 1024 * 1024


def given_file(
    path: str | os.PathLike[str], name: str | None = None, *, media_type: str | None = None
) -> File:
    """Return the `File` that a tool would get for a file of this machine.

    `load_adapter` takes it among the arguments of a tool, and gives the tool what its hint asks
    for. In plain Python it can be passed to a tool whose hint is `File`.

    Args:
        path: The place of the file. It is not copied.
        name: The name of the file. Default: that of the path.
        media_type: The media type, such as "text/csv".
    """
    digest = hashlib.sha256()
    nbytes = 0
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            nbytes += len(chunk)
    return File(
        file_id=f"test-file-{next(_NUMBERS)}",
        path=Path(path).absolute(),
        name=name or os.path.basename(os.fspath(path)),
        nbytes=nbytes,
        sha256=digest.hexdigest(),
        media_type=media_type,
    )


class PretendedFiles:
    """The files that a tool makes. They are there until the call is garbage collected."""

    def __init__(self) -> None:
        self.made: list[File] = []
        """The files that were finished."""
        self._folder: Path | None = None
        self._open: dict[int, Mapping[str, Any]] = {}

    def ask(self, method: str, args: dict[str, Any], *, check: Callable[[], None]) -> Reply:
        """Answer what a tool asks the host for."""
        check()
        if method == "files.create":
            return Answer(self._create(args))
        return Answer(self._finish(args["id"]))

    def _create(self, args: dict[str, Any]) -> dict[str, Any]:
        name = args["name"]
        is_bad = any(it in "/\\\x7f" or it < " " for it in name) or name in ("", ".", "..")
        if is_bad or len(name.encode()) > 255:
            allowed = (
                "1 to 255 bytes of UTF-8 without / \\ and control characters, and neither . nor .."
            )
            problem = f"given {name!r}; allowed: {allowed}"
            raise HostError(
                "invalid_input",
                f"Cannot make a file: name: {problem}",
                details={"issues": [{"path": "name", "message": problem}]},
            )
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="snakeden-test-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        number = next(_NUMBERS)
        folder = self._folder / str(number)
        folder.mkdir()
        path = str(folder / name)
        self._open[number] = {**args, "path": path}
        return {"id": number, "path": path, "maxBytes": _MAX_FILE_BYTES}

    def _finish(self, number: int) -> dict[str, Any]:
        made = self._open.pop(number)
        os.chmod(made["path"], 0o444)
        file = given_file(made["path"], made["name"], media_type=made.get("mediaType"))
        self.made.append(file)
        return {
            "id": file.id,
            "path": made["path"],
            "name": file.name,
            "bytes": file.bytes,
            "sha256": file.sha256,
            "mediaType": file.media_type,
        }
