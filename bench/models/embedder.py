"""The model as a tool of Snakeden."""

from __future__ import annotations

import numpy as np
from minilm import MiniLM
from numpy.typing import NDArray

from snakeden import Adapter, tool


class Embedder(Adapter):
    """A model that each worker loads once."""

    def setup(self) -> None:
        """Load the model."""
        self.model = MiniLM()

    @tool
    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Return a vector for each text."""
        return self.model.embed(texts)
