"""Files: arguments that callers give by id, and what tools make. docs/files.md describes them."""

from snakeden.files.file import File
from snakeden.files.new_file import FileCreation, NewBinaryFile, NewTextFile

__all__ = ["File", "FileCreation", "NewBinaryFile", "NewTextFile"]
