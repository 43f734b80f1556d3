"""Trains a model step by step in a session, which keeps it for later calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from snakeden import Adapter, current_call, tool

PIXELS = 64
BRIGHTEST = 16


class Epoch(TypedDict):
    """An epoch, counted from the first one of the model, and the accuracy after it."""

    epoch: int
    accuracy: float


class Guess(TypedDict):
    """A digit, and how sure the model is, from 0 to 1."""

    digit: int
    probability: float


class Digits(Adapter):
    """Tools that learn to read handwritten digits."""

    max_local_sessions = 20

    def setup(self) -> None:
        """Load the digits, which scikit-learn bundles, and hold a quarter of them out."""
        pixels, digits = load_digits(return_X_y=True)
        split = train_test_split(
            pixels / BRIGHTEST, digits, test_size=0.25, random_state=0, stratify=digits
        )
        self.train_pixels, self.test_pixels, self.train_digits, self.test_digits = split

    @tool
    def train(self, epochs: int = 5) -> Iterator[Epoch]:
        """Train the model of the session for some epochs; each one is a chunk."""
        if epochs < 1:
            raise ValueError(f"epochs: given {epochs}; allowed: 1 or more")
        call = current_call()
        session, variables = call.session, call.session.variables
        # A tool of the program that runs the host; absent from a server without such a tool.
        log_metrics = call.tools.log_metrics if "log_metrics" in call.tools else None
        model = session.local.get("model")
        if model is None:
            model = SGDClassifier(loss="log_loss", learning_rate="constant", random_state=0)
            session.local.update(model=model, epochs=0)
        model.set_params(eta0=variables.get("learning_rate", 0.01))
        for _ in range(epochs):
            model.partial_fit(self.train_pixels, self.train_digits, classes=np.arange(10))
            session.local["epochs"] += 1
            accuracy = float(model.score(self.test_pixels, self.test_digits))
            # Written without a wait; durable before the call is answered.
            variables["epochs"] = session.local["epochs"]
            variables["accuracy"] = accuracy
            epoch: Epoch = {"epoch": session.local["epochs"], "accuracy": round(accuracy, 3)}
            if log_metrics:
                log_metrics(epoch)
            yield epoch
        # Row: the digit that was written. Column: the digit that the model has read.
        confusion = confusion_matrix(self.test_digits, model.predict(self.test_pixels))
        variables.set("confusion", confusion, type="tensor", constraints={"shape": [10, 10]})

    @tool(idempotent=True)
    def predict(self, pixels: list[float]) -> Guess:
        """Read a digit with the model of the session: 8 rows of 8 pixels, from 0 to 16."""
        model = current_call().session.local.get("model")
        if model is None:
            raise LookupError("the session has no model in this worker: call train first")
        if len(pixels) != PIXELS:
            raise ValueError(f"pixels: given {len(pixels)} numbers; allowed: {PIXELS}")
        [probabilities] = model.predict_proba(np.array([pixels]) / BRIGHTEST)
        digit = int(probabilities.argmax())
        return {"digit": digit, "probability": round(float(probabilities[digit]), 3)}
