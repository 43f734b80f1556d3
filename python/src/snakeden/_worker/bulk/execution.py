"""Run the items of a bulk call, each as a call of its own."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from snakeden._link.plain_frames import plain_result
from snakeden._values import arrays
from snakeden._values.values import Encoded
from snakeden._worker.bulk.bulk import Bulk
from snakeden._worker.bulk.item import Item
from snakeden._worker.bulk.outcomes import OutcomeSender
from snakeden._worker.bulk.texts import error_outcome, split_items
from snakeden._worker.system.forked_child import leave_forked_child
from snakeden.call import CURRENT
from snakeden.errors import CallCancelled

if TYPE_CHECKING:
    from snakeden._link.outbox import Outbox
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.execution import Execution
    from snakeden._worker.calls.interruption import Interruption
    from snakeden._worker.system.output import CallOutput
    from snakeden._worker.system.progress_cell import BulkRecord

__all__ = ["BulkExecution", "outcome_of", "tagged_items"]


class BulkExecution:
    """Runs bulk calls on the thread of `interruption`, on which `execution` runs other calls."""

    def __init__(
        self,
        execution: Execution,
        interruption: Interruption,
        *,
        outbox: Outbox,
        look_at: Callable[[float], None],
        record: BulkRecord,
        note_item: Callable[[int], None],
        output: CallOutput | None,
    ) -> None:
        """Run bulk calls, and keep `record` of them. For `look_at`, `note_item` and `output` see
        `ProfileParts`.
        """
        self.is_forked = False
        """True in a forked copy of the process, which ends with its item."""
        self._execution = execution
        self._interruption = interruption
        self._outbox = outbox
        self._look_at = look_at
        self._record = record
        self._note_item = note_item
        self._output = output

    def run(self, attempt: Attempt, started: float) -> bytes:
        """Return the message that ends a bulk call; raises CallCancelled if it was stopped, and
        UnknownToolError. All outcomes of items that have ended are sent before.

        `started` is on the clock of `time.perf_counter()`.
        """
        message = attempt.message
        self._execution.check_tool(message)
        items = split_items(message.args.json)
        tagged = tagged_items(attempt)
        timeout = message.timeout_ms / 1000
        self._record.note_bulk(attempt.id)
        sender = OutcomeSender(
            attempt,
            self._outbox,
            record=self._record,
            interruption=self._interruption,
            shared=self._execution.shared,
            look_at=self._look_at,
        )
        bulk = attempt.bulk = Bulk(attempt)
        bulk.flush_due = sender.flush_due
        output = self._output
        now = monotonic()
        clock_shift = started - now
        try:
            for index, json in enumerate(items):
                item = Item(attempt, index)
                if timeout > 0:
                    item.deadline = now + timeout
                    self._look_at(item.deadline)
                bulk.item = item
                # After that, since the one who stops the call looks at the two in reverse order.
                if attempt.stop_code is not None:
                    raise CallCancelled(attempt.stop_code)
                self._note_item(index)
                if output is not None:
                    output.begin(attempt, now + clock_shift)
                if tagged and index in tagged:
                    outcome = self._outcome(item, json, started=now, buffers=tagged.pop(index))
                else:
                    outcome = self._outcome(item, json, started=now)
                now = monotonic()
                if isinstance(outcome, bytes):
                    sender.add(outcome, now)
                else:
                    sender.add_tagged(outcome)
                    # It may have large buffers.
                    del outcome
            sender.finish()
        except CallCancelled:
            sender.abandon()
            raise
        run_ms = (perf_counter() - started) * 1000
        return plain_result(attempt.id, b"%d" % len(items), run_ms=run_ms)

    def _outcome(
        self,
        item: Item,
        json: bytes,
        *,
        started: float,
        buffers: Sequence[bytes | memoryview] | None = None,
    ) -> bytes | Encoded:
        """Run an item, and return its outcome; raises CallCancelled if the bulk call was stopped.

        `started` is on the clock of `time.monotonic()`.
        """
        CURRENT.set(item)
        try:
            if buffers is None:
                value = self._execution.answer(item, json)
            else:
                value = self._execution.answer(item, json, tagged=True, buffers=buffers)
        except BaseException as error:
            if self.is_forked:
                leave_forked_child(error)
            run_ms = (monotonic() - started) * 1000
            why = self._execution.why(item, error, run_ms=run_ms)
            # As in ProcessProfile.
            traceback.clear_frames(sys.exc_info()[2])
        else:
            if self.is_forked:
                leave_forked_child(None)
            item.end()
            return outcome_of(value)
        item.end()
        if item.stop_code == "cancelled" and why.code == "cancelled":
            raise CallCancelled("cancelled")
        return error_outcome(why, run_ms=run_ms)


def outcome_of(value: Encoded) -> bytes | Encoded:
    """Return the outcome of an item whose tool has returned; a text has a separator behind it."""
    if value.tagged:
        return Encoded(b'{"result":%b}' % value.json, True, value.buffers)
    return b'{"result":%b},\n' % value.json


def tagged_items(attempt: Attempt) -> dict[int, Sequence[bytes | memoryview]]:
    """Take the buffers of the items that have tags out of the call."""
    message = attempt.message
    buffers, attempt.buffers = attempt.buffers, ()
    if buffers:
        arrays.prepare(message.args.json)
    tagged: dict[int, Sequence[bytes | memoryview]] = {}
    at = 0
    for index, count in zip(message.tagged_items, message.item_buffers, strict=True):
        tagged[index] = buffers[at : at + count]
        at += count
    return tagged
