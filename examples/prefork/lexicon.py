"""A model that takes a while to load. The template loads it once; the workers share it."""

import time

from snakeden import Adapter, tool

time.sleep(1)  # Stands for the import of a large library.
WORDS = {f"word{i}": i for i in range(200_000)}


class Lexicon(Adapter):
    def setup(self) -> None:
        # What each worker must have for itself: connections, open files, generators.
        self.looked_up: list[str] = []

    @tool
    def look_up(self, word: str) -> dict[str, object]:
        """Return the number of a word, and how many this process has looked up."""
        self.looked_up.append(word)
        return {"number": WORDS.get(word), "lookedUp": len(self.looked_up)}
