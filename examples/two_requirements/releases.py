"""Sorts the versions of a package, by the rules of the `packaging` that the pool has installed."""

from importlib.metadata import version

from packaging.version import parse
from snakeden import tool


@tool
def sort_versions(versions: list[str]) -> list[str]:
    """Sort versions, the oldest first."""
    return sorted(versions, key=parse)


@tool
def installed() -> str:
    """The version of `packaging` in this pool."""
    return version("packaging")
