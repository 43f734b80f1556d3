import { messageOf } from "../../errors.ts";
import { settlesWithin } from "../../async/mod.ts";
import type { Logger } from "../../log.ts";
import { ManagedProcess } from "../managed_process.ts";
import { GuardLaunchError } from "./launch.ts";

const START_MS = 20_000;
const STOP_MS = 5_000;

/** The way to start the guard. */
export interface GuardProgramSpec {
  /** A Python 3.10 or later, by its real path. */
  readonly python: string;
  /** The path of guard.py. */
  readonly program: string;
  readonly socketPath: string;
  readonly env: Readonly<Record<string, string>>;
  readonly log: Logger;
}

/** The Python process of a guard. Its stdin stays open as long as the host lives. */
export class GuardProgram {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  readonly #process: ManagedProcess;

  private constructor(process: ManagedProcess) {
    this.#process = process;
    this.pid = process.pid;
    this.exited = process.exited;
  }

  /**
   * Starts it. Resolves when it listens.
   *
   * @throws {GuardLaunchError} If it does not.
   */
  static async start(
    { python, program, socketPath, env, log }: GuardProgramSpec,
  ): Promise<GuardProgram> {
    const ready = Promise.withResolvers<void>();
    const lastLines: string[] = [];
    let process: ManagedProcess;
    try {
      process = ManagedProcess.spawn({
        command: python,
        // -I and -S keep out whatever the user has installed, and start in half the time.
        args: ["-I", "-S", "-X", "utf8", program, socketPath],
        env,
        cwd: "/",
        onLine: (line, from) => {
          if (from === "stdout" && line.startsWith("ready")) return ready.resolve();
          lastLines.push(line);
          if (lastLines.length > 5) lastLines.shift();
          log.warning("guard: {line}", { line });
        },
      });
    } catch (error) {
      throw startError(messageOf(error), error);
    }
    const answered = Promise.race([
      ready.promise.then(() => true),
      process.exited.then(() => false),
    ]);
    if (!await settlesWithin(answered, START_MS) || !await answered) {
      await process.kill();
      throw startError(`it did not listen; last output: ${lastLines.join(" | ") || "none"}`);
    }
    return new GuardProgram(process);
  }

  /** Continues it, should it be stopped. */
  wake(): void {
    this.#process.signal("SIGCONT");
  }

  /** Ends it. Wardens that still run kill their jobs. */
  async stop(): Promise<void> {
    await this.#process.terminate(STOP_MS);
  }

  /** Kills it. Wardens that still run kill their jobs. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }
}

function startError(reason: string, cause?: unknown): GuardLaunchError {
  return new GuardLaunchError(`Cannot start the guard of script jobs: ${reason}`, {
    step: "guard",
    code: "guard_failed",
    cause,
  });
}
