import { join } from "node:path";
import { Semaphore, settlesWithin } from "../../async/mod.ts";
import { WORKER_ENV } from "../../environment_names.ts";
import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { KIND } from "./frames.ts";
import { GuardProgram } from "./guard_program.ts";
import {
  checkLaunch,
  type GuardedLaunch,
  type GuardedProcess,
  GuardLaunchError,
} from "./launch.ts";
import { LiveProcess } from "./live_process.ts";
import { WardenConnection } from "./warden_connection.ts";

/** No longer than any other name of a socket in a run directory. */
const SOCKET_NAME = "job.sock";
/** A guard that does not start a program in this time is continued, should it be stopped. */
const NUDGE_MS = 1_000;
/** A guard that does not start a program in this time is replaced. */
const ANSWER_MS = 30_000;
/** A launch that finds the guard dead tries again, with another one. */
const MAX_ATTEMPTS = 3;
/** The errors of a connection to a guard that is dead, or dies now. */
const NOBODY_LISTENS = [
  Deno.errors.ConnectionRefused,
  Deno.errors.ConnectionReset,
  Deno.errors.NotFound,
];
/** More launches at a time wait in line. The guard serves one after the other. */
const MAX_LAUNCHES = 64;

/** The parts that a guard needs. */
export interface GuardDeps {
  /** A Python 3.10 or later, by its real path: a shim would start slowly. */
  readonly python: string;
  /** The folder that contains the package `snakeden`. */
  readonly packagePath: string;
  /** The folder of the socket, which nobody else may enter. */
  readonly runDirectory: string;
  readonly runId: string;
}

/**
 * Starts programs, and leaves no process of theirs behind, however they or this host end. Each is
 * watched by a warden, which the guard, a Python process beside this one, forks for it. If the
 * guard is killed, all programs are killed with it; the next launch starts another guard.
 */
export class Guard implements AsyncDisposable {
  readonly #log = getLogger("guard");
  readonly #deps: GuardDeps;
  readonly #launches = new Semaphore(MAX_LAUNCHES);
  readonly #running = new Set<LiveProcess>();
  #program: Promise<GuardProgram> | undefined;
  #isDisposed = false;

  private constructor(deps: GuardDeps) {
    this.#deps = deps;
  }

  /**
   * Starts the guard.
   *
   * @throws {GuardLaunchError} If it does not start.
   */
  static async start(deps: GuardDeps): Promise<Guard> {
    const guard = new Guard(deps);
    await guard.#ensureProgram();
    return guard;
  }

  /** The number of programs that run. */
  get running(): number {
    return this.#running.size;
  }

  /**
   * Starts a program. Resolves when it runs.
   *
   * @throws {InvalidInputError} If no system could start it: a relative path, or a NUL character.
   * @throws {GuardLaunchError} If the system does not start it.
   */
  async launch(launch: GuardedLaunch): Promise<GuardedProcess> {
    checkLaunch(launch);
    const id = crypto.randomUUID().replaceAll("-", "");
    const marks = { [WORKER_ENV.runId]: this.#deps.runId, [WORKER_ENV.launchId]: id };
    const marked = { ...launch, env: { ...launch.env, ...marks } };
    return await this.#launches.enter(() => this.#launch(marked));
  }

  /** Kills everything that runs, and ends the guard. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    for (const it of this.#running) it.stop(0);
    await Promise.all([...this.#running].map((it) => it.gone));
    const program = await this.#program?.catch(() => undefined);
    await program?.stop();
    await Deno.remove(this.#socketPath).catch(ignoreMissing);
  }

  get #socketPath(): string {
    return join(this.#deps.runDirectory, SOCKET_NAME);
  }

  async #launch(launch: GuardedLaunch): Promise<GuardedProcess> {
    for (let attempt = 1;; attempt++) {
      const program = await this.#ensureProgram();
      const process = await this.#connect(launch);
      try {
        if (process !== undefined) return await this.#untilStarted(process, program);
      } catch (error) {
        await process?.gone;
        // Without a word of a warden, nothing was started. Then the guard is dead, as a rule.
        if (process?.isHeard || !await settlesWithin(program.exited, NUDGE_MS)) throw error;
      }
      if (attempt === MAX_ATTEMPTS) throw lost();
      // It has just died, or should have.
      await program.kill();
    }
  }

  /** Asks the guard for the program. Returns undefined if the guard is dead. */
  async #connect(launch: GuardedLaunch): Promise<LiveProcess | undefined> {
    const conn = await this.#dial();
    if (conn === undefined) return undefined;
    const mark = `${WORKER_ENV.launchId}=${launch.env[WORKER_ENV.launchId]}`;
    const process = new LiveProcess(conn, launch, { mark, sweep: () => this.#sweep(mark) });
    this.#running.add(process);
    void process.gone.then(() => this.#running.delete(process));
    if (this.#isDisposed) process.abandon();
    return process;
  }

  /** Connects to the guard. Returns undefined if it is dead. */
  async #dial(): Promise<Deno.Conn | undefined> {
    try {
      return await Deno.connect({ transport: "unix", path: this.#socketPath });
    } catch (error) {
      if (NOBODY_LISTENS.some((it) => error instanceof it)) return undefined;
      throw lost(error);
    }
  }

  /**
   * Kills all processes with a mark, for a program that has killed its warden and perhaps the guard
   * as well. What has cleared its environment is found by the guard alone.
   */
  async #sweep(mark: string): Promise<void> {
    try {
      for (let attempt = 1; !this.#isDisposed && attempt <= MAX_ATTEMPTS; attempt++) {
        const program = await this.#ensureProgram();
        if (await this.#sweepOnce(mark)) return;
        await program.kill();
      }
    } catch (error) {
      this.#log.error("Cannot look for processes of a program whose guard was lost: {reason}", {
        reason: messageOf(error),
      });
    }
  }

  /** Returns false if the guard is dead. */
  async #sweepOnce(mark: string): Promise<boolean> {
    const conn = await this.#dial();
    if (conn === undefined) return false;
    const kinds = new Set<number>();
    const connection = new WardenConnection(conn, (kind) => kinds.add(kind));
    connection.send(KIND.sweep, new TextEncoder().encode(mark));
    await connection.ended;
    if (kinds.has(KIND.failed)) throw new Error("the guard cannot fork");
    return kinds.has(KIND.ended);
  }

  async #untilStarted(process: LiveProcess, program: GuardProgram): Promise<GuardedProcess> {
    // Somebody may have stopped it.
    if (!await settlesWithin(process.started, NUDGE_MS)) program.wake();
    if (!await settlesWithin(process.started, ANSWER_MS)) {
      this.#log.error("The guard did not start a program in {ms} ms, and is replaced", {
        ms: ANSWER_MS,
      });
      process.abandon();
      await program.kill();
    }
    await process.started;
    return process;
  }

  /** Returns the guard that runs; starts one if none does. */
  #ensureProgram(): Promise<GuardProgram> {
    if (this.#isDisposed) return Promise.reject(lost());
    this.#program ??= this.#startProgram();
    return this.#program;
  }

  async #startProgram(): Promise<GuardProgram> {
    const { python, packagePath, runId } = this.#deps;
    try {
      const program = await GuardProgram.start({
        python,
        program: join(packagePath, "snakeden", "_guard", "guard.py"),
        socketPath: this.#socketPath,
        env: { [WORKER_ENV.runId]: runId },
        log: this.#log,
      });
      void program.exited.then(() => this.#lose());
      return program;
    } catch (error) {
      this.#program = undefined;
      throw error;
    }
  }

  #lose(): void {
    this.#program = undefined;
    if (this.#isDisposed) return;
    this.#log.error(
      "The guard of script jobs has ended, and with it {count} programs; the next one starts another",
      { count: this.#running.size },
    );
  }
}

function lost(cause?: unknown): GuardLaunchError {
  const reason = cause === undefined ? "" : `: ${messageOf(cause)}`;
  const message = `Cannot start a program: the guard of script jobs is not running${reason}`;
  return new GuardLaunchError(message, {
    step: "guard",
    code: "guard_lost",
    cause,
  });
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
