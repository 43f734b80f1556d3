import { InvalidInputError } from "../../errors.ts";

/** The limits of a program and all its descendants. An omitted limit does not apply. */
export interface GuardedLimits {
  /** Resident memory of all processes together. Pages that several of them share count once. */
  readonly memoryBytes?: number;
  /** CPU time of all processes together. */
  readonly cpuMs?: number;
  /** The number of processes at one time. */
  readonly processes?: number;
  /** Open files of each process. */
  readonly openFiles?: number;
  /** The size of each file that a process writes. */
  readonly fileBytes?: number;
}

/** One program to run under the guard. */
export interface GuardedLaunch {
  /** The program, as an absolute path, and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  /** The complete environment; only the mark of the run is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly limits: GuardedLimits;
  /** The time between SIGTERM and SIGKILL, if {@link GuardedProcess.stop} names no other. */
  readonly graceMs: number;
  /**
   * Takes output. While its promise is pending, the program is not read, once it is 1 MiB ahead.
   * The bytes are never overwritten. If it throws, all processes are killed, and
   * {@link GuardedProcess.ended} rejects.
   */
  readonly onOutput: (source: "stdout" | "stderr", bytes: Uint8Array) => void | Promise<void>;
  /**
   * True if the program is a wrapper, such as `bwrap`, that starts the program proper. Then SIGTERM
   * goes to what the wrapper has started, but not to the wrapper, whose end may kill the others at
   * once. Default false.
   */
  readonly isWrapped?: boolean;
  /** Empty if omitted. */
  readonly stdin?: Uint8Array | ReadableStream<Uint8Array>;
}

/**
 * The reason why all processes of a program are gone: it exited, it was stopped, a limit was
 * exceeded, or the guard or its warden was killed.
 */
export type GuardedCause = "exited" | "stopped" | "memory" | "cpu" | "processes" | "guard_lost";

/** The end of a program: none of its processes is left. */
export interface GuardedEnd {
  readonly exit: { readonly code: number } | { readonly signal: string };
  /** The first cause. */
  readonly cause: GuardedCause;
  /** The most resident memory of all processes together, as sampled. */
  readonly peakRssBytes: number;
  /** The number of processes that had to be killed. */
  readonly killed: number;
  /** The number of them that the program left behind when it exited; 0 for any other cause. */
  readonly leftKilled: number;
}

/** A program that runs under the guard. */
export interface GuardedProcess {
  readonly pid: number;
  /** Resolves once no process is left and all output was taken. */
  readonly ended: Promise<GuardedEnd>;
  /** Resolves once no process is left; output may still wait to be taken. Never rejects. */
  readonly gone: Promise<GuardedEnd>;
  /**
   * Sends SIGTERM to all processes, and SIGKILL after `graceMs`. A later call may shorten the time.
   * Does nothing once they are gone.
   */
  stop(graceMs?: number): void;
}

/** The program was not started. */
export class GuardLaunchError extends Error {
  override readonly name = "GuardLaunchError";
  /** The step that failed. `guard` stands for the guard itself. */
  readonly step: "program" | "cwd" | "limits" | "fork" | "guard";
  /** The error of the system, such as `ENOENT`. */
  readonly code: string;

  constructor(
    message: string,
    { step, code, cause }: {
      readonly step: GuardLaunchError["step"];
      readonly code: string;
      readonly cause?: unknown;
    },
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.step = step;
    this.code = code;
  }
}

/**
 * Checks what no system could start.
 *
 * @throws {InvalidInputError} Naming the field.
 */
export function checkLaunch({ command, cwd, env }: GuardedLaunch): void {
  const [program] = command;
  if (!program.startsWith("/")) {
    throw invalid("command[0]", `${quoted(program)} is no absolute path`);
  }
  command.forEach((it, i) => checkText(it, `command[${i}]`));
  checkText(cwd, "cwd");
  for (const [name, value] of Object.entries(env)) {
    if (name === "" || /[=\0]/.test(name)) {
      throw invalid("env", `${quoted(name)} cannot be the name of an environment variable`);
    }
    checkText(value, `env.${name}`);
  }
}

function checkText(text: string, path: string): void {
  const at = text.indexOf("\0");
  if (at < 0) return;
  throw invalid(path, `has a NUL character at position ${at}, which no program can receive`);
}

function invalid(path: string, message: string): InvalidInputError {
  return new InvalidInputError(`Cannot start a program: ${path} ${message}`, [{ path, message }]);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
