"""Durations as ISO 8601 text, without rounding."""

from __future__ import annotations

__all__ = ["iso_duration"]

_SECONDS_A_DAY = 86_400


def iso_duration(count: int, per_second: int) -> str:
    """Return `count` fractions of a second, each 1/`per_second`, as text such as `-P1DT2.5S`."""
    seconds, fraction = divmod(abs(count), per_second)
    days, seconds = divmod(seconds, _SECONDS_A_DAY)
    text = "-P" if count < 0 else "P"
    if days or not (seconds or fraction):
        text += f"{days}D"
    if seconds or fraction:
        text += f"T{seconds}"
        if fraction:
            digits = str(fraction + per_second)[1:].rstrip("0")
            text += f".{digits}"
        text += "S"
    return text
