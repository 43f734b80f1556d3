import type { Clock } from "../../async/mod.ts";
import { SnakedenError } from "../../errors.ts";
import {
  type GuardedEnd,
  type GuardedLaunch,
  type GuardedProcess,
  GuardLaunchError,
} from "../../process/mod.ts";
import type { ScriptOutput } from "./script_output.ts";

/** Starts programs that leave no process behind: the guard. */
export interface ProgramLauncher {
  launch(it: GuardedLaunch): Promise<GuardedProcess>;
}

/** The limits of a program. */
export interface ProgramLimits {
  readonly timeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly memoryBytes: number;
  readonly cpuMs?: number | undefined;
  readonly openFiles: number;
  readonly maxOutputBytes: number;
}

/** A program to run to its end. */
export interface ProgramToRun {
  /** The name of the work, for error texts. */
  readonly name: string;
  readonly launch: Omit<GuardedLaunch, "limits" | "onOutput">;
  readonly limits: ProgramLimits;
  readonly output: ScriptOutput;
  /** Aborts with the error of the attempt. */
  readonly signal: AbortSignal;
  /** Aborts when the program has printed too much. */
  readonly tooMuch: AbortSignal;
}

/** Dependencies of {@link runProgram}. */
export interface ProgramRunDeps {
  readonly launcher: ProgramLauncher;
  readonly clock: Clock;
  /** Adds a line to the log of the job. */
  readonly note: (text: string) => void;
}

/** The shortest time between two looks at a program that may be silent for too long. */
const STALL_LOOK_MS = 50;

/**
 * Runs a program to its end. Settles when its last process is gone; whatever stops it, the first
 * cause counts.
 *
 * @throws {SnakedenError} `script_failed`, `script_limit`, `deadline_exceeded`, `stalled`,
 * `guard_lost`; the reason of the signal when it aborts.
 */
export async function runProgram(it: ProgramToRun, deps: ProgramRunDeps): Promise<GuardedEnd> {
  const { limits, output } = it;
  const { memoryBytes, cpuMs, openFiles } = limits;
  it.signal.throwIfAborted();
  using stopping = new Stopping(it, deps);
  const process = await started(it, {
    launcher: deps.launcher,
    limits: { memoryBytes, openFiles, ...(cpuMs === undefined ? {} : { cpuMs }) },
  });
  stopping.watch(process);
  const end = await process.ended;
  output.end();
  if (end.leftKilled > 0) {
    const what = end.leftKilled === 1 ? "1 process" : `${end.leftKilled} processes`;
    deps.note(`killed ${what} that it has left`);
  }
  if (stopping.cause !== undefined) {
    deps.note("ended it, with all processes that it had started");
    throw stopping.cause.error;
  }
  const problem = problemOf(end, it);
  if (problem !== undefined) throw problem;
  return end;
}

async function started(
  { name, launch, output }: ProgramToRun,
  { launcher, limits }: { readonly launcher: ProgramLauncher } & Pick<GuardedLaunch, "limits">,
): Promise<GuardedProcess> {
  try {
    return await launcher.launch({
      ...launch,
      limits,
      onOutput: (source, bytes) => output.take(source, bytes),
    });
  } catch (error) {
    if (!(error instanceof GuardLaunchError)) throw error;
    const { step, code } = error;
    const isLost = step === "guard";
    throw new SnakedenError(
      isLost ? "guard_lost" : "script_failed",
      `Cannot start ${name}: ${error.message}`,
      { details: { step, code }, retryable: isLost, cause: error },
    );
  }
}

/** Stops a program, for the first of several causes. */
class Stopping implements Disposable {
  cause: { readonly error: unknown } | undefined;
  readonly #it: ProgramToRun;
  readonly #cancels: (() => void)[] = [];
  #process: GuardedProcess | undefined;

  constructor(it: ProgramToRun, { clock }: ProgramRunDeps) {
    this.#it = it;
    const { signal, tooMuch, limits: { timeoutMs, stallTimeoutMs, maxOutputBytes }, name } = it;
    this.#on(signal, () => signal.reason);
    this.#on(
      tooMuch,
      () =>
        limitError(name, "output", `printed more than ${maxOutputBytes} bytes`, {
          maxOutputBytes,
        }),
    );
    this.#cancels.push(clock.after(timeoutMs, () => this.#stop(deadlineError(name, timeoutMs))));
    if (stallTimeoutMs > 0) this.#watchSilence(stallTimeoutMs, clock);
  }

  /** Takes the process, which may have to be stopped at once. */
  watch(process: GuardedProcess): void {
    this.#process = process;
    if (this.cause !== undefined) process.stop();
  }

  [Symbol.dispose](): void {
    for (const cancel of this.#cancels) cancel();
  }

  #on(signal: AbortSignal, error: () => unknown): void {
    const stop = (): void => this.#stop(error());
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    this.#cancels.push(() => signal.removeEventListener("abort", stop));
  }

  #watchSilence(stallTimeoutMs: number, clock: Clock): void {
    const { output, name } = this.#it;
    let cancel = (): void => {};
    const look = (): void => {
      const leftMs = stallTimeoutMs - output.silentMs;
      if (leftMs <= 0) return this.#stop(stalledError(name, stallTimeoutMs));
      cancel = clock.after(Math.max(STALL_LOOK_MS, leftMs), look);
    };
    cancel = clock.after(stallTimeoutMs, look);
    this.#cancels.push(() => cancel());
  }

  #stop(error: unknown): void {
    if (this.cause !== undefined) return;
    this.cause = { error };
    this.#process?.stop();
  }
}

function problemOf(end: GuardedEnd, { name, limits, output }: ProgramToRun): unknown {
  const { memoryBytes, cpuMs } = limits;
  const { exit, cause, peakRssBytes } = end;
  switch (cause) {
    case "memory": {
      const text = `held ${peakRssBytes} bytes of memory; allowed: at most ${memoryBytes}`;
      return limitError(name, "memory", text, { memoryBytes, peakRssBytes });
    }
    case "cpu":
      return limitError(name, "cpu", `used more than ${cpuMs} ms of CPU time`, { cpuMs });
    case "guard_lost":
      return new SnakedenError(
        "guard_lost",
        `Cannot finish ${name}: the process that guards programs has died, and ended it`,
        { retryable: true },
      );
    case "processes":
      return limitError(name, "processes", "had too many processes", {});
    case "exited":
    case "stopped":
      break;
  }
  if ("code" in exit && exit.code === 0) return undefined;
  const stderrTail = output.stderrTail.join("\n");
  const how = "code" in exit ? `ended with the status ${exit.code}` : `was ended by ${exit.signal}`;
  return new SnakedenError("script_failed", `Cannot finish ${name}: it ${how}`, {
    details: {
      ...("code" in exit ? { exitCode: exit.code } : { signal: exit.signal }),
      ...(stderrTail === "" ? {} : { stderrTail }),
    },
    output: stderrTail === "" ? "" : `; last lines of stderr:\n${stderrTail}`,
  });
}

function limitError(
  name: string,
  limit: string,
  text: string,
  details: Readonly<Record<string, unknown>>,
): SnakedenError {
  return new SnakedenError("script_limit", `Cannot finish ${name}: it ${text}`, {
    details: { limit, ...details },
  });
}

function deadlineError(name: string, timeoutMs: number): SnakedenError {
  return new SnakedenError(
    "deadline_exceeded",
    `Cannot finish ${name}: it ran for longer than ${timeoutMs} ms`,
    { details: { timeoutMs } },
  );
}

function stalledError(name: string, stallTimeoutMs: number): SnakedenError {
  return new SnakedenError(
    "stalled",
    `Cannot finish ${name}: it printed nothing for ${stallTimeoutMs} ms`,
    { details: { stallTimeoutMs } },
  );
}
