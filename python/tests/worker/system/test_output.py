from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.fake_host import SOURCES


def run(code: str) -> subprocess.CompletedProcess[bytes]:
    prelude = "from snakeden._worker.system import output; output.prepare()\n"
    return subprocess.run(
        [sys.executable, "-c", prelude + code],
        env={"PYTHONPATH": str(SOURCES), "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )


def test_prepare_makes_print_take_any_text() -> None:
    done = run(r"print('\ud800 \xfc')")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "\\ud800 ü\n".encode()


def test_prepare_makes_print_write_whole_lines_at_once() -> None:
    assert run("print('line'); print('part', end=''); import os; os._exit(0)").stdout == b"line\n"


def test_prepare_gives_print_a_place_when_there_is_no_stdout() -> None:
    done = run("import os; os.close(1); output.prepare(); print('x'); output.flush()")
    assert done.returncode == 0, done.stderr


def test_print_works_when_nobody_reads_the_pipe_any_more() -> None:
    done = run(
        "import os, sys\n"
        "reading, writing = os.pipe(); os.dup2(writing, 1); os.close(writing)\n"
        "output.prepare(); os.close(reading)\n"
        "for _ in range(3): print('x' * 100_000)\n"
        "os.write(1, b'x'); print('done', file=sys.stderr)"
    )
    assert (done.returncode, done.stderr) == (0, b"done\n")


def test_print_to_a_broken_pipe_of_a_tool_raises() -> None:
    done = run(
        "import os, sys\n"
        "reading, writing = os.pipe(); os.dup2(writing, 1); os.close(reading)\n"
        "try: print('x')\n"
        "except BrokenPipeError: os.write(2, b'broken')\n"
        "os._exit(0)"
    )
    assert done.stderr == b"broken"


CALLS = """
import contextvars, io, os, sys, threading, time
from snakeden.call import CURRENT
output = output.prepare('n0n5e')
from types import SimpleNamespace
class Call:
    ended = False
    def __init__(self, id, kept):
        self.number = id
        self.message = SimpleNamespace(keeps_output=kept, tool='tool')
def run(id, work, marked=False, kept=False):
    call = Call(id, kept)
    token = CURRENT.set(call)
    output._marked_at = -1e9 if marked else time.perf_counter()
    output.begin(call, time.perf_counter())
    try: work()
    except Exception: pass
    CURRENT.reset(token)
    call.ended = True
    if output.is_marked: output.end()
run(1, lambda: None, marked=True)
"""


def marked(code: str) -> list[str]:
    """Return the output of later calls than the first, which was marked at its start."""
    done = run(CALLS + code)
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode().replace("\x1en0n5e", "#")
    assert text.startswith("#:1\n#:end=1\n")
    return text.removeprefix("#:1\n#:end=1\n").splitlines()


def test_a_call_is_marked_before_it_writes_and_after_it_has_ended() -> None:
    assert marked("run(2, lambda: (print('a'), print('b', end='')))") == ["#:2", "a", "b#:end=2"]


def test_a_call_that_writes_nothing_is_marked_only_a_while_after_the_last_one() -> None:
    assert marked("run(2, lambda: None)") == []
    assert marked("run(2, lambda: None, marked=True)") == ["#:2", "#:end=2"]


def test_bytes_and_text_are_marked_once_each_call_in_order() -> None:
    code = """
run(2, lambda: (sys.stdout.buffer.write(b'bytes'), print(' text')))
run(3, lambda: sys.stdout.writelines(['one', '\\n', 'two']))
print('between')
"""
    assert marked(code) == [
        *("#:2", "bytes text", "#:end=2", "#:3", "one", "two#:end=3", "between"),
    ]


def test_a_thread_of_an_ended_call_writes_for_nobody() -> None:
    code = """
threads = []
def start():
    context = contextvars.copy_context()
    threads.append(threading.Thread(target=context.run, args=(print, 'late')))
run(2, start)
for thread in threads: thread.start(); thread.join()
run(3, lambda: print('mine'))
"""
    assert marked(code) == ["late#:of=0", "#:3", "mine", "#:end=3"]


def test_what_writes_for_nobody_tears_no_line_of_the_call_that_runs() -> None:
    code = """
def late():
    print('late', 1)
    sys.stdout.write('no')
    sys.stdout.flush()
    sys.stdout.write('rest')
def work():
    sys.stdout.write('mi')
    context = contextvars.Context()
    context.run(CURRENT.set, ended)
    thread = threading.Thread(target=context.run, args=(late,))
    thread.start(); thread.join()
    sys.stdout.write('ne\\n')
ended = Call(2, True)
ended.ended = True
run(3, work)
"""
    late = ["late 1#:of=0", "no#:of=0", "rest#:of=0"]
    assert marked(code) == ["#:3", *late, "mine", "#:end=3"]


def test_a_redirected_descriptor_gets_no_mark_of_what_is_written_apart(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    code = f"""
def fork():
    if os.fork() == 0:
        output.after_fork_in_child()
        os.dup2(os.open({str(path)!r}, os.O_CREAT | os.O_WRONLY), 1)
        print('child')
        os._exit(0)
    os.wait()
run(2, fork, kept=True)
"""
    assert marked(code) == ["#:2", "#:end=2"]
    assert path.read_bytes() == b"child\n"


def test_a_slow_call_of_a_tool_that_was_quick_is_marked_late() -> None:
    code = """
def slow():
    while not output.is_marked: time.sleep(0.001)
    os.write(1, b'native\\n')
output.took('tool', 0.0001)
for number in range(2, 5):
    run(number, lambda: None, kept=True)
run(5, slow, kept=True)
run(6, lambda: None, kept=True)
run(7, slow, kept=True)
"""
    assert marked(code) == ["#:5", "native", "#:end=5", "#:7", "native", "#:end=7"]


def test_a_forked_child_names_the_owner_of_each_of_its_lines() -> None:
    code = """
def fork():
    sys.stdout.write('pa')
    if os.fork() == 0:
        output.after_fork_in_child()
        print('child', 1)
        print('child\\n')
        print('rest', end='', flush=True)
        os._exit(0)
    os.wait()
    print('rent')
run(2, fork)
"""
    assert marked(code) == [
        *("#:2", "child 1#:of=2", "child#:of=2", "#:of=2", "rest#:of=2", "parent", "#:end=2"),
    ]


def test_what_setup_has_made_of_the_streams_stays() -> None:
    code = """
kept = sys.stdout = io.StringIO()
output.loaded()
run(2, lambda: (print('kept'), setattr(sys, 'stdout', io.StringIO())))
run(3, lambda: print('kept too'))
sys.__stdout__.write(kept.getvalue())
"""
    assert marked(code) == ["kept", "kept too"]


def test_a_descriptor_that_setup_has_redirected_stays() -> None:
    code = """
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
output.loaded()
run(2, lambda: (print('nowhere'), os.close(1)))
run(3, lambda: print('nowhere'))
run(4, lambda: (sys.stdout.reconfigure(encoding='ascii'), print('x')))
"""
    assert marked(code) == ["#:2", "#:end=2", "#:3", "#:end=3", "#:4", "#:end=4"]


def test_a_file_that_took_the_place_of_a_closed_descriptor_gets_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    code = f"""
def take():
    os.close(1)
    assert os.open({str(path)!r}, os.O_CREAT | os.O_WRONLY) == 1
run(2, take)
run(3, lambda: print('after'))
"""
    assert marked(code) == ["#:3", "after", "#:end=3"]
    assert path.read_bytes() == b""


def test_without_a_nonce_nothing_is_marked() -> None:
    assert run(CALLS.replace("n0n5e", "") + "run(2, lambda: print('a'))").stdout == b"a\n"


def test_a_call_whose_output_is_kept_is_marked_unless_its_tool_was_quick() -> None:
    code = """
run(2, lambda: os.write(1, b'child\\n'), kept=True)
output.took('tool', 0.0001)
run(3, lambda: None, kept=True)
output.took('tool', 0.1)
run(4, lambda: None, kept=True)
run(5, lambda: None)
"""
    assert marked(code) == ["#:2", "child", "#:end=2", "#:4", "#:end=4"]


def test_a_thread_writes_for_the_call_in_which_it_first_writes() -> None:
    code = """
go, wrote = threading.Event(), threading.Event()
def work():
    print('mine')
    wrote.set()
    go.wait()
    print('late')
thread = threading.Thread(target=work)
def start():
    thread.start()
    wrote.wait()
run(2, start)
run(3, lambda: (go.set(), thread.join(), print('other')))
"""
    assert marked(code) == ["#:2", "mine", "#:end=2", "late#:of=0", "#:3", "other", "#:end=3"]


def test_the_items_of_a_bulk_call_follow_the_mark_of_the_first() -> None:
    code = """
call = Call(2, True)
now = output._marked_at = time.perf_counter()
for _ in range(3): output.begin(call, now)
call.ended = True
output.end()
"""
    assert marked(code) == ["#:2", "#:end=2"]


BESIDE = """
import contextvars, os, threading, time
from types import SimpleNamespace
from snakeden.call import CURRENT
output = output.prepare('n0n5e')
output.run_side_by_side()
class Call:
    ended = False
    def __init__(self, number):
        self.number = number
        self.message = SimpleNamespace(keeps_output=True, tool='tool')
        output.begin_beside(self)
    def within(self, work):
        context = contextvars.copy_context()
        context.run(CURRENT.set, self)
        return lambda: context.run(work)
    def end(self):
        self.ended = True
        output.end_beside(self.number)
def start(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread
def part(text):
    return lambda: print(text, end='')
"""


def beside(code: str) -> list[str]:
    """Return the output of calls that run side by side."""
    done = run(BESIDE + code)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().replace("\x1en0n5e", "#").splitlines()


def test_a_line_that_a_helper_thread_has_begun_comes_out_when_its_call_ends() -> None:
    code = """
go_on = threading.Event()
first, second = Call(1), Call(2)
written = threading.Event()
def helper():
    print('half', end='')
    written.set()
    go_on.wait()
    print('late', end='')
thread = start(first.within(helper))
written.wait()
first.end()
os.write(1, b'ended\\n')
go_on.set()
thread.join()
second.end()
"""
    # What it prints once its call has ended belongs to no call, and comes out when it ends itself.
    assert beside(code) == ["half#:of=1", "#:end=1", "ended", "late#:of=0"]


def test_a_thread_that_writes_for_several_calls_mixes_no_lines() -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
first, second = Call(1), Call(2)
with ThreadPoolExecutor(1) as pool:
    pool.submit(first.within(part('one'))).result()
    pool.submit(second.within(lambda: print('two'))).result()
    pool.submit(first.within(lambda: print(' and one'))).result()
    pool.submit(second.within(part('more of two'))).result()
    second.end()
    first.end()
"""
    assert beside(code) == [
        *("two#:of=2", "one and one#:of=1", "more of two#:of=2", "#:end=2", "#:end=1"),
    ]


def test_a_line_of_a_thread_of_no_call_comes_out_when_the_thread_or_the_worker_ends() -> None:
    code = """
start(part('gone')).join()
start(part('next')).join()
held = threading.Event()
written = threading.Event()
def stay():
    print('stays', end='')
    written.set()
    held.wait()
threading.Thread(target=stay, daemon=True).start()
written.wait()
output.end_lines()
os._exit(0)
"""
    assert beside(code) == ["gone#:of=0", "next#:of=0", "stays#:of=0"]


def test_a_forked_child_writes_no_line_that_its_parent_has_begun() -> None:
    code = """
held = threading.Event()
written = threading.Event()
call = Call(1)
def stay():
    print('half', end='')
    written.set()
    held.wait()
thread = start(call.within(stay))
written.wait()
call.within(part('own'))()
if os.fork() == 0:
    output.after_fork_in_child()
    call.within(lambda: print('child'))()
    output.end_lines()
    os._exit(0)
os.wait()
call.end()
held.set()
thread.join()
"""
    lines = beside(code)
    assert lines[0] == "child#:of=1"
    assert sorted(lines[1:3]) == ["half#:of=1", "own#:of=1"]
    assert lines[3:] == ["#:end=1"]
