"""A plain unary gRPC server that echoes bytes: the least that a worker which serves gRPC costs."""

import sys
from concurrent import futures
from typing import Any

import grpc

OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def echo(request: bytes, _context: Any) -> bytes:
    return request


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=OPTIONS)
    method = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("bench.Echo", {"Echo": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # The end of stdin is the end of the bench.
    sys.stdin.read()
    server.stop(0)


if __name__ == "__main__":
    main()
