"""The template: imports what a pool preloads, and forks workers, which have it then."""

from __future__ import annotations

import errno
import gc
import importlib
import json
import os
import select
import signal
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from snakeden import environment_names as names
from snakeden._template.dangers import danger
from snakeden._template.exits import WakeUp, end_group, report
from snakeden._template.reaper import Place
from snakeden._template.reseed import reseed
from snakeden._tools.adapter_name import parse_names
from snakeden._tools.missing_module import missing_module_hint
from snakeden._tools.search_path import place_module_paths
from snakeden._worker.system import output
from snakeden._worker.system.fresh_source import read_sources_afresh
from snakeden._worker.system.output import Output

__all__ = ["Fork", "Template", "TemplateSettings"]

_MAX_REQUEST: Final = 1 << 20
_PIPES: Final = 3


class TemplateSettings(NamedTuple):
    """The settings of the pool, from the host."""

    preload: list[str]
    adapters: list[str]
    modulePaths: list[str]  # noqa: N815
    carrier: str


class Fork(NamedTuple):
    """The parts that a worker has of its template."""

    output: Output
    imports: Imports


class Imports:
    """The source files that were imported in the template, and those that a worker imports."""

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._report: Callable[[str], None] = self._paths.append

    def note(self, path: str) -> None:
        """Note a file."""
        self._report(path)

    def report_to(self, report: Callable[[str], None]) -> None:
        """Report the files so far, and all that follow."""
        self._report = report
        for path in self._paths:
            report(path)


class _UnfitError(Exception):
    """No worker can be forked; the text says why."""


class Template:
    """See the module. `run` returns in each worker."""

    def __init__(self, settings: TemplateSettings, place: Place) -> None:
        self._settings = settings
        self._generation, self._channel, self._host = place
        self._workers: dict[int, int] = {}
        """The launches of the workers, by their pids."""
        self._imports = Imports()
        self._folder = os.getcwd()

    def run(self) -> Fork:
        """Preload, and fork on request. Returns in a worker."""
        self._output = output.prepare()
        try:
            self._preload()
            self._output.repair()
            _open_stdin()
            problem = danger()
            if problem is not None:
                raise _UnfitError(f"no worker can be forked after the preload: {problem}")
        except _UnfitError as error:
            output.flush()
            self._say("refused", reason=str(error), unsafe=error.__cause__ is None)
            os._exit(0)
        # What was preloaded may have handlers of its own.
        wake_up = self._wake_up = WakeUp()
        gc.disable()
        gc.collect()
        gc.freeze()
        self._say("ready", rssBytes=_rss_bytes())
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(wake_up.descriptor, select.POLLIN)
        while True:
            events = dict(poll.poll())
            if wake_up.descriptor in events:
                wake_up.clear()
                self._reap()
            if self._channel.fileno() in events and self._forked():
                return Fork(self._output, self._imports)

    def _say(self, kind: str, **fields: Any) -> None:
        self._host.say(kind, generation=self._generation, **fields)

    def _preload(self) -> None:
        settings = self._settings
        if os.environ.get(names.DEV, "") != "":
            read_sources_afresh(self._imports.note)
        # Asynchronous tools need it, and workers share what is loaded here.
        importlib.import_module("asyncio")
        if settings.carrier == "grpc":
            import snakeden._link.grpc_link  # noqa: F401
        adapters = {it.module.partition(".")[0] for it in parse_names(settings.adapters)}
        place_module_paths(settings.modulePaths, adapters)
        importlib.invalidate_caches()
        for name in settings.preload:
            self._say("preloading", module=name)
            try:
                importlib.import_module(name)
            except BaseException as error:
                _print_trace(error)
                hint = missing_module_hint(error, settings.modulePaths)
                text = f"the preload of {name} raised {type(error).__name__}: {error}"
                raise _UnfitError(text + (hint and f"; {hint}")) from error

    def _forked(self) -> bool:
        """Fork a worker if one is asked for. Returns True in the worker."""
        data, pipes, _flags, _address = socket.recv_fds(self._channel, _MAX_REQUEST, _PIPES)
        if not data:
            os._exit(0)  # The reaper has started another template.
        request = json.loads(data)
        pid = -1
        try:
            if len(pipes) < _PIPES:
                raise OSError(errno.EMFILE, "no descriptor is left for its pipes")
            problem = danger()
            if problem is not None:
                self._host.say("failed", id=request["id"], reason=problem, unsafe=True)
                return False
            output.flush()
            pid = os.fork()
            if pid > 0:
                self._workers[pid] = request["id"]
        except OSError as error:
            reason = f"cannot fork: {error.strerror}"
            self._host.say("failed", id=request["id"], reason=reason)
        finally:
            if pid != 0:
                for it in pipes:
                    os.close(it)
        if pid != 0:
            return False
        try:
            self._become_worker(request, pipes)
        except BaseException:
            # It must not go on as a second template.
            traceback.print_exc()
            output.flush()
            os._exit(1)
        return True

    def _become_worker(self, request: dict[str, Any], pipes: list[int]) -> None:
        os.setsid()
        for descriptor, pipe in enumerate(pipes):
            os.set_blocking(pipe, True)
            os.dup2(pipe, descriptor)
            os.close(pipe)
        self._host.say("forked", id=request["id"], pid=os.getpid())
        self._host.close()
        self._channel.close()
        self._wake_up.close()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.environ.update(request["env"])
        with suppress(OSError):  # It is gone. What is preloaded has seldom left it.
            os.chdir(self._folder)
        gc.enable()
        reseed()

    def _reap(self) -> None:
        """Report the workers that have ended. Other children belong to what was preloaded."""
        for pid in [*self._workers]:
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            if os.waitid(os.P_PID, pid, flags) is None:
                continue
            end_group(pid)
            _, status = os.waitpid(pid, 0)
            report(self._host, pid, status=status, launch=self._workers.pop(pid))


def _open_stdin() -> None:
    """Keep the lowest descriptor from being one of the pipes of a worker."""
    try:
        os.fstat(0)
    except OSError:
        empty = os.open(os.devnull, os.O_RDONLY)
        if empty != 0:
            os.dup2(empty, 0)
            os.close(empty)


def _print_trace(error: BaseException) -> None:
    """Print an exception without the steps of the import that lead to the code of the user."""
    trace = error.__traceback__
    while trace is not None and _imports(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def _imports(file: str) -> bool:
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib")


def _rss_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
