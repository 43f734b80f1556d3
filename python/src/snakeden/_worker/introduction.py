"""The messages by which a worker introduces itself, Hello and Ready, and what it learns from the
answer to the first.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING

from snakeden import __version__
from snakeden._link import wire
from snakeden._values.values import DEFAULT_MAX_DEPTH, ValueLimits
from snakeden._worker.device_report import device_uses
from snakeden.device import Device, device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from snakeden._link.gen.link_pb2 import Welcome
    from snakeden._tools.adapter_loader import LoadedTool

__all__ = ["hello", "ready", "value_limits"]


def hello(worker_id: str, token: str) -> bytes:
    """Encode the identity of this worker."""
    return wire.hello(
        worker_id,
        token,
        pid=os.getpid(),
        python_version=platform.python_version(),
        package_version=__version__,
        device=_assigned().physical,
    )


def value_limits(welcome: Welcome) -> ValueLimits:
    """Return the limits of values that the host has set."""
    return ValueLimits(
        max_bytes=welcome.max_result_bytes,
        max_depth=welcome.max_depth or DEFAULT_MAX_DEPTH,
        max_list_items=welcome.max_list_items,
    )


def ready(
    tools: Iterable[LoadedTool],
    *,
    notes_progress: bool,
    notes_items: bool,
    maps_shared_memory: bool,
) -> bytes:
    """Encode the tools, and the use that loaded frameworks make of the device after `setup()`."""
    return wire.ready(
        map(_offered, tools),
        notes_progress=notes_progress,
        notes_items=notes_items,
        maps_shared_memory=maps_shared_memory,
        device_uses=device_uses(_assigned()),
        runs_without_gil=not _has_gil(),
    )


def _has_gil() -> bool:
    """Return whether this Python has an interpreter lock. In a free-threaded one, a module that was
    imported may have turned it on.
    """
    is_enabled: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)
    return is_enabled()


def _assigned() -> Device:
    """Return the device, or that of a worker without one: a wrong variable fails only the code of
    the user that asks for the device.
    """
    try:
        return device()
    except RuntimeError:
        return Device()


def _offered(tool: LoadedTool) -> wire.OfferedTool:
    schema = tool.schema
    return wire.OfferedTool(
        name=tool.name,
        description=tool.description,
        input_schema=schema.input_schema,
        output_schema=schema.output_schema,
        streams=schema.streams,
        idempotent=tool.idempotent,
        timeout_ms=tool.timeout_ms,
        media_type=tool.media_type,
        stall_timeout_ms=tool.stall_timeout_ms,
    )
