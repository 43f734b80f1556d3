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

/**
 * Describes how a process ended: `exit code 7`, `signal SIGKILL`.
 *
 * @param ownStatus The exit status that the worker's own code has announced. Any other status was
 * chosen by a tool, and means nothing to Snakeden.
 */
export function describeExit(exit: WorkerExit, ownStatus?: number): string {
  const { signal, exitCode } = exit;
  // Whoever would have been told was killed before.
  if (signal === null && exitCode === null) return "an unknown exit status";
  const how = signal === null ? `exit code ${exitCode}` : `signal ${signal}`;
  const meaning = signal === null ? meaningOf(exitCode, ownStatus) : SIGNAL_MEANINGS[signal];
  return meaning === undefined ? how : `${how} (${meaning})`;
}

function meaningOf(exitCode: number | null, ownStatus: number | undefined): string | undefined {
  if (exitCode === null || exitCode !== ownStatus) return undefined;
  return STATUS_MEANINGS[exitCode];
}

const STATUS_MEANINGS: Readonly<Record<number, string>> = {
  [EXIT_STATUS.startFailed]: "its adapter could not be started",
  [EXIT_STATUS.refused]: "the host refused it",
  [EXIT_STATUS.linkLost]: "it lost the link to the host",
};

/** The meanings of signals for Python code. */
const SIGNAL_MEANINGS: Readonly<Record<string, string>> = {
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
