"""Iterators of a test in the place of the input streams of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from snakeden._values.lowering import TAG
from snakeden._values.values import Encoded, decode, encode
from snakeden.errors import HostError
from snakeden.testing.file_leaves import with_leaves
from snakeden.testing.pretended_session import Answer

__all__ = ["PretendedInputs"]


class Failed(Answer):
    """A `Reply` with an error."""

    def wait(self) -> Any:
        """Raise the error."""
        raise self._value


class PretendedInputs:
    """The source of `InputStream`: answers with one item at a time, as it would travel."""

    def __init__(self, tool: str, args: Mapping[str, Any]) -> None:
        """Take the iterators among the arguments of a tool."""
        self.tool = tool
        names = [name for name, value in args.items() if hasattr(type(value), "__next__")]
        self._iterators: list[Iterator[Any]] = [args[name] for name in names]
        self._names = names
        self._rest = {name: value for name, value in args.items() if name not in names}

    def encoded_args(self) -> Encoded:
        """Return the arguments, with a tag in the place of each iterator."""
        encoded = with_leaves(encode(self._rest, where="args"), self._rest)
        if not self._names:
            return encoded
        fields = [encoded.json[1:-1]] if self._rest else []
        for number, name in enumerate(self._names):
            tag = encode({"id": number}).json[1:-1]
            fields.append(encode(name).json + b':{"' + TAG.encode() + b'":"input",' + tag + b"}")
        return Encoded(b"{" + b",".join(fields) + b"}", True, encoded.buffers)

    def ask(self, method: str, args: Any) -> Answer:
        """Answer what an `InputStream` asks the host for."""
        iterator = self._iterators[args["id"]]
        if method == "input.cancel":
            _close(iterator)
            return Answer(None)
        try:
            item = decode(encode(next(iterator), where="item"), "item")
        except StopIteration:
            return Answer({"items": [], "done": True})
        except Exception as error:
            return Failed(HostError("input_failed", f"{type(error).__name__}: {error}"))
        return Answer({"items": [item], "done": False})

    def close(self) -> None:
        """Close what the tool has left."""
        for iterator in self._iterators:
            _close(iterator)


def _close(iterator: Iterator[Any]) -> None:
    close: Callable[[], object] = getattr(iterator, "close", lambda: None)
    close()
