"""Tools for numbers; one of them keeps state."""

from snakeden import Adapter, tool


@tool
def mean(values: list[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


class Statistics(Adapter):
    """Counts what this worker has seen; each worker has a count of its own."""

    def setup(self) -> None:
        self.seen = 0

    @tool
    def count(self, values: list[float]) -> int:
        """Return how many numbers this worker has seen."""
        self.seen += len(values)
        return self.seen
