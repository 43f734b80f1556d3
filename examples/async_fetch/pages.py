"""Fetch pages on one event loop: while one waits for its server, the others go on.

With the standard library alone; httpx or aiohttp are used in the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from snakeden import Adapter, current_call, tool


class Pages(Adapter):
    """Shares what all calls of a worker may use: here a bound on open connections."""

    async def setup(self) -> None:
        """Make what needs the event loop, such as a client with its pool of connections."""
        self.places = asyncio.Semaphore(200)

    @tool
    async def fetch(self, url: str) -> dict[str, int]:
        """Return the status and the length of a page."""
        async with self.places:
            status, body = await _get(url)
        return {"status": status, "bytes": len(body)}

    @tool
    async def fetch_all(self, urls: list[str]) -> AsyncIterator[dict[str, int]]:
        """Stream the lengths of pages as they arrive."""
        tasks = [asyncio.create_task(self.fetch(url)) for url in urls]
        try:
            for count, task in enumerate(asyncio.as_completed(tasks), 1):
                yield await task
                current_call().progress(count / len(tasks))
        finally:
            for task in tasks:
                task.cancel()


async def _get(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        host = parts.netloc
        writer.write(f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return int(head.split()[1]), body
    finally:
        writer.close()
