"""Run the items of a bulk call in a task, beside other calls."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from snakeden._link.plain_frames import plain_result
from snakeden._values.values import Encoded
from snakeden._worker.bulk.bulk import Bulk
from snakeden._worker.bulk.execution import outcome_of, tagged_items
from snakeden._worker.bulk.item import Item
from snakeden._worker.bulk.outcomes import OutcomeSender
from snakeden._worker.bulk.texts import error_outcome, split_items
from snakeden._worker.calls.streams import PAUSE_INTERVAL
from snakeden.call import CURRENT
from snakeden.errors import CallCancelled

if TYPE_CHECKING:
    from snakeden._link.outbox import Outbox
    from snakeden._worker.calls.async_execution import AsyncExecution
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption
    from snakeden._worker.system.progress_cell import BulkRecord

__all__ = ["AsyncBulkExecution"]


class AsyncBulkExecution:
    """Runs bulk calls as `BulkExecution` does: the items of one run one after the other, while
    other calls go on.
    """

    def __init__(
        self,
        execution: AsyncExecution,
        interruption: Interruption,
        *,
        outbox: Outbox,
        look_at: Callable[[float], None],
    ) -> None:
        """Run bulk calls. For `look_at` see `ProfileParts`."""
        self._execution = execution
        self._interruption = interruption
        self._outbox = outbox
        self._look_at = look_at

    async def run(
        self,
        attempt: Attempt,
        started: float,
        *,
        record: BulkRecord,
        note_item: Callable[[int], None],
        on_item: Callable[[Attempt], None],
    ) -> bytes:
        """See `BulkExecution.run`. `record` and `note_item` are those of the place of the call;
        `on_item` is called with what its task runs: an item, or the call itself between two.
        """
        message = attempt.message
        self._execution.check_tool(message)
        items = split_items(message.args.json)
        tagged = tagged_items(attempt)
        timeout = message.timeout_ms / 1000
        record.note_bulk(attempt.id)
        sender = OutcomeSender(
            attempt,
            self._outbox,
            record=record,
            interruption=self._interruption,
            shared=self._execution.shared,
            look_at=self._look_at,
        )
        bulk = attempt.bulk = Bulk(attempt)
        bulk.flush_due = sender.flush_due
        pause_at = monotonic() + PAUSE_INTERVAL
        try:
            for index, json in enumerate(items):
                now = monotonic()
                if now >= pause_at:
                    # Items that await nothing would hold up all other calls of the loop.
                    await asyncio.sleep(0)
                    now = monotonic()
                    pause_at = now + PAUSE_INTERVAL
                item = Item(attempt, index)
                if timeout > 0:
                    item.deadline = now + timeout
                    self._look_at(item.deadline)
                bulk.item = item
                # After that, since the one who stops the call looks at the two in reverse order.
                if attempt.stop_code is not None:
                    raise CallCancelled(attempt.stop_code)
                note_item(index)
                on_item(item)
                buffers = tagged.pop(index, None)
                outcome = await self._outcome(item, json, started=now, buffers=buffers)
                on_item(attempt)
                del buffers
                if isinstance(outcome, Encoded):
                    await sender.wait_for_async(sender.tagged(outcome))
                    # It may have large buffers.
                    del outcome
                elif not sender.try_add(outcome, now := monotonic()):
                    await sender.wait_for_async(sender.add_large(outcome, now))
            await sender.wait_for_async(sender.last())
        except BaseException:
            sender.abandon()
            raise
        run_ms = (perf_counter() - started) * 1000
        return plain_result(attempt.id, b"%d" % len(items), run_ms=run_ms)

    async def _outcome(
        self,
        item: Item,
        json: bytes,
        *,
        started: float,
        buffers: Sequence[bytes | memoryview] | None,
    ) -> bytes | Encoded:
        """See `BulkExecution._outcome`."""
        CURRENT.set(item)
        try:
            if buffers is None:
                value = await self._execution.answer(item, json)
            else:
                value = await self._execution.answer(item, json, tagged=True, buffers=buffers)
        except BaseException as error:
            run_ms = (monotonic() - started) * 1000
            why = await self._execution.why(item, error, run_ms=run_ms)
            # As in ProcessProfile.
            traceback.clear_frames(error.__traceback__)
        else:
            item.end()
            return outcome_of(value)
        item.end()
        if item.stop_code == "cancelled" and why.code == "cancelled":
            raise CallCancelled("cancelled")
        return error_outcome(why, run_ms=run_ms)
