import type { WorkerExit } from "../../errors.ts";

/** The exit statuses of a worker. The twin of exit_status.py; a test compares the two. */
export const EXIT_STATUS = {
  /** It stopped as asked. */
  ok: 0,
  /** A fault of the worker itself. */
  internal: 1,
  /** It was started without the address of a host. */
  usage: 2,
  startFailed: 3,
  refused: 4,
  linkLost: 5,
  /** A signal ended it before it was ready: this plus the number of the signal. */
  signalled: 128,
} as const;

/** Describes how a process ended: `exit code 7`, `signal SIGKILL`. */
export function describeExit(exit: WorkerExit): string {
  const how = exit.signal === null ? `exit code ${exit.exitCode}` : `signal ${exit.signal}`;
  const meaning = EXIT_MEANINGS[exit.signal ?? String(exit.exitCode)];
  return meaning === undefined ? how : `${how} (${meaning})`;
}

/** The meaning of exit statuses and, for Python code, of signals. */
const EXIT_MEANINGS: Readonly<Record<string, string>> = {
  [EXIT_STATUS.startFailed]: "its adapter could not be started",
  [EXIT_STATUS.refused]: "the host refused it",
  [EXIT_STATUS.linkLost]: "it lost the link to the host",
  SIGSEGV: "a crash in native code",
  SIGABRT: "native code gave up",
  SIGBUS: "a crash in native code",
  SIGILL: "an instruction this processor lacks",
  SIGKILL: "killed, by the system when memory ran out or by somebody",
};

/** Describes the last output, as a clause of an error text. */
export function describeOutput(lines: readonly string[]): string {
  if (lines.length === 0) return "it wrote no output";
  return `last output: ${lines.slice(-5).join(" | ")}`;
}
