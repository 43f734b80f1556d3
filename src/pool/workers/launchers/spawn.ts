import { messageOf, SnakedenError } from "../../../errors.ts";
import { WorkerProcess } from "../worker_process.ts";
import {
  type LaunchOptions,
  LaunchSteps,
  type ProcessSource,
  type StartedProcess,
  type WorkerProcessInit,
} from "./launch_steps.ts";
import type { LaunchedWorker, Launcher, LaunchSpec } from "./launcher.ts";

/** The program of a worker. */
export interface WorkerProgram {
  /** The program and its arguments. */
  readonly command: readonly [program: string, ...args: string[]];
  /** The whole environment, except what the launcher adds for one worker. */
  readonly env: Readonly<Record<string, string>>;
}

/** Options that all workers of one pool share. */
export interface SpawnOptions extends LaunchOptions, WorkerProgram {}

/** Starts a fresh interpreter for each worker. */
export class SpawnLauncher implements Launcher {
  readonly #steps: LaunchSteps;

  constructor(options: SpawnOptions) {
    this.#steps = new LaunchSteps(options, new SpawnedProcesses(options));
  }

  async launch(spec: LaunchSpec, signal: AbortSignal): Promise<LaunchedWorker> {
    return await this.#steps.launch(spec, signal);
  }
}

/** Processes that each have a fresh interpreter. */
export class SpawnedProcesses implements ProcessSource {
  readonly #program: WorkerProgram;

  constructor(program: WorkerProgram) {
    this.#program = program;
  }

  /** @throws {SnakedenError} `worker_start_failed` if the program cannot be run. */
  // deno-lint-ignore require-await -- it rejects rather than throws
  async start(
    { env, ...listeners }: WorkerProcessInit,
    signal: AbortSignal,
  ): Promise<StartedProcess> {
    signal.throwIfAborted();
    const { command: [command, ...args], env: shared } = this.#program;
    try {
      const process = WorkerProcess.spawn({
        ...listeners,
        command,
        args,
        env: { ...shared, ...env },
      });
      return { process, launcher: "spawn" };
    } catch (error) {
      throw new SnakedenError(
        "worker_start_failed",
        `${command} cannot be run: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
}
