"""The checks and the warnings of a worker that runs calls in several threads."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Container

from snakeden.environment_names import THREAD_CHECKS
from snakeden.thread_safety import watch
from snakeden.thread_safety.libraries import unsafe_among
from snakeden.thread_safety.watch import watch_by

__all__ = ["turn_on_checks", "warn_of_unsafe_libraries"]

_LOG = logging.getLogger("snakeden.thread_safety")


def turn_on_checks() -> str:
    """Turn on the checks of `@not_thread_safe` that `threadChecks` of the pool asks for, which the
    host passes on in a variable. Return the problem with its value; empty if there is none.
    """
    try:
        watch.current = watch_by(os.environ.get(THREAD_CHECKS) or "off")
    except ValueError as error:
        return f"{THREAD_CHECKS}: {error}"
    return ""


def warn_of_unsafe_libraries(before: Container[str]) -> None:
    """Log a warning for each library that the adapter has imported, and that does not bear threads.
    `before` has the modules that were there before it was loaded.
    """
    for library in unsafe_among(list(sys.modules), before):
        _LOG.warning(
            "%s is imported, and is not safe in several threads. %s %s (docs/workers.md)",
            library.name,
            library.note,
            library.workaround,
        )
