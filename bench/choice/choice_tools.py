"""Kinds of work for the choice of a profile. Sizes are set so that a call takes about 50 ms."""

from __future__ import annotations

import asyncio
import hashlib
import time

from snakeden import tool

thread_safe = True


@tool
def wait(seconds: float) -> None:
    """Wait as a blocking library does."""
    time.sleep(seconds)


@tool
async def await_it(seconds: float) -> None:
    """Wait as an asynchronous library does."""
    await asyncio.sleep(seconds)


@tool
def hash_it(rounds: int) -> str:
    """Compute in C, without the interpreter lock."""
    return hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", rounds).hex()


@tool
def loop(rounds: int) -> int:
    """Compute in Python."""
    total = 0
    for i in range(rounds):
        total += i * i
    return total


@tool
def echo(text: str) -> str:
    """Return the text."""
    return text


@tool
async def echo_async(text: str) -> str:
    """Return the text, on the event loop."""
    return text
