"""Answers JSON lines on stdin with JSON lines on stdout."""

import json
import sys


def send(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        count = message.get("count")
        if count is None:
            send({"id": message["id"], "value": message["value"]})
            continue
        for value in range(count):
            send({"id": message["id"], "value": value})


if __name__ == "__main__":
    main()
