"""An adapter as a class: each worker creates it once, and calls its methods many times."""

from collections import Counter
from collections.abc import Iterator

from snakeden import Adapter, current_call, tool


class Texts(Adapter):
    def setup(self) -> None:
        """Load what is slow to load; here, a very small model."""
        self.happy = {"good", "great", "love", "fine"}
        self.sad = {"bad", "awful", "hate", "poor"}

    @tool
    def classify(self, text: str) -> dict[str, float]:
        """Say how happy and how sad a text is, each from 0 to 1."""
        words = text.lower().split()
        return {
            "happy": sum(word in self.happy for word in words) / max(1, len(words)),
            "sad": sum(word in self.sad for word in words) / max(1, len(words)),
        }

    @tool
    def classify_all(self, texts: list[str]) -> Iterator[dict[str, float]]:
        """Classify many texts; each answer is a chunk of a stream."""
        for done, text in enumerate(texts, start=1):
            yield self.classify(text)
            current_call().progress(done / len(texts))


@tool
def count_words(text: str, top: int = 3) -> list[tuple[str, int]]:
    """The most frequent words of a text."""
    return Counter(text.lower().split()).most_common(top)
