"""Functions for texts, as one has them before there is a Snakeden."""

import re
from collections import Counter


def slug(text: str, separator: str = "-") -> str:
    """Make a text fit for a URL."""
    return separator.join(_words(text))


def count_words(text: str) -> int:
    """Return the number of words."""
    return len(_words(text))


def count_each(text: str, top: int = 3) -> dict[str, int]:
    """Return how often the most frequent words occur."""
    return dict(Counter(_words(text)).most_common(top))


def unlisted(text: str) -> str:
    """Is not in `expose`, so it is no tool."""
    return text


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
