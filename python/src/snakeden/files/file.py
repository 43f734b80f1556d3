"""A file that the host keeps, as tools see it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, Literal, TextIO, overload

__all__ = ["FILE_KEY", "File", "file_from_host"]

FILE_KEY: Final = "$file"
"""The key of the object that names a file in arguments and results. Twin of value_tags.ts."""


class File(os.PathLike[str]):
    """A file that the host keeps: an argument of the call, or one that the tool has made.

    Where Python takes a path, it takes a `File` too: `open(file)`, `pandas.read_csv(file)`. The
    path is that of a read-only file, and is there until the call ends. In a result, the file
    travels as `{"$file": id, "name": ..., "bytes": ...}`, which a caller may give on as an
    argument.
    """

    __slots__ = ("bytes", "id", "media_type", "name", "path", "sha256")

    def __init__(
        self,
        *,
        file_id: str,
        path: str | os.PathLike[str],
        name: str,
        nbytes: int,
        sha256: str,
        media_type: str | None = None,
    ) -> None:
        self.id: Final = file_id
        """The id by which the host knows the file."""
        self.path: Final = Path(path)
        """The place of the file on this machine while the call runs."""
        self.name: Final = name
        """The name that the file was given, which is not always that of its path."""
        self.bytes: Final = nbytes
        """The length of the file."""
        self.sha256: Final = sha256
        """The SHA-256 of its content, 64 hexadecimal digits."""
        self.media_type: Final = media_type
        """The media type, if it is known, such as `text/csv`."""

    @overload
    def open(self, mode: Literal["rb"] = "rb") -> BinaryIO: ...

    @overload
    def open(
        self,
        mode: Literal["r", "rt"],
        *,
        encoding: str = "utf-8",
        errors: str | None = None,
        newline: str | None = None,
    ) -> TextIO: ...

    def open(
        self,
        mode: str = "rb",
        *,
        encoding: str = "utf-8",
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """Open the file for reading: `"rb"` for bytes, `"r"` for text. Close it, or use `with`.

        Raises:
            ValueError: Another mode: the file is read-only.
        """
        if mode == "rb":
            return self.path.open("rb")
        if mode in ("r", "rt"):
            return self.path.open("r", encoding=encoding, errors=errors, newline=newline)
        raise ValueError(f"mode: given {mode!r}; allowed: 'rb' for bytes, 'r' for text")

    def __fspath__(self) -> str:
        return str(self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<File {self.name!r}, {self.bytes} bytes>"

    # For fields of pydantic models.

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        # Only a module that has imported pydantic asks for it.
        core_schema = importlib.import_module("pydantic_core.core_schema")
        return core_schema.is_instance_schema(
            cls,
            serialization=core_schema.plain_serializer_function_ser_schema(_to_host),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {FILE_KEY: {"type": "string"}}}


def _to_host(file: File) -> dict[str, Any]:
    return {FILE_KEY: file.id, "name": file.name, "bytes": file.bytes}


def file_from_host(given: Mapping[str, Any]) -> File:
    """Return the file that the host describes.

    Raises:
        KeyError, TypeError: A field is missing or wrong.
    """
    return File(
        file_id=given["id"],
        path=given["path"],
        name=given["name"],
        nbytes=given["bytes"],
        sha256=given["sha256"],
        media_type=given.get("mediaType"),
    )
