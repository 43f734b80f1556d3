"""Throws points at a square."""

import random

from snakeden import tool


@tool
def count_inside(points: int, seed: int) -> int:
    """Return how many of some random points in the unit square lie in its quarter circle."""
    draw = random.Random(seed).random
    return sum(draw() ** 2 + draw() ** 2 < 1 for _ in range(points))
