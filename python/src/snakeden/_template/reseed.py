"""Random generators that each fork must have for itself. Python's own `random` sees to that by
itself, and `os.urandom`, with all that is made of it, has no state in the process.
"""

from __future__ import annotations

import random
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

__all__ = ["reseed"]


def _numpy(numpy_random: Any) -> None:
    numpy_random.seed()


def _torch(torch: Any) -> None:
    torch.seed()


_SEEDERS: Final[dict[str, Callable[[Any], None]]] = {
    "numpy.random": _numpy,
    "torch": _torch,
}


def reseed() -> None:
    """Give the global generators of loaded libraries new seeds."""
    random.seed()
    for name, seed in _SEEDERS.items():
        module = sys.modules.get(name)
        if module is None:
            continue
        try:
            seed(module)
        except Exception:
            print(f"snakeden worker: cannot seed the generator of {name}", file=sys.stderr)
            traceback.print_exc()
