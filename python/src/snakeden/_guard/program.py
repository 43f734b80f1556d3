"""Starts the program of a job."""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import signal
import stat
from typing import Any, Final, NamedTuple

from snakeden._guard import system

__all__ = ["LaunchError", "Program", "launch_error", "start"]

_RESET: Final = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
"""Python ignores some signals, and a host may have been started with others ignored."""
_MAX_ARGUMENT_BYTES: Final = 32 * 4096 - 1


class LaunchError(Exception):
    """The program cannot be started. `step` is `cwd`, `limits`, `program` or `fork`."""

    def __init__(self, step: str, *, code: str, reason: str) -> None:
        super().__init__(reason)
        self.step = step
        self.code = code
        self.reason = reason

    def as_json(self) -> bytes:
        """Return the error for the host."""
        return json.dumps({"step": self.step, "code": self.code, "reason": self.reason}).encode()


class Program(NamedTuple):
    """A program that runs, and our ends of its pipes."""

    pid: int
    stdin: int | None
    stdout: int
    stderr: int


def start(launch: dict[str, Any]) -> Program:
    """Start the program as the leader of a session of its own.

    Raises LaunchError.
    """
    has_stdin = bool(launch.get("hasStdin"))
    opened: list[int] = []
    try:
        our_stdin: int | None = None
        if has_stdin:
            stdin, our_stdin = _pipe(opened)
        else:
            stdin = _null(opened)
        our_stdout, stdout = _pipe(opened)
        our_stderr, stderr = _pipe(opened)
        problem, report = _pipe(opened)
        warden = os.getpid()
        pid = os.fork()
    except OSError as error:
        for it in opened:
            os.close(it)
        raise launch_error("fork", error) from error
    if pid == 0:
        _become(launch, streams=(stdin, stdout, stderr), warden=warden, report=report)
    for it in (stdin, stdout, stderr, report):
        os.close(it)
    ours = [it for it in (our_stdin, our_stdout, our_stderr) if it is not None]
    said = _read_all(problem)
    os.close(problem)
    if said:
        for it in ours:
            os.close(it)
        os.waitpid(pid, 0)
        step, number = json.loads(said)
        raise _explain(step, launch=launch, error=OSError(number, os.strerror(number)))
    for it in ours:
        os.set_blocking(it, False)
    return Program(pid, our_stdin, our_stdout, our_stderr)


def _become(
    launch: dict[str, Any], *, streams: tuple[int, int, int], warden: int, report: int
) -> None:
    """Turn this process, which was just forked, into the program."""
    step = "fork"
    try:
        os.setsid()
        system.die_with_parent()
        if os.getppid() != warden:
            os._exit(1)
        # Above 2 first, so that no stream is overwritten before it is copied.
        high = [_above(it) for it in streams]
        for target, source in enumerate(high):
            os.dup2(source, target)
        step = "limits"
        _limit(launch.get("limits") or {})
        step = "cwd"
        os.chdir(launch["cwd"])
        step = "program"
        for number in _RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        command = [os.fsencode(it) for it in launch["command"]]
        environment = {os.fsencode(k): os.fsencode(v) for k, v in launch["env"].items()}
        os.execve(command[0], command, environment)
    except OSError as error:
        os.write(report, json.dumps([step, error.errno or 0]).encode())
    except BaseException:
        os.write(report, json.dumps([step, errno.EINVAL]).encode())
    finally:
        os._exit(127)


def _above(descriptor: int) -> int:
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def _limit(limits: dict[str, Any]) -> None:
    _set_limit(resource.RLIMIT_CORE, 0)
    if (files := limits.get("openFiles")) is not None:
        _set_limit(resource.RLIMIT_NOFILE, int(files))
    if (size := limits.get("fileBytes")) is not None:
        _set_limit(resource.RLIMIT_FSIZE, int(size))
    if (cpu := limits.get("cpuMs")) is not None:
        # The warden measures the whole job, and to the millisecond. This holds if it is stopped.
        _set_limit(resource.RLIMIT_CPU, math.ceil(cpu / 1000) + 1)


def _set_limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def _pipe(opened: list[int]) -> tuple[int, int]:
    reading, writing = os.pipe()
    opened += [reading, writing]
    return reading, writing


def _null(opened: list[int]) -> int:
    file = os.open(os.devnull, os.O_RDONLY)
    opened.append(file)
    return file


def _read_all(descriptor: int) -> bytes:
    text = b""
    while part := os.read(descriptor, 4096):
        text += part
    return text


def launch_error(step: str, error: OSError) -> LaunchError:
    """Return an error of the system as the error of a step."""
    code = errno.errorcode.get(error.errno or 0, "EINVAL")
    return LaunchError(step, code=code, reason=(error.strerror or str(error)).lower())


def _explain(step: str, *, launch: dict[str, Any], error: OSError) -> LaunchError:
    """Return an error that says more than the number of the system."""
    plain = launch_error(step, error)
    reason = {
        "cwd": lambda: _about_folder(launch["cwd"]),
        "program": lambda: _about_program(launch, error.errno or 0),
    }.get(step, lambda: None)()
    return LaunchError(step, code=plain.code, reason=reason or plain.reason)


def _about_folder(path: str) -> str | None:
    if not os.path.lexists(path):
        return "it does not exist"
    return None if os.path.isdir(path) else "it is not a directory"


def _about_program(launch: dict[str, Any], number: int) -> str | None:
    path = launch["command"][0]
    if number == errno.E2BIG:
        return _about_size(launch)
    if number == errno.ENOENT:
        if os.path.lexists(path):
            return "the interpreter in its first line, or the target of its link, does not exist"
        return "it does not exist"
    if number == errno.ENOEXEC:
        return "it is neither a program of this system, nor a script with a first line #!"
    if number == errno.EACCES:
        try:
            mode = os.stat(path).st_mode
        except OSError:
            return "a folder on the way to it may not be entered"
        if stat.S_ISDIR(mode):
            return "it is a directory"
        if not stat.S_ISREG(mode):
            return "it is not a file"
        if not mode & 0o111:
            return "it is not executable"
    return None


def _about_size(launch: dict[str, Any]) -> str:
    texts = [
        *((f"argument {i}", it) for i, it in enumerate(launch["command"])),
        *((f"the environment variable {k}", f"{k}={v}") for k, v in launch["env"].items()),
    ]
    sizes = [(len(os.fsencode(text)), name) for name, text in texts]
    longest, name = max(sizes)
    if longest > _MAX_ARGUMENT_BYTES:
        return f"{name} has {longest} bytes; {_MAX_ARGUMENT_BYTES} are allowed in one"
    whole = sum(size + 1 + 8 for size, _ in sizes)
    return f"arguments and environment have {whole} bytes together, more than the system takes"
