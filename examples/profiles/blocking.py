"""Prices from a service that answers slowly, asked over sockets that block their thread."""

from __future__ import annotations

import os
import socket
import threading
from typing import BinaryIO

from snakeden import Adapter, not_thread_safe, per_thread, tool

ADDRESS = ("127.0.0.1", int(os.environ["PRICES_PORT"]))


class Prices(Adapter):
    thread_safe = True  # without it, a pool of threads does not start

    def setup(self) -> None:
        self.currency = "EUR"  # shared, and only read
        self.asked = 0

    @per_thread
    def service(self) -> BinaryIO:
        """The connection of this thread."""
        return socket.create_connection(ADDRESS).makefile("rwb", buffering=0)

    @tool
    def price(self, item: str) -> str:
        self.service.write(f"{item}\n".encode())
        cents = int(self.service.readline())
        with self.locked("asked"):
            self.count()
        return f"{item}: {cents / 100:.2f} {self.currency}"

    @not_thread_safe  # its callers hold the lock
    def count(self) -> None:
        self.asked += 1

    @tool
    def report(self) -> dict[str, int]:
        with self.locked("asked"):
            return {"asked": self.asked, "process": os.getpid(), "threads": threading.active_count()}
