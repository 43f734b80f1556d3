"""Tells the type of files by their content, with the model of Magika."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

import onnxruntime
from magika import Magika
from snakeden import Adapter, current_call, tool


class FileType(TypedDict):
    """The type of a file, and how sure the model is, from 0 to 1."""

    label: str
    mimeType: str
    group: str
    score: float


class _OneThread(Magika):
    """Magika on one thread.

    Magika leaves the number of threads to onnxruntime, which starts one for each core, whatever
    OMP_NUM_THREADS says. For a model this small they cost twice the CPU time and save none. There
    is no public option, so the lock of this example names the exact version of Magika.
    """

    def _init_onnx_session(self) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(
            str(self._model_path), sess_options=options, providers=["CPUExecutionProvider"]
        )


class FileTypes(Adapter):
    """Tools that tell the types of files."""

    def setup(self) -> None:
        """Load the model, once in each worker."""
        self.model = _OneThread()
        # The first run of a model allocates its memory: no caller should wait for that.
        self.identify(b"#!/bin/sh\necho warm\n")

    @tool(idempotent=True)
    def identify(self, file: bytes) -> FileType:
        """Tell the type of a file by its content."""
        result = self.model.identify_bytes(file)
        return {
            "label": str(result.output.label),
            "mimeType": result.output.mime_type,
            "group": result.output.group,
            "score": round(result.score, 3),
        }

    @tool(idempotent=True)
    def identify_all(self, files: list[bytes]) -> Iterator[FileType]:
        """Tell the types of many files, in their order; each answer is a chunk of a stream."""
        # One by one: this model is no faster with several files at a time.
        for done, file in enumerate(files, start=1):
            yield self.identify(file)
            current_call().progress(done / len(files))
