"""Sends back whatever comes over one Unix socket: the least that Python can do."""

import os
import socket
import sys
import threading


def serve(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    buffer = memoryview(bytearray(1 << 20))
    while size := connection.recv_into(buffer):
        connection.sendall(buffer[:size])


def main() -> None:
    path = sys.argv[1]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    print("ready", flush=True)
    # The end of stdin is the end of the bench.
    sys.stdin.read()
    os.unlink(path)


if __name__ == "__main__":
    main()
