"""Explain exceptions of adapters and tools whose own text does not say what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from snakeden._tools.missing_module import missing_module_hint
from snakeden._worker.system import no_terminal
from snakeden._worker.system.limits import WorkerLimits

__all__ = ["failure_hints"]


def failure_hints(
    limits: WorkerLimits, module_paths: Sequence[str]
) -> Callable[[BaseException], str]:
    """Return a function that explains an exception; its text is empty where it has no advice."""

    def hint(error: BaseException) -> str:
        return (
            limits.hint(error)
            or no_terminal.hint(error)
            or missing_module_hint(error, module_paths)
        )

    return hint
