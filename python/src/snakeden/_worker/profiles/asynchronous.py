"""Run many calls at a time, each as a task of one event loop on the main thread."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from math import inf
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from snakeden._link.wire import printed
from snakeden._worker.bulk.async_execution import AsyncBulkExecution
from snakeden._worker.calls.async_execution import AsyncExecution
from snakeden._worker.calls.execution import Execution
from snakeden._worker.profiles.blocked_loop import LoopWatch
from snakeden._worker.profiles.blocked_tools import BlockedTools
from snakeden._worker.profiles.event_loop import EventLoop
from snakeden._worker.profiles.places import Places
from snakeden._worker.profiles.task_interruption import TaskInterruption
from snakeden._worker.profiles.turning_loop import make_loop
from snakeden._worker.system.forked_child import leave_forked_child
from snakeden.call import CURRENT

if TYPE_CHECKING:
    from snakeden._link.link import LoopLink
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption
    from snakeden._worker.profiles.profile import ProfileParts

__all__ = ["AsyncProfile"]

AGAIN_SECONDS: Final = 1.0
"""The time after which a call that was cancelled and still runs is cancelled again. Then it doubles
each time.
"""
HOOK_SECONDS: Final = 9.0
"""The longest time for which a hook may await something: less than that of all hooks in life.py,
since the calls that run beside it would end with the worker.
"""


class _Running:
    """A call that has begun."""

    __slots__ = ("again", "asked", "attempt", "current", "has_entered", "place", "task")

    def __init__(self, attempt: Attempt, place: int) -> None:
        self.attempt = attempt
        self.place = place
        self.current = attempt
        """The item that runs, if it is a bulk call, or the call itself."""
        self.asked: Attempt | None = None
        """The call or item for which the task was cancelled last."""
        self.has_entered = False
        """True once the task runs. Before, its cancellation would end it without an answer."""
        self.task: asyncio.Task[None] | None = None
        self.again: asyncio.TimerHandle | None = None
        """Cancels the task again."""

    def run(self, current: Attempt) -> None:
        """Note what the task runs now: an item, or the bulk call itself between two."""
        self.current = current


class AsyncProfile:
    """See `Profile`. The loop reads the link itself while it waits, and writes the answers of a
    turn together, at its end.

    A call takes a place for its note. The place is free again once the answer is written.
    """

    def __init__(self, parts: ProfileParts) -> None:
        self.capacity = parts.capacity
        self._in_flight = parts.in_flight
        self._outbox = parts.outbox
        self._local_sessions = parts.local_sessions
        self._on_loop = parts.on_loop
        self._output = parts.output
        self._main = get_ident()
        self._places = Places(parts)
        self._running: dict[int, _Running] = {}
        """The calls that have begun, by id."""
        self._unwritten: list[int] = []
        """The places of calls whose answers may not be written yet."""
        self._held: Attempt | None = None
        """A bulk call that has begun and waits for the place of another one."""
        self._is_called = False
        """True while the loop is about to begin calls."""
        self._is_reading = False
        self._is_serving = False
        """True while the loop runs calls, and nothing else waits for it to end."""
        self._forked = False
        self._context: Context = copy_context()
        self._link: LoopLink | None = None
        self._watch: LoopWatch | None = None
        self._blocked_ms = parts.blocked_loop_ms
        if parts.output is not None:
            parts.output.run_side_by_side()
        self._loop = make_loop(self._end_turn, self._begin_turn)
        self._events = EventLoop(self._loop)
        interruption = self._interruption = TaskInterruption(self._before_wait)
        execution = AsyncExecution(Execution(parts.context, interruption, run_async=_never))
        self._bulk = AsyncBulkExecution(
            execution, interruption, outbox=parts.outbox, look_at=parts.look_at
        )
        # Bound once, not for each call.
        self._run = execution.run
        self._failure = execution.failure
        self._settle = parts.in_flight.settle
        self.close = self._events.close

    def serve(self, _wait: Callable[[], None]) -> None:
        """See `Profile.serve`."""
        # With the variables that setup() has set.
        self._context = copy_context()
        link = self._link = self._on_loop()
        if link is not None:
            self._loop.add_reader(link.fileno(), self._read)
        self._outbox.on_written = self._on_written
        self._outbox.gather_on_this_thread()
        self._watch = self._start_watch()
        self._in_flight.on_news = self._local_sessions.on_dropped = self._on_news
        self._on_news()
        while not self._is_done:
            self._is_serving = True
            try:
                self._loop.run_forever()
            except BaseException:
                # A task that a tool has left, or a callback, raised SystemExit or the like.
                logging.getLogger(__name__).exception("code on the event loop raised")
            self._is_serving = False
            # Here no call has control. A hook that awaits lets the calls go on.
            self._local_sessions.run_hooks()
            self._on_news()
        self._outbox.gather_no_more()
        if self._watch is not None:
            self._watch.end()

    def interruption_of(self, _attempt: Attempt) -> Interruption:
        """See `Profile.interruption_of`."""
        return self._interruption

    def stop(self, attempt: Attempt) -> None:
        """See `Profile.stop`."""
        if get_ident() == self._main:
            self._cancel(attempt)
        else:
            self._soon(lambda: self._cancel(attempt))

    def repeat_stops(self, _now: float) -> float:
        """See `Profile.repeat_stops`. The loop itself does that."""
        return inf

    def complete(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """See `Profile.complete`."""
        if self._running:
            coroutine = _within(HOOK_SECONDS, coroutine)
        self._events.complete(coroutine)

    def after_fork_in_child(self) -> None:
        """See `Profile.after_fork_in_child`. The copy ends when its code awaits: the system has
        what it waits for on behalf of the worker.
        """
        self._forked = True

    def _start_watch(self) -> LoopWatch | None:
        if self._blocked_ms == 0:
            return None
        tools = BlockedTools(
            self._outbox,
            loop=self._loop,
            running=lambda: len(self._running),
            find=self._call_of,
        )
        watch = LoopWatch(
            self._blocked_ms / 1000, on_blocked=tools.on_blocked, on_over=tools.on_over
        )
        watch.start()
        return watch

    def _call_of(self, task: asyncio.Task[Any]) -> Attempt | None:
        """Return the call that a task runs; None for a task that a tool has started."""
        found = (it.current for it in list(self._running.values()) if it.task is task)
        return next(found, None)

    # ---- any thread, and signal handlers ----

    def _on_news(self) -> None:
        """Have the loop look for calls to begin, and for whether it must end."""
        if self._is_called or (self._is_reading and get_ident() == self._main):
            return
        self._is_called = True
        self._soon(self._begin_calls)

    def _on_written(self) -> None:
        if self._unwritten:
            self._soon(self._free_places)

    def _soon(self, step: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # The loop is closed, so no call runs any more.
            self._loop.call_soon_threadsafe(step, context=self._context)

    # ---- the loop ----

    def _before_wait(self) -> None:
        """Send what this turn has asked for so far, and have another thread read the answer, since
        code of a tool is about to block the loop.
        """
        if get_ident() == self._main and self._link is not None:
            self._outbox.write_waiting()
            self._link.attend()

    def _read(self) -> None:
        """Read the link, and begin the calls that came."""
        link = self._link
        if link is None:
            return
        self._is_reading = True
        is_open = link.read()
        self._is_reading = False
        if not is_open:
            self._loop.remove_reader(link.fileno())
        self._begin_calls()

    def _end_turn(self) -> None:
        """Write the answers of this turn before the loop waits."""
        if self._forked:
            leave_forked_child(None)
        if self._outbox.write_waiting() and self._unwritten:
            self._places.free(self._unwritten)
        if self._link is not None:
            self._link.rest()
        if self._watch is not None:
            self._watch.rest()

    def _begin_turn(self) -> None:
        if self._watch is not None:
            self._watch.resume()
        if self._link is not None:
            self._link.resume()

    def _free_places(self) -> None:
        """Free the places of calls that were answered, if the writer has written all answers."""
        if self._outbox.write_waiting():
            self._places.free(self._unwritten)
            self._begin_calls()

    def _begin_calls(self) -> None:
        self._is_called = False
        in_flight = self._in_flight
        places = self._places
        while not in_flight.draining or self._held is not None:
            attempt, self._held = self._held, None
            if attempt is None and (not places.has_any or (attempt := in_flight.take()) is None):
                break
            place = places.take(is_bulk=attempt.bulk is not None)
            if place is None:
                self._held = attempt
                break
            running = self._running[attempt.id] = _Running(attempt, place)
            # Not by the factory of the loop, which tools may have replaced: an eager one would run
            # the call up to its first wait before it has a task by which it can be cancelled.
            running.task = asyncio.Task(self._execute(running), loop=self._loop)
        if self._is_serving and (self._is_done or self._local_sessions.dropped):
            self._loop.stop()

    @property
    def _is_done(self) -> bool:
        return self._in_flight.draining and not self._running and self._held is None

    def _cancel(self, attempt: Attempt) -> None:
        """Cancel the task of a call that was told to stop."""
        running = self._running.get(attempt.id)
        if running is None or running.current is not attempt or running.asked is attempt:
            return
        if running.has_entered and running.task is not None:
            running.asked = attempt
            self._ask_to_end(running, again=AGAIN_SECONDS)

    def _ask_to_end(self, running: _Running, *, again: float) -> None:
        if running.again is not None:
            # That of an item before this one.
            running.again.cancel()
        if running.task is None or running.current is not running.asked:
            return
        running.task.cancel()
        running.again = self._loop.call_later(
            again, lambda: self._ask_to_end(running, again=2 * again)
        )

    # ---- a call, in its task ----

    async def _execute(self, running: _Running) -> None:
        attempt = running.attempt
        # Not before: should a call of the same turn end the process, this one has not begun.
        self._places.note(running.place, attempt.id)
        running.has_entered = True
        CURRENT.set(attempt)
        started = time.perf_counter()
        if self._output is not None:
            self._output.begin_beside(attempt)
        try:
            if attempt.bulk is None:
                data = await self._run(attempt, started)
            else:
                data = await self._bulk.run(
                    attempt,
                    started,
                    record=self._places.record_of(running.place),
                    note_item=self._places.note_item_of(running.place),
                    on_item=running.run,
                )
        except BaseException as error:
            if self._forked:
                leave_forked_child(error)
            run_ms = (time.perf_counter() - started) * 1000
            data = await self._failure(attempt, error, run_ms=run_ms)
            # As in ProcessProfile.
            traceback.clear_frames(error.__traceback__)
        if self._forked:
            leave_forked_child(None)
        self._end(running, data)

    def _end(self, running: _Running, data: bytes) -> None:
        """Answer a call."""
        attempt = running.attempt
        if running.again is not None:
            running.again.cancel()
        self._settle(attempt)
        del self._running[attempt.id]
        if self._output is not None:
            pipes = self._output.end_beside(attempt.number)
            if pipes and attempt.message.keeps_output:
                # Before the answer, in the same frame.
                data = printed(attempt.id, pipes) + data
        self._outbox.put(data)
        self._unwritten.append(running.place)
        if not self._outbox.confirms:
            self._places.free(self._unwritten)
        in_flight = self._in_flight
        if in_flight.is_waiting or in_flight.draining or self._held is not None:
            self._on_news()


async def _within(seconds: float, coroutine: Coroutine[Any, Any, object]) -> None:
    await asyncio.wait_for(coroutine, seconds)


def _never(_work: Coroutine[Any, Any, object]) -> Any:
    raise AssertionError("a call that is a task awaits its coroutines itself")
