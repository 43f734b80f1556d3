"""Map the memory that the host offers for large buffers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from snakeden._link.slab import PlaceRef, SharedMemory, Slab

if TYPE_CHECKING:
    from snakeden._link.gen.link_pb2 import Welcome

__all__ = ["map_shared_memory"]


def map_shared_memory(
    welcome: Welcome, *, on_release: Callable[[PlaceRef], object]
) -> SharedMemory | None:
    """Return the shared memory; None if the host offers none, or it cannot be mapped, which `Ready`
    tells the host. `on_release` receives the place of each buffer that is not in use any more.
    """
    if not welcome.HasField("shared_memory"):
        return None
    offer = welcome.shared_memory
    try:
        slab = Slab(
            offer.to_worker_path,
            offer.to_host_path,
            nbytes=offer.bytes,
            on_release=on_release,
        )
        return SharedMemory(slab=slab, min_bytes=max(1, offer.min_bytes))
    except (OSError, ValueError) as error:
        logging.getLogger(__name__).warning("cannot map the shared memory: %s", error)
        return None
