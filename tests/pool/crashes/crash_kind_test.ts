import assert from "node:assert/strict";
import type { WorkerExit } from "../../../src/errors.ts";
import {
  classifyCrash,
  type CrashKind,
  isOwnDoing,
  isSignalled,
} from "../../../src/pool/crashes/crash_kind.ts";

function exit(how: number | string, ...lastOutput: string[]): WorkerExit {
  return typeof how === "string"
    ? { exitCode: null, signal: how, lastOutput }
    : { exitCode: how, signal: null, lastOutput };
}

const SIGNALS: readonly [string, CrashKind][] = [
  ["SIGSEGV", "segfault"],
  ["SIGBUS", "bus_error"],
  ["SIGILL", "illegal_instruction"],
  ["SIGFPE", "floating_point"],
  ["SIGABRT", "abort"],
  ["SIGKILL", "killed"],
  ["SIGTERM", "terminated"],
  ["SIGXCPU", "cpu_limit"],
  ["SIGUSR1", "signal"],
];

Deno.test("classifyCrash() knows signals", () => {
  for (const [signal, kind] of SIGNALS) {
    assert.deepStrictEqual(classifyCrash(exit(signal)), { kind }, signal);
  }
});

Deno.test("classifyCrash() knows exit statuses, including those by which a shell reports a signal", () => {
  const statuses: [number, CrashKind][] = [
    [0, "exit"],
    [1, "exit"],
    [3, "exit"],
    [4, "exit"],
    [5, "exit"],
    [132, "illegal_instruction"],
    [134, "abort"],
    [135, "bus_error"],
    [136, "floating_point"],
    [137, "killed"],
    [139, "segfault"],
    [143, "terminated"],
    [255, "exit"],
  ];
  for (const [status, kind] of statuses) {
    assert.deepStrictEqual(classifyCrash(exit(status)), { kind }, String(status));
  }
});

Deno.test("classifyCrash() returns link_lost for status 5 only if the worker has announced it", () => {
  assert.equal(classifyCrash(exit(5), 5).kind, "link_lost");
  assert.equal(classifyCrash(exit(5), 3).kind, "exit");
  assert.equal(classifyCrash(exit(7), 5).kind, "exit");
  assert.equal(classifyCrash(exit("SIGSEGV"), 5).kind, "segfault");
});

Deno.test("classifyCrash() reads the last output of the interpreter", () => {
  const words = "Fatal Python error: _Py_CheckRecursiveCall: Cannot recover from stack overflow.";
  const reason = words.slice("Fatal Python error: ".length);
  for (const how of ["SIGABRT", 1] as const) {
    assert.deepStrictEqual(
      classifyCrash(exit(how, "before", words, "Current thread 0x1 (most recent call first):")),
      { kind: "fatal_error", reason },
    );
  }
  assert.deepStrictEqual(classifyCrash(exit("SIGSEGV", words)), { kind: "segfault", reason });
});

Deno.test("classifyCrash() trusts the signal over the text of Python's faulthandler", () => {
  for (const [signal, name] of [["SIGSEGV", "Segmentation fault"], ["SIGABRT", "Aborted"]]) {
    const { kind, reason } = classifyCrash(exit(signal ?? "", `Fatal Python error: ${name}`));
    assert.equal(kind, signal === "SIGSEGV" ? "segfault" : "abort");
    assert.equal(reason, undefined);
  }
});

Deno.test("classifyCrash() returns out_of_memory if the last output says so, and killed for a SIGKILL", () => {
  const words = [
    "MemoryError",
    "MemoryError: Unable to allocate 8 GiB",
    "terminate called after throwing an instance of 'std::bad_alloc'",
    "OSError: [Errno 12] Cannot allocate memory",
    "Fatal Python error: init_import_site: out of memory",
  ];
  for (const reason of words) {
    for (const how of [1, "SIGABRT"]) {
      assert.deepStrictEqual(classifyCrash(exit(how, "x", reason, "y")), {
        kind: "out_of_memory",
        reason,
      });
    }
    assert.deepStrictEqual(classifyCrash(exit("SIGKILL", reason)), { kind: "killed" });
    assert.equal(classifyCrash(exit("SIGSEGV", reason)).kind, "segfault");
  }
  assert.equal(classifyCrash(exit(1, "the class MemoryErrorLog is gone")).kind, "exit");
});

Deno.test("isOwnDoing() is false for crashes that may come from outside", () => {
  const outside = ["killed", "terminated", "signal", "link_lost", "killed_by_host"] as const;
  for (const kind of outside) assert.equal(isOwnDoing(kind), false, kind);
  for (const kind of ["segfault", "exit", "out_of_memory", "fatal_error"] as const) {
    assert.equal(isOwnDoing(kind), true, kind);
  }
});

Deno.test("isSignalled() is true for ends by a signal from outside, and for nothing else", () => {
  const signalled = ["killed", "terminated", "signal"] as const;
  for (const kind of signalled) assert.equal(isSignalled(kind), true, kind);
  for (const kind of ["segfault", "exit", "link_lost", "killed_by_host", "cpu_limit"] as const) {
    assert.equal(isSignalled(kind), false, kind);
  }
});
