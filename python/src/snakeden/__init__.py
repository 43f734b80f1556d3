"""Write tools in Python that a Snakeden host calls.

Importing this package is cheap: only the worker imports the link and gRPC.
"""

from snakeden.adapter import Adapter
from snakeden.call import Call, current_call
from snakeden.device import Device, device
from snakeden.errors import (
    CallCancelled,
    HostError,
    HostToolError,
    InvalidValueError,
    ResultTooLargeError,
)
from snakeden.files import File
from snakeden.session import Session
from snakeden.session.changes import VariableChange
from snakeden.tool import tool

__version__ = "0.1.0"

__all__ = [
    "Adapter",
    "Call",
    "CallCancelled",
    "Device",
    "File",
    "HostError",
    "HostToolError",
    "InvalidValueError",
    "ResultTooLargeError",
    "Session",
    "VariableChange",
    "__version__",
    "current_call",
    "device",
    "tool",
]
