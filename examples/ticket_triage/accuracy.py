"""Measures the answers of the predictors, in a pool that has numpy."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from snakeden import tool


class Score(TypedDict):
    """The part of right answers, and how often a class (row) was taken for another (column)."""

    accuracy: float
    confusion: list[list[int]]


@tool(idempotent=True)
def accuracy(predicted: np.ndarray, expected: np.ndarray, classes: int) -> Score:
    """Compare two arrays of class numbers from 0."""
    if predicted.shape != expected.shape or predicted.size == 0:
        raise ValueError(
            f"predicted, expected: given {predicted.size} and {expected.size} answers; "
            "allowed: equally many, at least 1"
        )
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (expected, predicted), 1)
    return {
        "accuracy": float(np.mean(predicted == expected)),
        "confusion": confusion.tolist(),
    }
