"""Random generators that each fork must have for itself: those that a library has for all of its
users. An object that somebody has made, such as `numpy.random.default_rng()`, cannot be found.

`os.urandom`, with all that is made of it (`secrets`, `uuid.uuid4`, `random.SystemRandom`), has no
state in the process, and OpenSSL, and so `ssl`, notices a fork by itself.
"""

from __future__ import annotations

import random
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

__all__ = ["reseed"]


def _numpy(numpy_random: Any) -> None:
    find = getattr(numpy_random, "get_bit_generator", None)
    kind = numpy_random.MT19937 if find is None else type(find())
    if kind is numpy_random.MT19937:
        numpy_random.seed()
    else:
        # The preload has chosen another one, which cannot be seeded in place.
        numpy_random.set_bit_generator(kind())


def _torch(torch: Any) -> None:
    torch.seed()


def _faker(generator: Any) -> None:
    generator.random.seed()


_SEEDERS: Final[dict[str, Callable[[Any], None]]] = {
    "numpy.random": _numpy,
    "torch": _torch,
    "faker.generator": _faker,
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
