"""The life of a worker: hello, welcome, load, ready, calls, stop.

starting -> serving -> ending. The end of the link, SIGTERM and SIGHUP may end the worker in any
state. While it starts, no work can be lost, so the process just exits. While it serves, the host is
notified at once, and the running call is finished first.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from snakeden._link import wire
from snakeden._link.dial import dial
from snakeden._link.link import Link, LinkLostError
from snakeden._link.outbox import Outbox
from snakeden._link.slab import Slab
from snakeden._tools.adapter_loader import LoadedAdapter, load_adapter
from snakeden._worker import exit_status, introduction, log_bridge, thread_checks
from snakeden._worker.adapter_checks import refuse_plain_tools
from snakeden._worker.calls.exceptions import describe, safe_text
from snakeden._worker.failure_hints import failure_hints
from snakeden._worker.profiles import DEFAULT_PROFILE, PROFILES
from snakeden._worker.runner import Runner
from snakeden._worker.shared_memory import map_shared_memory
from snakeden._worker.system import no_terminal
from snakeden._worker.system.ending_signals import ENDING, hold_signals, release_signals
from snakeden._worker.system.last_steps import exit_after, run_guarded
from snakeden._worker.system.limits import LimitError, WorkerLimits
from snakeden._worker.system.memory_gauge import MemoryGauge
from snakeden._worker.system.output import Output, flush
from snakeden._worker.system.progress_cell import open_progress
from snakeden.errors import AdapterError
from snakeden.thread_safety.declared import refuse_undeclared

if TYPE_CHECKING:
    from snakeden._link.gen.errors_pb2 import PythonException
    from snakeden._link.gen.link_pb2 import HostMessage, Welcome

__all__ = ["WorkerLife"]

TEARDOWN_SECONDS: Final = 10.0
"""Time that on_session_end(), teardown() and exit handlers have before the process leaves without
them.
"""
HOOK_SECONDS: Final = 10.0
"""The longest time for which on_session_end() may hold up the next call."""
LOST_SECONDS: Final = 2.0
"""The time of the last steps if the host is no longer there to wait."""
GUARD_SECONDS: Final = 0.5
"""Time that a dying host may take to close everything that it had open."""
FLUSH_SECONDS: Final = 2.0
"""Time in which the last messages must be sent."""
SWITCH_SECONDS: Final = 0.0003
"""Time for which a busy tool may keep the interpreter from the reader and the writer.

Python's own 5 ms lets them starve for a second beside a tool that does a little I/O every
millisecond: each short release wakes them too late and starts their wait anew.
"""


class WorkerLife:
    """One worker from hello to exit. Belongs to the main thread."""

    def __init__(self, address: str, output: Output, *, worker_id: str, token: str) -> None:
        self._output = output
        self._address = address
        self._worker_id = worker_id
        self._pid = os.getpid()
        self._outbox = Outbox()
        self._outbox.put(introduction.hello(worker_id, token))
        self._link: Link | None = None
        self._runner: Runner | None = None
        self._slab: Slab | None = None
        self._gauge: MemoryGauge | None = None
        self._adapter: LoadedAdapter | None = None
        self._serving = False
        self._ending = False
        self._lost = False
        self._told = False
        self._host_done = threading.Event()
        """Set when the host sends no more calls."""
        for signum in ENDING:
            # A signal that is ignored from the start, as by nohup, stays ignored.
            if signum == signal.SIGTERM or signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, self._on_terminate)
        # A handler, not SIG_IGN, which children would inherit. The host handles Ctrl-C.
        signal.signal(signal.SIGINT, lambda _signum, _frame: None)

    def run(self) -> int:
        """Serve; returns the exit status."""
        try:
            link = self._link = dial(self._address, self._outbox)
            welcome, rest = self._greet(link)
        except LinkLostError as error:
            print(f"snakeden worker {self._worker_id}: {error}", file=sys.stderr)
            return self._output.announce_exit(exit_status.LINK_LOST)
        if welcome is None:
            return self._output.announce_exit(exit_status.REFUSED)
        sys.setswitchinterval(SWITCH_SECONDS)
        log_bridge.install(self._outbox, welcome.log_level, output=self._output)
        capacity = welcome.capacity or 1
        progress = open_progress(welcome.progress_path, capacity)
        notes = progress if link.confirms else None
        shared = map_shared_memory(welcome, on_release=self._outbox.released.append)
        self._slab = None if shared is None else shared.slab
        limits = WorkerLimits(welcome.limits)
        hint = failure_hints(limits, list(welcome.module_paths))
        runner = Runner(
            self._outbox,
            limits=introduction.value_limits(welcome),
            shared=shared,
            capacity=capacity,
            note_of=lambda place: limits.noting(None if notes is None else notes.note_of(place)),
            noting_item=lambda note: limits.noting(note) or note,
            progress=progress,
            hint=hint,
            output=self._output,
            call_prefix=welcome.call_prefix,
            profile=welcome.profile if welcome.profile in PROFILES else DEFAULT_PROFILE,
            blocked_loop_ms=welcome.blocked_loop_ms,
            link=link,
        )
        self._runner = runner
        self._gauge = MemoryGauge(int(welcome.limits.memory_bytes), self._report_memory)
        os.register_at_fork(
            before=hold_signals,
            after_in_parent=release_signals,
            after_in_child=self._after_fork_in_child,
        )
        for message in rest:
            self._handle(message)
        link.start(self._handle, self._on_link_end)
        if welcome.profile not in ("", *PROFILES):
            known = ", ".join(PROFILES)
            return self._fail_start(f"there is no profile '{welcome.profile}', only: {known}")
        try:
            limits.apply()
        except LimitError as error:
            return self._fail_start(str(error))
        no_terminal.refuse_breakpoints()
        try:
            self._adapter = load_adapter(
                list(welcome.adapters),
                list(welcome.module_paths),
                expose=list(welcome.expose),
                complete=runner.profile.complete,
                hint=hint,
            )
            if welcome.profile == "thread":
                refuse_undeclared(self._adapter.undeclared(), welcome.adapters)
            if welcome.profile == "async":
                refuse_plain_tools(self._adapter, ", ".join(welcome.adapters))
            self._adapter.set_up()
        except AdapterError as error:
            cause = None if error.__cause__ is None else describe(error.__cause__)
            return self._fail_load(str(error), cause)
        except BaseException as error:
            # Code of an adapter that raises where nothing should, such as a property.
            names = ", ".join(welcome.adapters)
            problem = f"adapter '{names}' cannot be served: {type(error).__name__}"
            return self._fail_load(f"{problem}: {safe_text(error)}", describe(error))
        runner.tools.update(self._adapter.tools)
        runner.local_sessions.configure(self._adapter.max_local_sessions, self._end_session)
        return self._serve(self._adapter, runner, link=link, has_record=progress is not None)

    def _serve(
        self, adapter: LoadedAdapter, runner: Runner, *, link: Link, has_record: bool
    ) -> int:
        ready = introduction.ready(
            adapter.tools.values(),
            notes_progress=has_record and link.confirms,
            notes_items=has_record,
            maps_shared_memory=self._slab is not None,
        )
        self._output.loaded()
        thread_checks.begin()
        if self._gauge is not None:
            self._gauge.start()
        self._serving = True
        self._outbox.put(ready)
        runner.serve(link.wait)
        return exit_status.LINK_LOST if self._lost and not self._told else exit_status.OK

    def _end_session(self, session_id: str, local: dict[str, Any]) -> None:
        """Call the hooks of the adapters. A worker that never ended one would run no more calls."""
        what = f"on_session_end() of the session {session_id}"
        late = exit_after(HOOK_SECONDS, exit_status.INTERNAL, worker_id=self._worker_id, what=what)
        try:
            if self._adapter is not None:
                self._adapter.on_session_end(session_id, local)
        finally:
            late.cancel()

    def _fail_load(self, problem: str, cause: PythonException | None) -> int:
        """Tear down what was set up; only then notify the host, which ends the process at once."""
        late = threading.Timer(TEARDOWN_SECONDS, self._fail_start, [problem, cause])
        late.daemon = True
        late.start()
        self._tear_down()
        late.cancel()
        return self._fail_start(problem, cause)

    def _tear_down(self) -> None:
        if self._adapter is not None:
            self._adapter.teardown(partial(run_guarded, worker_id=self._worker_id))

    def _fail_start(self, problem: str, cause: PythonException | None = None) -> int:
        # The host may end the link as soon as it has read this.
        self._ending = True
        self._outbox.put(
            wire.start_failed(wire.error("worker_start_failed", problem, python=cause))
        )
        return self._output.announce_exit(exit_status.START_FAILED)

    def report_import(self, path: str) -> None:
        """Tell the host of a source file that was imported, unless a forked child did it."""
        if os.getpid() == self._pid:
            self._outbox.put(wire.imported(path))

    def leave(self, status: int) -> NoReturn:
        """Tear down, send the messages that wait, and exit.

        Bounded: threads and exit handlers of tools cannot hold it up.
        """
        if os.getpid() != self._pid:  # A forked copy that unwound to here.
            os._exit(status)
        seconds = LOST_SECONDS if self._lost else TEARDOWN_SECONDS
        exit_after(seconds, status, worker_id=self._worker_id)
        if self._runner is not None:
            self._runner.local_sessions.end_all()
        self._tear_down()
        if self._runner is not None:
            run_guarded(self._runner.profile.close, "the event loop", worker_id=self._worker_id)
        if self._told:
            # Calls that were on their way when the worker was asked to end are given back.
            self._host_done.wait(FLUSH_SECONDS)
        self._ending = True
        self._outbox.close()
        if not self._lost and self._link is not None:
            self._link.finish(FLUSH_SECONDS)
        run_guarded(atexit._run_exitfuncs, "an exit handler", worker_id=self._worker_id)
        flush()
        self._output.end_lines()
        self._await_host_guard()
        os._exit(status)

    # ---- hello ----

    def _greet(self, link: Link) -> tuple[Welcome | None, Sequence[HostMessage]]:
        """Wait for the answer of the host. Returns its welcome, or None if it refused, and the
        messages that came in the same frame.
        """
        while (messages := link.receive()) is not None:
            for index, message in enumerate(messages):
                body = message.WhichOneof("body")
                if body == "welcome":
                    return message.welcome, messages[index + 1 :]
                if body == "refused":
                    why = message.refused.error
                    print(
                        f"snakeden worker {self._worker_id}: "
                        f"the host refused it: {why.message} ({why.code})",
                        file=sys.stderr,
                    )
                    return None, []
                if body == "ping":
                    self._outbox.put_urgent(wire.pong(message.ping.id))
                if body == "stop":
                    self._exit_now(exit_status.OK)
        raise LinkLostError(f"the host at {self._address} ended the link before it said welcome")

    # ---- called by the reader of the link ----

    def _handle(self, message: HostMessage) -> None:
        runner = self._runner
        if runner is None:
            return
        body = message.WhichOneof("body")
        if body == "call":
            runner.on_call(message.call)
        elif body == "answer":
            runner.on_answer(message.answer)
        elif body == "sessions_ended":
            runner.on_sessions_ended(message.sessions_ended.lives)
        elif body == "credit":
            credit = message.credit
            runner.on_credit(credit.id, credit.bytes)
        elif body == "release":
            if self._slab is not None:
                for offset in message.release.offsets:
                    self._slab.release(offset)
        elif body == "ping":
            self._answer_ping(message.ping.id)
        elif body == "cancel":
            runner.on_cancel(message.cancel.id)
        elif body == "recall":
            runner.on_recall()
        elif body == "stop":
            self._host_done.set()
            self._stop()

    def _answer_ping(self, ping_id: int) -> None:
        gauge = self._gauge
        self._outbox.put_urgent(wire.pong(ping_id, 0 if gauge is None else gauge.rss))
        if gauge is not None:
            gauge.refresh()

    def _report_memory(self, rss: int) -> None:
        self._outbox.put_urgent(wire.pong(0, rss))

    def _on_link_end(self, reason: str | None) -> None:
        self._host_done.set()
        if self._ending:
            return
        status = exit_status.OK if self._told else exit_status.LINK_LOST
        if not self._told:
            print(
                f"snakeden worker {self._worker_id}: "
                f"{reason or 'the host ended the link without a stop'}",
                file=sys.stderr,
            )
            self._output.announce_exit(status)
        self._lost = True
        if not self._serving:
            self._await_host_guard()
            self._exit_now(status)
        exit_after(LOST_SECONDS, status, worker_id=self._worker_id)
        if self._runner is not None:
            self._runner.on_link_lost()
        self._wake()

    # ---- ending ----

    def _on_terminate(self, signum: int, _frame: object) -> None:
        if not self._serving and not self._ending:
            # The status shows the host that the worker did not end by itself.
            self._exit_now(exit_status.SIGNALLED + signum)
        if not self._told:
            # The host did not ask for this, and must no longer count on the worker.
            self._outbox.put_urgent(wire.leaving(signal.Signals(signum).name))
        self._stop()

    def _stop(self) -> None:
        """Finish what runs and end; safe in a signal handler and on any thread."""
        self._told = True
        if self._serving and self._runner is not None:
            self._runner.stop()
            self._wake()
        elif not self._ending:
            # The import or setup() of the adapter may never end.
            self._exit_now(exit_status.OK)

    def _await_host_guard(self) -> None:
        """Give the kernel time to end this group (host_guard.py) if the host has died. The system
        closes what the host had open one by one. If the link is closed before the pipe of the
        guard, a worker that left at once would leave children behind.
        """
        if self._lost and not self._told:
            time.sleep(GUARD_SECONDS)

    def _wake(self) -> None:
        if self._link is not None:
            self._link.wake()

    @staticmethod
    def _exit_now(status: int) -> NoReturn:
        os._exit(status)

    def _after_fork_in_child(self) -> None:
        """Restore signals in a child that a tool has forked, since it is not a worker."""
        for signum in ENDING:
            if signal.getsignal(signum) == self._on_terminate:
                signal.signal(signum, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        release_signals()
        self._output.after_fork_in_child()
        if self._slab is not None:
            self._slab.forget()
        if self._runner is not None:
            self._runner.after_fork_in_child()
        if self._link is not None:
            self._link.after_fork_in_child()
