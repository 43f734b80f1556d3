"""A stage for tests of profiles: real calls of a real runner, whose tools wait for the test at
every step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from snakeden import CallCancelled, current_call
from snakeden._link.gen.link_pb2 import Call, WorkerFrame
from snakeden._link.gen.values_pb2 import Value
from snakeden._link.outbox import Outbox
from snakeden._tools.adapter_loader import LoadedTool
from snakeden._values.values import ValueLimits
from snakeden._worker.calls.attempt import Attempt
from snakeden._worker.runner import Runner

SECONDS = 20.0
"""The longest time that a test waits for an event."""

ANSWERS = ("result", "failure")


class Gate:
    """A gate at which the tool of one call waits until the test opens it.

    It consists of queues, whose operations are atomic, so an interruption leaves no lock behind.
    """

    def __init__(self) -> None:
        self.reached: SimpleQueue[None] = SimpleQueue()
        self.opened: SimpleQueue[None] = SimpleQueue()


class Stage:
    """A runner with one profile, and a record of all events.

    `play` serves on this thread, while the script of the test runs on another one, like the reader
    thread.
    """

    def __init__(self, profile: str, capacity: int = 1) -> None:
        self.events: list[tuple[str, int]] = []
        """`noted`, `entered`, `left`, `cancelled`, and the bodies of messages, with call ids;
        `item`, with an index.
        """
        self.on_note: Callable[[int], None] = lambda _call_id: None
        self.results: dict[int, bytes] = {}
        self.codes: dict[int, str] = {}
        self.outcomes: list[bytes] = []
        """Those of bulk calls."""
        self.peak = 0
        """The largest number of calls that had begun and were unanswered when one was entered."""
        self._news: SimpleQueue[None] = SimpleQueue()
        self._changed = threading.Condition()
        self._gates: dict[tuple[int, int], Gate] = {}
        self._problem: BaseException | None = None
        self.outbox = Outbox()
        self.outbox.write_with(self._write, lambda: None)
        self.runner = Runner(
            self.outbox,
            limits=ValueLimits(),
            capacity=capacity,
            note_of=lambda _place: self._note,
            noting_item=lambda note: lambda index: self._note_item(note, index),
            profile=profile,
        )
        self.profile = self.runner.profile
        for tool in (self.hold, self.swallow, self.fail):
            self.runner.tools[tool.__name__] = LoadedTool(tool.__name__, tool)

    # ---- the tools ----

    def hold(self) -> int:
        """Wait at the gate of this call."""
        call_id = self._enter()
        try:
            self._wait_at(call_id, 0)
        except CallCancelled:
            self._add("cancelled", call_id)
            raise
        finally:
            self._add("left", call_id)
        return call_id

    def swallow(self) -> int:
        """Wait at two gates. Returns the number of interruptions."""
        call_id = self._enter()
        times = 0
        for number in range(2):
            try:
                self._wait_at(call_id, number)
            except CallCancelled:
                times += 1
        return times

    def fail(self) -> None:
        """Raise."""
        self._enter()
        raise LookupError("nothing there")

    def _enter(self) -> int:
        call_id = int(current_call().id, 36)
        self.peak = max(self.peak, len(self.runner._in_flight.begun()))
        self._add("entered", call_id)
        return call_id

    def _wait_at(self, call_id: int, number: int) -> None:
        gate = self.gate(call_id, number)
        gate.reached.put(None)
        gate.opened.get(timeout=SECONDS)

    # ---- what the script says ----

    def gate(self, call_id: int, number: int = 0) -> Gate:
        return self._gates.setdefault((call_id, number), Gate())

    def reach(self, call_id: int, number: int = 0) -> None:
        """Wait until the tool of the call waits at this gate."""
        self.gate(call_id, number).reached.get(timeout=SECONDS)

    def open(self, *call_ids: int, number: int = 0) -> None:
        for call_id in call_ids:
            self.gate(call_id, number).opened.put(None)

    def send(self, *call_ids: int, tool: str = "hold", **fields: Any) -> None:
        for call_id in call_ids:
            self.runner.on_call(
                Call(id=call_id, number=call_id, tool=tool, args=Value(json=b"{}"), **fields)
            )
            self._news.put(None)

    def send_bulk(self, call_id: int, items: int, **fields: Any) -> None:
        """Send a bulk call of the tool `hold`, all of whose items use the gate of the call."""
        args = Value(json=b"[" + b",\n".join([b"{}"] * items) + b"]")
        self.runner.on_call(
            Call(
                id=call_id,
                number=call_id,
                tool="hold",
                args=args,
                bulk=True,
                window_bytes=1 << 20,
                **fields,
            )
        )
        self._news.put(None)

    def attempt(self, call_id: int) -> Attempt:
        attempt = self.runner._in_flight.find(call_id)
        assert attempt is not None
        return attempt

    def stop(self) -> None:
        self.runner.stop()
        self._news.put(None)

    def until(self, kind: str, call_id: int) -> None:
        """Wait until an event has happened."""
        with self._changed:
            happened = self._changed.wait_for(lambda: (kind, call_id) in self.events, SECONDS)
        assert happened, f"no {kind} of call {call_id} in {self.events}"

    # ---- the test ----

    def play(self, script: Callable[[], None]) -> None:
        """Serve until the script has ended and all calls that have begun are answered."""

        def run() -> None:
            try:
                script()
            except BaseException as error:
                self._problem = error
                for gate in list(self._gates.values()):
                    gate.opened.put(None)
            finally:
                self.stop()

        thread = threading.Thread(target=run)
        thread.start()
        self.runner.serve(self._wait)
        thread.join()
        self.profile.close()
        self.outbox.close()
        self.outbox.join(SECONDS)
        if self._problem is not None:
            raise self._problem

    def ids(self, *kinds: str) -> list[int]:
        return [call_id for kind, call_id in self.events if kind in kinds]

    def _wait(self) -> None:
        self._news.get()

    def _note(self, call_id: int) -> None:
        self._add("noted", call_id)
        self.on_note(call_id)

    def _note_item(self, note: Callable[[int], None], index: int) -> None:
        note(index)
        self._add("item", index)

    def _write(self, frame: bytes) -> None:
        for message in WorkerFrame.FromString(frame).messages:
            kind = message.WhichOneof("body") or ""
            body = getattr(message, kind)
            ids = list(body.ids) if kind == "recalled" else [body.id]
            for call_id in ids:
                if kind == "result":
                    self.results[call_id] = body.value.json
                elif kind == "failure":
                    self.codes[call_id] = body.error.code
                elif kind == "chunk":
                    self.outcomes += body.value.json[1:-1].split(b",\n")
                if (
                    kind not in ("progress", "chunk")
                    and self.runner._in_flight.find(call_id) is not None
                ):
                    kind = f"{kind} of a call in flight"
                self._add(kind, call_id)

    def _add(self, kind: str, call_id: int) -> None:
        with self._changed:
            self.events.append((kind, call_id))
            self._changed.notify_all()
