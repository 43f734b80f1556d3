"""The checks and the warnings of a worker that runs calls in several threads."""

from __future__ import annotations

import logging
import os
import sys

from snakeden.environment_names import THREAD_CHECKS
from snakeden.thread_safety import watch
from snakeden.thread_safety.libraries import unsafe_among
from snakeden.thread_safety.watch import watch_by

__all__ = ["begin"]

_LOG = logging.getLogger("snakeden.thread_safety")


def begin() -> None:
    """Turn on the checks of `@not_thread_safe` that the pool asks for, and warn of each library
    that the adapter has imported and that does not bear threads. Does nothing in profiles that run
    one call at a time: their host does not set the variable.
    """
    mode = os.environ.get(THREAD_CHECKS)
    if mode is None:
        return
    try:
        watch.current = watch_by(mode)
    except ValueError as error:
        _LOG.error("%s: %s", THREAD_CHECKS, error)
    for library in unsafe_among(list(sys.modules)):
        _LOG.warning(
            "%s is imported, and is not safe in several threads. %s %s (docs/workers.md)",
            library.name,
            library.note,
            library.workaround,
        )
