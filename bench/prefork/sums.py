"""The tools of the bench of launchers."""

import numpy

from snakeden import tool


@tool
def total(count: int) -> float:
    """Return the sum of the numbers below `count`."""
    return float(numpy.arange(count).sum())
