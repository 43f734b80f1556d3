"""Write tools in Python that a Snakeden host calls, and scripts that it runs as jobs.

Importing this package is cheap: each name is loaded when it is first used, and scripts need the
standard library alone. Only the worker imports the link and gRPC.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False  # As in `typing`, whose import takes longer than all of this.
if TYPE_CHECKING:
    from typing import Any

    from snakeden.adapter import Adapter
    from snakeden.call import Call, current_call
    from snakeden.device import Device, device
    from snakeden.errors import (
        CallCancelled,
        HostError,
        HostToolError,
        InvalidValueError,
        OverlapError,
        ResultTooLargeError,
    )
    from snakeden.files import File
    from snakeden.script.client import Client, connect
    from snakeden.script.errors import RequestError
    from snakeden.script.reports import artifact_path, progress, result
    from snakeden.session import Session
    from snakeden.session.changes import VariableChange
    from snakeden.thread_safety.marks import not_thread_safe
    from snakeden.thread_safety.per_thread import per_thread
    from snakeden.tool import tool

__version__ = "0.1.0"

__all__ = [
    "Adapter",
    "Call",
    "CallCancelled",
    "Client",
    "Device",
    "File",
    "HostError",
    "HostToolError",
    "InvalidValueError",
    "OverlapError",
    "RequestError",
    "ResultTooLargeError",
    "Session",
    "VariableChange",
    "__version__",
    "artifact_path",
    "connect",
    "current_call",
    "device",
    "not_thread_safe",
    "per_thread",
    "progress",
    "result",
    "tool",
]

_SOURCES = {
    "Adapter": "adapter",
    "Call": "call",
    "CallCancelled": "errors",
    "Client": "script.client",
    "Device": "device",
    "File": "files",
    "HostError": "errors",
    "HostToolError": "errors",
    "InvalidValueError": "errors",
    "OverlapError": "errors",
    "RequestError": "script.errors",
    "ResultTooLargeError": "errors",
    "Session": "session",
    "VariableChange": "session.changes",
    "artifact_path": "script.reports",
    "connect": "script.client",
    "current_call": "call",
    "device": "device",
    "not_thread_safe": "thread_safety.marks",
    "per_thread": "thread_safety.per_thread",
    "progress": "script.reports",
    "result": "script.reports",
    "tool": "tool",
}
"""The module of each name."""
_MODULES = ("adapter", "call", "errors", "files", "host_tools", "session", "thread_safety")
"""The modules that can be used as attributes without importing them."""


class _Package(ModuleType):
    """This package, whose names are loaded when they are used."""

    def __getattr__(self, name: str) -> Any:
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        source = _SOURCES.get(name)
        if source is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{source}"), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # The import of a module makes it an attribute. Two have the name of what is in them.
        if isinstance(value, ModuleType) and name in _SOURCES:
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Package
