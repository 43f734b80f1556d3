"""A client that uploads and downloads a file over plain sockets, with `cp` of that file beside it.

It costs as little as a client can: the system sends the file, and what comes goes into one buffer.
Reads commands as lines of JSON, and answers each with a line.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

BLOCK_BYTES = 1 << 20
MARK_BYTES = 16


class Transfers:
    """The work with one file, on the server at one port."""

    def __init__(self, folder: Path, port: int) -> None:
        self._file = folder / "file"
        self._copy = folder / "copy"
        self._address = ("127.0.0.1", port)
        self._uploads = 0
        self._id = ""

    def run(self, command: dict[str, Any]) -> dict[str, float]:
        """Run a command, and return how long it took."""
        work = {
            "make": lambda: self._make(command["bytes"]),
            "copy": lambda: self._copy_file(synced=False),
            "copySynced": lambda: self._copy_file(synced=True),
            "upload": self._upload,
            "download": self._download,
        }[command["do"]]
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
        self._copy.unlink(missing_ok=True)
        if command["do"] == "download":
            self._exchange("DELETE", f"/v1/files/{self._id}").close()
        return {"seconds": seconds}

    def _make(self, size: int) -> None:
        block = os.urandom(BLOCK_BYTES)
        with self._file.open("wb", buffering=0) as file:
            for at in range(0, size, BLOCK_BYTES):
                file.write(block[: size - at])
            os.fsync(file.fileno())

    def _copy_file(self, *, synced: bool) -> None:
        subprocess.run(["cp", str(self._file), str(self._copy)], check=True)
        if synced:
            with self._copy.open("rb+") as file:
                os.fsync(file.fileno())

    def _upload(self) -> None:
        # Other bytes each time, since equal ones are kept once.
        self._uploads += 1
        with self._file.open("rb") as file:
            answer = self._exchange(
                "PUT", "/v1/files", (f"{self._uploads:{MARK_BYTES}}".encode(), file)
            )
            with closing(answer):
                self._id = json.loads(answer.rest())["id"]

    def _download(self) -> None:
        with closing(self._exchange("GET", f"/v1/files/{self._id}/content")) as answer:
            count = answer.count_rest()
        size = self._file.stat().st_size
        if count != size:
            raise ValueError(f"{count} of {size} bytes came")

    def _exchange(
        self, method: str, path: str, body: tuple[bytes, Any] | None = None
    ) -> Answer:
        connection = socket.create_connection(self._address)
        length = 0 if body is None else os.fstat(body[1].fileno()).st_size
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
            f"content-length: {length}\r\n\r\n".encode()
        )
        if body is not None:
            mark, file = body
            connection.sendall(mark)
            connection.sendfile(file, offset=len(mark))
        return Answer(connection)


class Answer:
    """An answer, whose head is read."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._bytes = b""
        while b"\r\n\r\n" not in self._bytes:
            more = connection.recv(BLOCK_BYTES)
            if not more:
                raise ConnectionError(f"the answer ended after {self._bytes!r}")
            self._bytes += more
        head, _, self._bytes = self._bytes.partition(b"\r\n\r\n")
        if not re.match(rb"HTTP/1\.1 20\d ", head):
            raise ValueError(f"the answer begins with {head[:200]!r}")

    def rest(self) -> bytes:
        """Return the body."""
        while more := self._connection.recv(BLOCK_BYTES):
            self._bytes += more
        return self._bytes

    def count_rest(self) -> int:
        """Read the body, and return its length."""
        count = len(self._bytes)
        buffer = bytearray(BLOCK_BYTES)
        while more := self._connection.recv_into(buffer):
            count += more
        return count

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def main() -> None:
    """Run `transfers.py FOLDER PORT` until stdin ends."""
    transfers = Transfers(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({"ok": {"pids": [], "figures": {}}}), flush=True)
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            answer = {"ok": transfers.run(json.loads(line))}
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
