"""The small tools that a host without a configuration serves."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta

from snakeden import tool

__all__ = ["add", "counter", "echo", "ping", "sleep", "text_stats"]


@tool
def ping() -> str:
    """Answer "pong"."""
    return "pong"


@tool
def echo(value: Any) -> Any:
    """Answer what was sent."""
    return value


@tool
def add(a: float | int, b: float | int) -> float | int:
    """Add two numbers; two integers give an integer."""
    return a + b


@tool
def sleep(seconds: Annotated[float, Meta(ge=0, le=86_400)]) -> float:
    """Wait for `seconds`, then answer how long it took; a cancelled call stops at once."""
    started = time.monotonic()
    time.sleep(seconds)
    return time.monotonic() - started


@tool
def counter(
    n: Annotated[int, Meta(ge=0)], delay: Annotated[float, Meta(ge=0)] = 0.0
) -> Iterator[int]:
    """Stream 0 to n-1, with `delay` seconds before each."""
    for value in range(n):
        if delay:
            time.sleep(delay)
        yield value


@tool
def text_stats(text: str) -> dict[str, Any]:
    """Count the characters, words, sentences and lines of a text, and its most frequent words."""
    words = [word.lower() for word in re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text)]
    counts = Counter(words)
    return {
        "characters": len(text),
        "characters_without_spaces": sum(not char.isspace() for char in text),
        "words": len(words),
        "unique_words": len(counts),
        "sentences": len(re.findall(r"[^.!?]*[^\s.!?][^.!?]*(?:[.!?]+|$)", text)),
        "lines": len(text.splitlines()),
        "average_word_length": sum(map(len, words)) / len(words) if words else 0.0,
        "top_words": [{"word": word, "count": count} for word, count in counts.most_common(10)],
    }
