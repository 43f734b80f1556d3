"""Input streams among the arguments of a call, as the parts that decode and convert values see
them.
"""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["InputHandle", "OpenInput"]


class InputHandle:
    """An argument whose items the tool pulls one after another; `_worker/inputs/stream.py`."""

    __slots__ = ()

    def of(self, hint: Any) -> Any:
        """Return the same stream with items that are converted to `hint`. Nothing was read yet."""
        raise NotImplementedError


class OpenInput(Protocol):
    """Opens the input streams of one call."""

    def __call__(self, stream_id: int, /, where: str) -> InputHandle:
        """Return the stream with this id, which stands at `where` in the arguments."""
