import type { WorkerExit } from "../../errors.ts";

/** How a process ended, in words: `exit code 7`, `signal SIGKILL`. */
export function describeExit(exit: WorkerExit): string {
  const how = exit.signal === null ? `exit code ${exit.exitCode}` : `signal ${exit.signal}`;
  const meaning = EXIT_MEANINGS[exit.signal ?? String(exit.exitCode)];
  return meaning === undefined ? how : `${how} (${meaning})`;
}

/** Twin of exit_status.py for the numbers; what the signals mean for Python code. */
const EXIT_MEANINGS: Readonly<Record<string, string>> = {
  "3": "its adapter could not be started",
  "4": "the host refused it",
  "5": "it lost the link to the host",
  SIGSEGV: "a crash in native code",
  SIGABRT: "native code gave up",
  SIGBUS: "a crash in native code",
  SIGILL: "an instruction this processor lacks",
  SIGKILL: "killed, by the system when memory ran out or by somebody",
};

/** The last output as a clause for an error text. */
export function describeOutput(lines: readonly string[]): string {
  if (lines.length === 0) return "it wrote no output";
  return `last output: ${lines.slice(-5).join(" | ")}`;
}
