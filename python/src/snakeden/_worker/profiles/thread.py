"""Run several calls at a time, each on a thread of its own.

The main thread runs no calls but those of tools that are marked `main_thread`, and the hooks of the
adapter. Another thread reads the link.
"""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from snakeden._worker.profiles.event_loop import EventLoop
from snakeden._worker.profiles.interrupt import Interrupter
from snakeden._worker.profiles.lane import Lane
from snakeden._worker.profiles.thread_interrupt import ThreadInterrupter
from snakeden._worker.system.thread_output import ThreadOutput

if TYPE_CHECKING:
    from snakeden._worker.calls.attempt import Attempt
    from snakeden._worker.calls.interruption import Interruption
    from snakeden._worker.profiles.profile import ProfileParts

__all__ = ["ThreadProfile"]

MainCall = tuple[int, "Attempt", "SimpleQueue[bool]"]
"""The place of a call for the main thread, the call, and what wakes the thread of that place: with
False if the call was stopped before the main thread has taken it.
"""


class ThreadProfile:
    """See `Profile`. A thread takes a call when it has answered the one before."""

    def __init__(self, parts: ProfileParts) -> None:
        self.capacity: Final = parts.capacity
        self._parts = parts
        self._in_flight = parts.in_flight
        self._tools = parts.context.tools
        self._local_sessions = parts.local_sessions
        self._main_loop = EventLoop()
        self._main = Interrupter(self._main_loop, parts.look_at)
        self._main_lanes: dict[int, Lane] = {}
        self._main_calls: deque[MainCall] = deque()
        self._threads: list[_Thread] = []
        self._interrupters: dict[int, ThreadInterrupter | Interrupter] = {}
        """Those of the calls that run, by the ids of the calls."""
        self._bell: SimpleQueue[None] = SimpleQueue()
        """Wakes threads that wait for a call."""
        self._news: SimpleQueue[None] = SimpleQueue()
        """Wakes the main thread."""
        self._open = self.capacity
        """The number of threads that may still run a call."""
        self._lock = threading.Lock()
        self.fail: Final = parts.fail
        self.complete = self._main_loop.complete
        self.close = self._main_loop.close
        if parts.output is not None:
            parts.output.run_side_by_side()
        self._in_flight.on_news = self._on_news
        self._local_sessions.on_dropped = self._wake_main

    def serve(self, wait: Callable[[], None]) -> None:  # noqa: ARG002
        """See `Profile.serve`. Does not use `wait`, so that another thread reads the link."""
        self._parts.attend()
        self._threads = [_Thread(self, place) for place in range(self.capacity)]
        for thread in self._threads:
            thread.start()
        while not (self._in_flight.draining and self._open == 0):
            if self._local_sessions.dropped:
                self._local_sessions.run_hooks()
            try:
                call = self._main_calls.popleft()
            except IndexError:
                self._news.get()
            else:
                self._run_on_main(call)

    def interruption_of(self, attempt: Attempt) -> Interruption:
        """See `Profile.interruption_of`."""
        return self._interrupters.get(attempt.id, self._main)

    def stop(self, attempt: Attempt) -> None:
        """See `Profile.stop`. A call that is not armed yet is looked at when it is."""
        interrupter = self._interrupters.get(attempt.id)
        if isinstance(interrupter, ThreadInterrupter):
            interrupter.stop(attempt)
            on_credit = attempt.on_credit
            if on_credit is not None:
                # It may wait until the host has taken chunks.
                on_credit(0)
        elif interrupter is not None and not self._take_back(attempt):
            interrupter.stop()
            interrupter.repeat_soon()

    def repeat_stops(self, now: float) -> float:
        """See `Profile.repeat_stops`."""
        following = self._main.repeat(now)
        for thread in self._threads:
            following = min(following, thread.interrupter.repeat(now))
        return following

    def after_fork_in_child(self) -> None:
        """See `Profile.after_fork_in_child`."""
        self._main.armed = None
        for lane in self._main_lanes.values():
            lane.after_fork_in_child()
        for thread in self._threads:
            thread.lane.after_fork_in_child()
            thread.interrupter.after_fork_in_child()

    # ---- called by the threads ----

    def run_calls(self, thread: _Thread) -> None:
        """Run calls on a thread until there are no more."""
        in_flight = self._in_flight
        while True:
            attempt = None if in_flight.draining else in_flight.take()
            if attempt is not None:
                self._run(thread, attempt)
            elif in_flight.draining:
                break
            else:
                self._bell.get()
        with self._lock:
            self._open -= 1
        self._wake_main()

    def _run(self, thread: _Thread, attempt: Attempt) -> None:
        tool = self._tools.get(attempt.tool)
        if tool is not None and tool.main_thread:
            ended: SimpleQueue[bool] = SimpleQueue()
            self._interrupters[attempt.id] = self._main
            self._main_calls.append((thread.place, attempt, ended))
            if attempt.stop_code is not None:
                # Whoever stopped it may have looked before it waited.
                self._take_back(attempt)
            self._wake_main()
            if not ended.get():
                # It is answered here, without its tool.
                self._execute(thread, attempt)
        else:
            self._execute(thread, attempt)
        self._interrupters.pop(attempt.id, None)

    def _execute(self, thread: _Thread, attempt: Attempt) -> None:
        self._interrupters[attempt.id] = thread.interrupter
        thread.lane.execute(attempt)

    # ---- the main thread ----

    def _run_on_main(self, call: MainCall) -> None:
        place, attempt, ended = call
        lane = self._main_lanes.get(place)
        if lane is None:
            lane = self._main_lanes[place] = Lane(
                self._parts,
                place,
                interruption=self._main,
                loop=self._main_loop,
                output=ThreadOutput.of(self._parts.output),
            )
        lane.execute(attempt)
        ended.put(True)

    # ---- any thread ----

    def _take_back(self, attempt: Attempt) -> bool:
        """Spare a call that must stop the wait for the main thread, which may be long. Returns
        False if it does not wait.
        """
        for call in list(self._main_calls):
            if call[1] is attempt:
                try:
                    self._main_calls.remove(call)
                except ValueError:
                    return False  # The main thread has taken it meanwhile.
                call[2].put(False)
                return True
        return False

    def _on_news(self) -> None:
        if self._in_flight.draining:
            for _ in range(self.capacity):
                self._bell.put(None)
            self._wake_main()
        elif self._bell.qsize() < self.capacity:
            self._bell.put(None)

    def _wake_main(self) -> None:
        self._news.put(None)


class _Thread:
    """A thread that runs calls, and what it needs for that."""

    def __init__(self, profile: ThreadProfile, place: int) -> None:
        parts = profile._parts
        self.place = place
        loop = self._loop = EventLoop()
        self.interrupter = ThreadInterrupter(loop, parts.look_at)
        self.lane = Lane(
            parts,
            place,
            interruption=self.interrupter,
            loop=loop,
            output=ThreadOutput.of(parts.output),
        )
        self._profile = profile

    def start(self) -> None:
        """Start the thread. It does not keep the process from ending."""
        name = f"snakeden-call-{self.place + 1}"
        threading.Thread(target=self._main, name=name, daemon=True).start()

    def _main(self) -> None:
        self.interrupter.bind()
        try:
            self._profile.run_calls(self)
            self._loop.close()
        except BaseException:
            # A call would never be answered, and nobody would notice.
            traceback.print_exc()
            self._profile.fail()
        finally:
            self.interrupter.unbind()
