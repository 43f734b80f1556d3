"""The tools of the showcase. They need nothing but the standard library."""

from __future__ import annotations

import hashlib
import math
import os
import random
import time
from collections.abc import Iterator
from typing import TypedDict

from snakeden import Adapter, current_call, tool


class Point(TypedDict):
    """A labelled point of the training data."""

    x: float
    y: float
    label: int


class Weights(TypedDict):
    """A linear model of two inputs."""

    bias: float
    x: float
    y: float


def _probability(weights: Weights, x: float, y: float) -> float:
    return 1 / (1 + math.exp(-(weights["bias"] + weights["x"] * x + weights["y"] * y)))


def _gradient(weights: Weights, points: list[Point]) -> tuple[Weights, float]:
    """Return the gradient of the mean log loss, and the part of the points that are right."""
    gradient: Weights = {"bias": 0.0, "x": 0.0, "y": 0.0}
    right = 0
    for point in points:
        probability = _probability(weights, point["x"], point["y"])
        error = (probability - point["label"]) / len(points)
        gradient["bias"] += error
        gradient["x"] += error * point["x"]
        gradient["y"] += error * point["y"]
        right += (probability >= 0.5) == (point["label"] == 1)
    return gradient, right / len(points)


def _step(weights: Weights, gradient: Weights, rate: float) -> Weights:
    return {
        "bias": weights["bias"] - rate * gradient["bias"],
        "x": weights["x"] - rate * gradient["x"],
        "y": weights["y"] - rate * gradient["y"],
    }


class Showcase(Adapter):
    """A few small models and tables."""

    def setup(self) -> None:
        """Load the model once in each worker, as a real one would."""
        self.words = {"good": 1.0, "great": 2.0, "fine": 0.5, "bad": -1.0, "awful": -2.0}

    # Basics

    @tool
    def mood(self, text: str) -> str:
        """Return the mood of a text."""
        score = sum(self.words.get(word, 0.0) for word in text.lower().split())
        return "happy" if score > 0 else "sad" if score < 0 else "neutral"

    @tool
    def divide(self, a: float, b: float) -> float:
        """Divide two numbers."""
        return a / b

    @tool
    def nap(self, seconds: float) -> int:
        """Sleep, and return the id of the process that slept."""
        time.sleep(seconds)
        return os.getpid()

    # Sessions and variables

    @tool
    def remember(self, note: str) -> list[str]:
        """Keep a note in the session, and return all of them."""
        variables = current_call().session.variables
        notes = [*variables.get("notes", []), note]
        variables["notes"] = notes
        return notes

    @tool
    def heat(self, by: float) -> float:
        """Raise the temperature of the session."""
        variables = current_call().session.variables
        variables["temperature"] = variables["temperature"] + by
        return float(variables["temperature"])

    # Binary

    @tool
    def digest(self, data: bytes) -> str:
        """Return the SHA-256 of some bytes."""
        return hashlib.sha256(data).hexdigest()

    @tool
    def tone(self, hertz: float, samples: int) -> bytes:
        """Return a sine wave of signed 16-bit samples, 8,000 a second."""
        wave = (math.sin(2 * math.pi * hertz * i / 8_000) for i in range(samples))
        return b"".join(round(32_767 * it).to_bytes(2, "little", signed=True) for it in wave)

    # Machine learning

    @tool
    def make_points(self, count: int, seed: int) -> list[Point]:
        """Make points of two classes that a line divides."""
        rng = random.Random(seed)
        points: list[Point] = []
        for _ in range(count):
            x, y = rng.uniform(-1, 1), rng.uniform(-1, 1)
            points.append({"x": x, "y": y, "label": int(2 * x - y > 0.1)})
        return points

    @tool
    def train(self, points: list[Point], rate: float, epochs: int) -> Iterator[dict[str, float]]:
        """Train the model of the session: a chunk for each epoch."""
        weights: Weights = {"bias": 0.0, "x": 0.0, "y": 0.0}
        for epoch in range(1, epochs + 1):
            gradient, accuracy = _gradient(weights, points)
            weights = _step(weights, gradient, rate)
            yield {"epoch": epoch, "accuracy": accuracy}
        current_call().session.variables["weights"] = weights

    @tool
    def predict(self, x: float, y: float) -> float:
        """Return the probability of class 1 by the model of the session."""
        return _probability(current_call().session.variables["weights"], x, y)

    # Streams

    @tool
    def batch_inference(self, texts: list[str], batch_size: int) -> Iterator[list[str]]:
        """Classify texts in batches: a chunk for each batch."""
        for start in range(0, len(texts), batch_size):
            yield [self.mood(text) for text in texts[start : start + batch_size]]
            current_call().progress(min(1.0, (start + batch_size) / len(texts)))

    @tool
    def process_large_dataset(self, rows: int, chunk_rows: int) -> Iterator[dict[str, float]]:
        """Go through a table that never is in memory as a whole."""
        rng = random.Random(0)
        total, seen = 0.0, 0
        while seen < rows:
            count = min(chunk_rows, rows - seen)
            total += sum(rng.random() for _ in range(count))
            seen += count
            yield {"rows": seen, "mean": total / seen}

    @tool
    def tail_and_analyze(self, lines: Iterator[str], alert_at: int) -> Iterator[dict[str, int]]:
        """Read the lines of a log as they come, and yield an alert for every few errors."""
        errors = 0
        for number, line in enumerate(lines, start=1):
            if " ERROR " in line:
                errors += 1
                if errors % alert_at == 0:
                    yield {"line": number, "errors": errors}

    @tool
    def gradient_of(self, weights: Weights, points: list[Point]) -> dict[str, float]:
        """Return the gradient of one share of the data."""
        gradient, accuracy = _gradient(weights, points)
        return {**gradient, "accuracy": accuracy}
