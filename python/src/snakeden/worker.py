"""The worker process: `python /path/of/snakeden/worker.py`, started by the host.

The host passes its settings in the environment, so that `sys.argv` is that of a program of the
user. environment_names.py has the names, exit_status.py the exit statuses.
"""

import os
import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Serve until the host says stop or goes away, or a signal ends the process."""
    import faulthandler

    from snakeden import environment_names as names
    from snakeden._worker import exit_status
    from snakeden._worker.system import host_guard, output
    from snakeden._worker.system.inherited import close_inherited_sockets

    # Runs before anything is opened.
    close_inherited_sockets()
    fork = None
    template = os.environ.pop(names.TEMPLATE, "")
    if template:
        from snakeden._template import become_worker

        # Returns in each worker that is forked, where all is as in one that was spawned.
        fork = become_worker(template)
    # Before anything slow: a host that is killed meanwhile must not leave us behind.
    host_guard.arm(owns_group=os.environ.pop(names.OWN_GROUP, "") != "")
    # Out of the environment at once, so that neither tools nor their children can see it.
    address = os.environ.pop(names.ADDRESS, "")
    token = os.environ.pop(names.TOKEN, "")
    mark = os.environ.pop(names.OUTPUT_MARK, "")
    if fork is None:
        streams = output.prepare(mark)
    else:
        streams = fork.output
        streams.adopt(mark)
    if not address:
        print(f"snakeden worker: {names.ADDRESS} is not set; a host sets it", file=sys.stderr)
        sys.exit(exit_status.USAGE)
    faulthandler.enable()
    is_watched = os.environ.pop(names.DEV, "") != ""

    from snakeden._worker.life import WorkerLife

    life = WorkerLife(address, streams, worker_id=os.environ.get(names.WORKER_ID, ""), token=token)
    # The hello is written already, which comes before any report.
    if is_watched and fork is not None:
        fork.imports.report_to(life.report_import)
    elif is_watched:
        from snakeden._worker.system.fresh_source import read_sources_afresh

        read_sources_afresh(life.report_import)
    try:
        status = life.run()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = exit_status.INTERNAL
    life.leave(status)


def _settle_search_path() -> None:
    """Let nothing but this package come before the standard library.

    Runs before the first import that could find a file of the user: `os` and `sys` are loaded
    already. Without -P, which Python 3.10 lacks, the folder of this file is the first entry.
    """
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    library = os.path.dirname(os.__file__)
    standard = [it for it in sys.path if it == library or it.endswith("lib-dynload")]
    first = [package, *standard]
    sys.path[:] = first + [it for it in sys.path if it not in first]


# A process that multiprocessing starts runs this file as `__mp_main__`.
if __name__ == "__main__":
    _settle_search_path()
    main()
