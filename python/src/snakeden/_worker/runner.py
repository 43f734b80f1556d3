"""The calls of a worker, from the messages of the link to the profile that runs them.

The first thing that stops a call (a cancel, its deadline, the end of the link) sets `stop_code`,
the code of its failure. The runner answers or gives back calls that have not begun; calls that have
begun belong to the profile (profiles/profile.py). in_flight.py has the states of a call.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from snakeden._link import wire
from snakeden._values.values import ValueLimits, encode
from snakeden._worker import exit_status
from snakeden._worker.adapter_checks import plain_tool_problem
from snakeden._worker.bulk.bulk import Bulk
from snakeden._worker.calls import error_report
from snakeden._worker.calls.asking import Asking
from snakeden._worker.calls.attempt import Attempt
from snakeden._worker.calls.deadlines import DeadlineWatch
from snakeden._worker.calls.execution import ExecutionContext
from snakeden._worker.calls.in_flight import InFlight
from snakeden._worker.calls.local_sessions import LocalSessions
from snakeden._worker.profiles import DEFAULT_PROFILE, PROFILES
from snakeden._worker.profiles.profile import ProfileParts
from snakeden._worker.registered_tools import RegisteredTools
from snakeden._worker.system.progress_cell import make_progress

if TYPE_CHECKING:
    from snakeden._link.gen.link_pb2 import Answer
    from snakeden._link.gen.link_pb2 import Call as WireCall
    from snakeden._link.link import Link
    from snakeden._link.outbox import Outbox
    from snakeden._link.slab import SharedMemory
    from snakeden._tools.adapter_loader import LoadedTool
    from snakeden._worker.calls.attempt import RunningBulk
    from snakeden._worker.calls.reply import Reply
    from snakeden._worker.system.output import Output
    from snakeden._worker.system.progress_cell import Progress

__all__ = ["Runner"]

_LOOK_SECONDS: Final = 2e-6
"""The pause between two looks at the deadlines of all calls, for each call."""


class Runner:
    """`serve` runs on the main thread; the `on_` methods are called by the reader of the link."""

    def __init__(
        self,
        outbox: Outbox,
        *,
        limits: ValueLimits,
        shared: SharedMemory | None = None,
        capacity: int = 1,
        note_of: Callable[[int], Callable[[int], None] | None] = lambda _place: None,
        noting_item: Callable[[Callable[[int], None]], Callable[[int], None]] = lambda note: note,
        progress: Progress | None = None,
        hint: Callable[[BaseException], str] = lambda _error: "",
        output: Output | None = None,
        profile: str = DEFAULT_PROFILE,
        call_prefix: str = "",
        blocked_loop_ms: int = 0,
        link: Link | None = None,
    ) -> None:
        """Create the profile; must be called on the main thread. For `hint` see `ExecutionContext`,
        for `capacity`, `note_of`, `blocked_loop_ms` and `output` `ProfileParts`. `progress` has the
        records of bulk calls, whose function to note an item `noting_item` extends. `call_prefix`
        begins the ids of calls. Without `link`, tools that wait for answers rely on whoever reads
        them.
        """
        self.tools: dict[str, LoadedTool] = {}
        """The tools by name, filled before `serve`."""
        records = progress or make_progress(capacity)
        attend = (lambda: None) if link is None else link.attend
        self._outbox = outbox
        self._limits = limits
        self._call_prefix = call_prefix
        self._slab = None if shared is None else shared.slab
        self._in_flight = InFlight()
        self._registered = (
            RegisteredTools(self._ask_for_answer, problem_of=plain_tool_problem)
            if profile == "async"
            else RegisteredTools(self._ask_for_answer)
        )
        self.local_sessions = LocalSessions()
        """The objects that tools keep with sessions; configured before `serve`."""
        self._deadlines = DeadlineWatch(self._on_due)
        self.profile = PROFILES[profile](
            ProfileParts(
                in_flight=self._in_flight,
                context=ExecutionContext(
                    tools=self.tools,
                    registered=self._registered.find,
                    put=outbox.put,
                    limits=limits,
                    shared=shared,
                    hint=hint,
                ),
                outbox=outbox,
                look_at=self._deadlines.watch,
                local_sessions=self.local_sessions,
                capacity=capacity,
                attend=(lambda: None) if link is None else link.attend,
                note_of=note_of,
                note_item_of=lambda place: noting_item(records.record_of(place).note_item),
                record_of=records.record_of,
                records=records.records,
                blocked_loop_ms=blocked_loop_ms,
                fail=partial(os._exit, exit_status.INTERNAL),
                on_loop=(lambda: None) if link is None else link.on_loop,
                output=output,
            )
        )
        self._asking = Asking(
            outbox,
            limits=limits,
            shared=shared,
            interruption_of=self.profile.interruption_of,
            attend=attend,
        )

    # ---- called by the reader of the link ----

    def on_call(self, message: WireCall) -> None:
        """Queue a call that has arrived.

        Raises:
            ValueError, IndexError: The arguments lie where no host of this version puts them.
        """
        attempt = Attempt(message, self._report, prefix=self._call_prefix, worker=self)
        timeout_ms = message.timeout_ms
        if message.bulk:
            # Its items have deadlines, from their starts.
            attempt.bulk = Bulk(attempt)
        elif timeout_ms > 0:
            attempt.deadline = time.monotonic() + timeout_ms / 1000
        if message.args.tagged:
            attempt.buffers = wire.buffers(message.args, self._slab)
        if self._in_flight.draining:
            attempt.buffers = ()
            self._give_back([attempt])
            return
        self._in_flight.add(attempt)
        if attempt.deadline is not None:
            self._deadlines.watch(attempt.deadline)

    def on_cancel(self, call_id: int) -> None:
        """Stop a call whose caller no longer wants the answer."""
        attempt = self._in_flight.find(call_id)
        if attempt is not None:
            self._stop_call(attempt, "cancelled")

    def on_recall(self) -> None:
        """Give back the calls that have not begun, for other workers to run."""
        self._give_back(self._in_flight.withdraw_all())

    def on_credit(self, call_id: int, nbytes: int) -> None:
        """Open the window of a stream, since the host has taken chunks."""
        attempt = self._in_flight.find(call_id)
        if attempt is not None and attempt.on_credit is not None:
            attempt.on_credit(nbytes)

    def on_answer(self, message: Answer) -> None:
        """Pass on an answer of the host. Raises what `Asking.on_answer` raises."""
        self._asking.on_answer(message)

    def on_sessions_ended(self, lives: Sequence[str]) -> None:
        """Drop the tools of sessions whose lives have ended, and what tools keep with them."""
        self._registered.end(lives)
        self.local_sessions.end(lives)

    def on_link_lost(self) -> None:
        """Stop all calls and end `serve`, since the link is lost."""
        self.stop()
        for attempt in self._in_flight.all():
            self._stop_call(attempt, "cancelled")

    # ---- any thread, and signal handlers ----

    def stop(self) -> None:
        """Give back calls that have not begun, and have `serve` return after the running ones.

        A caller on another thread must wake the main thread.
        """
        self._in_flight.drain()
        self._give_back(self._in_flight.withdraw_all())

    def after_fork_in_child(self) -> None:
        """Prepare a forked copy of the process."""
        self.profile.after_fork_in_child()
        self._asking.after_fork_in_child()
        for attempt in self._in_flight.begun():
            running = attempt if attempt.bulk is None else attempt.bulk.item
            if running.asks is not None:
                running.asks.after_fork_in_child()

    # ---- the main thread ----

    def serve(self, wait: Callable[[], None]) -> None:
        """Run calls until `stop`; `wait` returns when something may have changed."""
        self.profile.serve(wait)
        # Calls that arrived while `stop` withdrew the others.
        self._give_back(self._in_flight.withdraw_all())

    # ---- calls that run ----

    def ask(self, attempt: Attempt, method: str, *, args: object) -> Reply:
        """Ask the host for something on behalf of a call."""
        return self._asking.ask(attempt, method, args=args)

    def _ask_for_answer(
        self, attempt: Attempt, method: str, *, args: object, on_answer: Callable[[Any], None]
    ) -> Reply:
        # The registered tools are made before what asks.
        return self._asking.ask(attempt, method, args=args, on_answer=on_answer)

    def local(self, attempt: Attempt) -> dict[str, Any]:
        """Return what tools keep with the session of a call in this worker. Waits for the host."""
        # Also if there are some: the session may have ended, and been opened again.
        kept = self._asking.ask(attempt, "session.keep_local", args={}).wait_anywhere()
        return self.local_sessions.get(attempt.session_id, kept["life"])

    def register_tool(
        self,
        attempt: Attempt,
        function: Callable[..., Any],
        *,
        name: str | None,
        session: bool | None,
    ) -> str:
        """Register a function as a tool of this worker. Waits for the host."""
        return self._registered.register(attempt, function, name=name, session=session)

    def unregister_tool(self, attempt: Attempt, name: str, *, session: bool | None) -> None:
        """End a tool that this worker has registered. Waits for the host."""
        self._registered.unregister(attempt, name, session=session)

    def _report(self, attempt: Attempt, report: dict[str, Any]) -> None:
        limits = self._limits
        value = encode(
            report, max_depth=limits.max_depth, max_bytes=limits.max_bytes, where="progress"
        )
        # The call may have ended while its report was encoded. A forked copy sends nothing, and
        # the writer may have held the lock of the outbox when it was made.
        if not (attempt.ended or self._asking.forked):
            self._outbox.put_progress(attempt.id, wire.progress(attempt.id, value))

    def _stop_call(self, attempt: Attempt, code: str) -> None:
        if attempt.stop_code is None:
            attempt.stop_code = code
        if self._in_flight.withdraw(attempt):
            self._in_flight.settle(attempt)
            why = error_report.stopped(attempt, None)
            self._outbox.put(wire.failure(attempt.id, why, run_ms=0.0))
        else:
            if attempt.bulk is not None:
                self._stop_item(attempt.bulk.item, code)
            self.profile.stop(attempt)
            self._asking.on_stop(attempt)

    def _stop_item(self, item: Attempt, code: str) -> None:
        """Stop the running item of a bulk call."""
        if item.stop_code is None:
            item.stop_code = code
        self.profile.stop(item)
        self._asking.on_stop(item)

    def _give_back(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._in_flight.settle(attempt)
        if attempts:
            self._outbox.put(wire.recalled(it.id for it in attempts))

    def _on_due(self, now: float) -> float:
        """Stop the calls whose deadline has passed; returns when to check again."""
        following = self.profile.repeat_stops(now)
        calls = self._in_flight.all()
        for attempt in calls:
            if attempt.bulk is not None:
                following = min(following, self._bulk_due(attempt.bulk, now))
                continue
            if attempt.deadline is None or attempt.stop_code is not None:
                continue
            if attempt.deadline <= now:
                self._stop_call(attempt, "deadline_exceeded")
            else:
                following = min(following, attempt.deadline)
        # Of thousands of calls, some deadline passes at any time: the look must not take all of it.
        return max(following, now + len(calls) * _LOOK_SECONDS)

    def _bulk_due(self, bulk: RunningBulk, now: float) -> float:
        """Stop the item of a bulk call whose deadline has passed; returns when to check again."""
        following = bulk.flush_due(now)
        item = bulk.item
        if item.deadline is None or item.stop_code is not None:
            return following
        if now < item.deadline:
            return min(following, item.deadline)
        self._stop_item(item, "deadline_exceeded")
        return following
