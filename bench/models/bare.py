"""The model in one bare Python process, with nothing around it.

Reads lines of JSON. A list of texts is one call, whose vectors are answered in base64: the least
that a program in another language can do. A command calls the model again and again in a plain
loop, and is answered with the figures: what the model itself costs.
"""

from __future__ import annotations

import base64
import json
import math
import sys
import time
from typing import Any

from minilm import MiniLM


def measure(model: MiniLM, command: dict[str, Any]) -> dict[str, float]:
    """Call the model for some time. Return the figures that `closedLoop` of the bench returns."""
    texts: list[str] = command["texts"]
    latencies: list[float] = []
    cpu = time.process_time()
    started = before = time.perf_counter()
    until = started + command["durationMs"] / 1000
    while before < until:
        model.embed(texts)
        after = time.perf_counter()
        latencies.append(after - before)
        before = after
    seconds = time.perf_counter() - started
    calls = len(latencies)
    latencies.sort()
    return {
        "calls": calls,
        "callsPerSecond": calls / seconds,
        "p50Ms": 1000 * latencies[math.ceil(0.5 * calls) - 1],
        "p99Ms": 1000 * latencies[math.ceil(0.99 * calls) - 1],
        "pythonMsPerCall": 1000 * (time.process_time() - cpu) / calls,
    }


def main() -> None:
    """Serve until stdin ends."""
    model = MiniLM()
    print(json.dumps({"ok": {"pids": [], "figures": {}}}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, list):
            answer = base64.b64encode(model.embed(asked)).decode()
        else:
            answer = json.dumps({"ok": measure(model, asked)})
        print(answer, flush=True)


if __name__ == "__main__":
    main()
