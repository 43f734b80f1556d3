"""Tools for words."""

from collections.abc import Iterator

from snakeden import tool

from .cleaning import letters


@tool
def longest(text: str) -> str:
    """Find the longest word."""
    return max(text.split(), key=lambda word: len(letters(word)), default="")


@tool
def palindromes(text: str) -> Iterator[str]:
    """Find the words that read the same backwards; each is a chunk."""
    for word in text.split():
        if letters(word) == letters(word)[::-1]:
            yield word
