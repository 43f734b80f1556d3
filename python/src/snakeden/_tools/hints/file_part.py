"""The part of a hint that takes an open file, and the schemas of files."""

from __future__ import annotations

import io
import typing
from typing import Any, Final

from snakeden._tools.hints.parts import Convert, Part, Schema
from snakeden.files.file import FILE_KEY

__all__ = ["FILE_INPUT", "FILE_OUTPUT", "OPEN_FILES", "FilePart"]

_ID: Final[Schema] = {"type": "string", "description": "The id of a file of /v1/files."}
FILE_INPUT: Final[Schema] = {
    "title": "File",
    "type": "object",
    "properties": {FILE_KEY: _ID, "name": {"type": "string"}, "bytes": {"type": "integer"}},
    "required": [FILE_KEY],
    "additionalProperties": False,
}
"""The schema of a file as an argument, which may be given as a result has it."""
FILE_OUTPUT: Final[Schema] = {
    "title": "File",
    "type": "object",
    "properties": {
        FILE_KEY: _ID,
        "name": {"type": "string"},
        "bytes": {"type": "integer", "minimum": 0},
    },
    "required": [FILE_KEY, "name", "bytes"],
}
"""The schema of a file in a result."""

OPEN_FILES: Final = (typing.IO, typing.BinaryIO, typing.TextIO)
"""The hints for open files. No class of an open file inherits from them."""


class FilePart(Part):
    """A file of the call, opened for the tool."""

    def __init__(self, kind: Any) -> None:
        self.name = kind.__name__

    def convert(self, value: Any, _to: Convert) -> Any:
        """Return the open file, which file_arguments.py has put there."""
        if isinstance(value, io.IOBase):
            return value
        raise ValueError(f"Expected a file, got `{type(value).__name__}`")

    def schema(self, _inner: list[Schema]) -> Schema:
        """Return the schema of a file."""
        return dict(FILE_INPUT)

    def output_schema(self, _inner: list[Schema]) -> Schema:
        """Return a schema that allows anything: an open file is no result."""
        return {}
