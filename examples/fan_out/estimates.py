"""Makes numbers out of samples."""

from statistics import mean, stdev

from snakeden import tool


@tool
def estimate_pi(counts: list[int], points: int) -> dict[str, float]:
    """Return the estimate of the samples, and its standard error."""
    estimates = [4 * count / points for count in counts]
    return {"pi": mean(estimates), "error": stdev(estimates) / len(counts) ** 0.5}
