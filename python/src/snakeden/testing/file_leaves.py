"""Files among the arguments of a test, as the host would send them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from snakeden._values.lowering import TAG
from snakeden._values.values import Encoded
from snakeden.files.file import FILE_KEY, File

__all__ = ["with_leaves"]


def with_leaves(encoded: Encoded, args: Mapping[str, Any]) -> Encoded:
    """Return encoded arguments with a tagged leaf in the place of each `File` in `args`."""
    files = {it.id: it for it in _files_in(args)}
    if not files:
        return encoded
    tree = _replaced(msgspec.json.decode(encoded.json), files)
    return Encoded(msgspec.json.encode(tree), True, encoded.buffers)


def _files_in(value: Any) -> Iterator[File]:
    if isinstance(value, File):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _files_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _files_in(item)


def _replaced(node: Any, files: Mapping[str, File]) -> Any:
    if isinstance(node, list):
        return [_replaced(it, files) for it in node]
    if not isinstance(node, dict):
        return node
    file = files.get(node[FILE_KEY]) if isinstance(node.get(FILE_KEY), str) else None
    if file is None:
        return {key: _replaced(it, files) for key, it in node.items()}
    return {
        TAG: "file",
        "id": file.id,
        "path": str(file.path),
        "name": file.name,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "mediaType": file.media_type,
    }
