"""The tool of the workload `bulk`."""

from snakeden import tool


@tool
def noop(i: int) -> int:
    """Return the number."""
    return i
