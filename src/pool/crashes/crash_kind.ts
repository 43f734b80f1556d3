import type { WorkerExit } from "../../errors.ts";
import { EXIT_STATUS } from "./exit_status.ts";

/**
 * The kind of a worker's end, judged by the system and the last output:
 *
 * - `segfault`, `bus_error`, `illegal_instruction`, `floating_point`, `abort`: native code crashed,
 *   or gave up.
 * - `fatal_error`: the interpreter itself gave up ("Fatal Python error: ...").
 * - `out_of_memory`: the worker's last output says so, or the host ended the worker because it held
 *   more than the limit of its pool. A worker ended by the kernel's out-of-memory killer says
 *   nothing and counts as `killed`.
 * - `killed`: SIGKILL, from the kernel when memory ran out, or from another process.
 * - `terminated`: another signal that asks a process to end, such as SIGTERM.
 * - `cpu_limit`, `signal`: SIGXCPU, and every other signal.
 * - `exit`: it ended by itself, with any status, even 0, although nobody had asked it to.
 * - `protocol_error`: it broke the protocol of the link, for example because its tool wrote to a
 *   descriptor that is not its own.
 * - `link_lost`: the link ended before the process did.
 * - `killed_by_host`: the host ended the worker for another reason, which is given.
 */
export type CrashKind =
  | "segfault"
  | "bus_error"
  | "illegal_instruction"
  | "floating_point"
  | "abort"
  | "fatal_error"
  | "out_of_memory"
  | "killed"
  | "terminated"
  | "cpu_limit"
  | "signal"
  | "exit"
  | "protocol_error"
  | "link_lost"
  | "killed_by_host";

/** One crash, classified. */
export interface Crash {
  /** The kind of the end. */
  readonly kind: CrashKind;
  /** The explanation that the host or the worker has given. */
  readonly reason?: string;
}

const BY_SIGNAL: Readonly<Record<string, CrashKind>> = {
  SIGSEGV: "segfault",
  SIGBUS: "bus_error",
  SIGILL: "illegal_instruction",
  SIGFPE: "floating_point",
  SIGABRT: "abort",
  SIGKILL: "killed",
  SIGTERM: "terminated",
  SIGINT: "terminated",
  SIGHUP: "terminated",
  SIGQUIT: "terminated",
  SIGXCPU: "cpu_limit",
};

/**
 * Exit statuses with which a shell reports a child that a signal ended: 128 plus the signal's
 * number.
 */
const BY_STATUS: Readonly<Record<number, CrashKind>> = {
  132: "illegal_instruction",
  134: "abort",
  135: "bus_error",
  136: "floating_point",
  137: "killed",
  139: "segfault",
  143: "terminated",
};

const FATAL_ERROR = /^Fatal Python error: (.+)$/;
const NO_MEMORY = /^MemoryError\b|\bstd::bad_alloc\b|\b(?:out of|cannot allocate) memory\b/i;

/** Names that Python's faulthandler gives to signals. They add nothing to the signal itself. */
const NAMES_OF_SIGNALS =
  /^(?:Segmentation fault|Bus error|Illegal instruction|Floating.+|Aborted)$/;

/**
 * Classifies an end that the host did not cause, by the exit and the last output.
 *
 * @param ownStatus The exit status that the worker's own code has announced. A tool can exit with
 * any status, which must not pass for a lost link.
 */
export function classifyCrash(exit: WorkerExit, ownStatus?: number): Crash {
  const kind = kindOf(exit, ownStatus);
  // A worker that is killed from outside did not cause it, whatever it wrote before.
  if (kind === "killed" || kind === "terminated" || kind === "cpu_limit") return { kind };
  const isOfNative = kind !== "exit" && kind !== "abort" && kind !== "link_lost";
  const noMemory = exit.lastOutput.findLast((line) => NO_MEMORY.test(line));
  if (noMemory !== undefined && !isOfNative) return { kind: "out_of_memory", reason: noMemory };
  const fatal = fatalError(exit.lastOutput);
  if (fatal === undefined) return { kind };
  return isOfNative ? { kind, reason: fatal } : { kind: "fatal_error", reason: fatal };
}

function kindOf({ signal, exitCode }: WorkerExit, ownStatus: number | undefined): CrashKind {
  if (signal !== null) return BY_SIGNAL[signal] ?? "signal";
  if (exitCode === ownStatus && exitCode === EXIT_STATUS.linkLost) return "link_lost";
  return BY_STATUS[exitCode ?? 0] ?? "exit";
}

function fatalError(lines: readonly string[]): string | undefined {
  const text = lines.map((line) => FATAL_ERROR.exec(line)?.[1]).findLast((it) => it !== undefined);
  return text === undefined || NAMES_OF_SIGNALS.test(text) ? undefined : text;
}

/**
 * Returns true for crashes that only code in the worker can have caused. Any other crash may have
 * an outside cause, so it is no evidence against the call, the slot or the pool.
 */
export function isOwnDoing(kind: CrashKind): boolean {
  return !FROM_OUTSIDE.includes(kind);
}

/**
 * Returns true for an end by a signal from the kernel or another process. The next worker may well
 * live.
 */
export function isSignalled(kind: CrashKind): boolean {
  return SIGNALLED.includes(kind);
}

const SIGNALLED: readonly CrashKind[] = ["killed", "terminated", "signal"];
const FROM_OUTSIDE: readonly CrashKind[] = [...SIGNALLED, "link_lost", "killed_by_host"];
