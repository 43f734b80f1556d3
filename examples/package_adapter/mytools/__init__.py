"""Serves the tools that it imports by name."""

from .statistics import Statistics, mean
from .words import *

__all__ = ["Statistics", "longest", "mean", "palindromes"]
