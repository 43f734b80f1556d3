"""Helpers for tools that run in several threads of one worker: values of each thread, locks, marks
of what is not safe, and the checks that find calls which overlap nevertheless.
"""

from __future__ import annotations

from snakeden.thread_safety.marks import not_thread_safe
from snakeden.thread_safety.per_thread import per_thread

__all__ = ["not_thread_safe", "per_thread"]
