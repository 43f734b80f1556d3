"""The same prices, asked by tasks of one event loop."""

from __future__ import annotations

import asyncio
import os

from snakeden import Adapter, tool


class Prices(Adapter):
    def setup(self) -> None:
        self.asked = 0

    @tool
    async def price(self, item: str) -> str:
        port = int(os.environ["PRICES_PORT"])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(f"{item}\n".encode())
            cents = int(await reader.readline())
        finally:
            writer.close()
        self.asked += 1  # no `await` in between, so no lock
        return f"{item}: {cents / 100:.2f} EUR"

    @tool
    async def report(self) -> dict[str, int]:
        return {"asked": self.asked, "process": os.getpid()}
