"""POST /echo with FastAPI on uvicorn, one worker, with uvloop and httptools."""

import os
import socket
import sys
import threading

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Echo(BaseModel):
    value: str


app = FastAPI()


@app.post("/echo")
async def echo(body: Echo) -> Echo:
    return body


def end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    # Before the line is out: who reads it connects at once.
    listener.listen(1024)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
