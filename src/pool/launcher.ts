import type { BridgeServer, Link, LinkEvents, Ready, WelcomeInit } from "../bridge/mod.ts";
import { messageOf, SnakedenError, type WorkerExit } from "../errors.ts";
import { delay, settlesWithin } from "./bounded_wait.ts";
import {
  describeExit,
  describeOutput,
  type ProcessHandle,
  WorkerProcess,
} from "./worker_process.ts";

/** What a worker is to be. */
export interface LaunchSpec {
  /** Such as `default-3`; stays the same when the worker is replaced. */
  readonly workerId: string;
  /** One life of that worker; never used again. */
  readonly incarnation: string;
  readonly events: LinkEvents;
  readonly onLine: (line: string, from: "stdout" | "stderr") => void;
}

/** A worker that serves. */
export interface LaunchedWorker {
  readonly link: Link;
  readonly ready: Ready;
  readonly process: ProcessHandle;
}

/** Starts workers; a pool knows no other way to get one. */
export interface Launcher {
  /**
   * Resolves when the worker is ready for calls. Whatever it started is gone when it rejects.
   *
   * @throws {SnakedenError} `worker_start_failed` with what was seen, or the reason of `signal`.
   */
  launch(spec: LaunchSpec, signal: AbortSignal): Promise<LaunchedWorker>;
}

/** What all workers of one pool have in common. */
export interface SpawnOptions {
  readonly bridge: BridgeServer;
  /** The Python interpreter. */
  readonly executable: string;
  /** The whole environment, except what the launcher adds for one worker. */
  readonly env: Readonly<Record<string, string>>;
  readonly welcome: WelcomeInit;
  /** From the spawn until the worker is ready. */
  readonly startTimeoutMs: number;
}

/** Starts a fresh interpreter for each worker. */
export class SpawnLauncher implements Launcher {
  readonly #options: SpawnOptions;

  constructor(options: SpawnOptions) {
    this.#options = options;
  }

  async launch(spec: LaunchSpec, signal: AbortSignal): Promise<LaunchedWorker> {
    signal.throwIfAborted();
    const token = crypto.randomUUID();
    const failed = new AbortController();
    const scope = AbortSignal.any([signal, failed.signal]);
    const invited = this.#options.bridge.invite({
      workerId: spec.workerId,
      token,
      events: spec.events,
      signal: scope,
    });
    // Whoever loses the race below must not become an unhandled rejection.
    invited.catch(() => {});
    let process: WorkerProcess | undefined;
    let link: Link | undefined;
    let stage = "it has not said hello";
    try {
      process = this.#spawn(spec, token);
      const ended = this.#failWhenItEnds(process, () => stage, scope);
      ended.catch(() => {});
      link = await Promise.race([invited, ended]);
      stage = "its adapter is still being loaded, or setup() still runs";
      const ready = await Promise.race([link.welcome(this.#options.welcome), ended]);
      return { link, ready, process };
    } catch (error) {
      failed.abort(error);
      link?.close();
      signal.throwIfAborted();
      throw await this.#explain(error, spec, process);
    } finally {
      failed.abort();
      if (link === undefined || link.closedReason !== undefined) await process?.kill();
    }
  }

  #spawn(spec: LaunchSpec, token: string): WorkerProcess {
    const { bridge, executable, env } = this.#options;
    try {
      return WorkerProcess.spawn({
        command: executable,
        args: ["-m", "snakeden.worker", "--connect", bridge.address, "--worker-id", spec.workerId],
        env: {
          ...env,
          SNAKEDEN_TOKEN: token,
          SNAKEDEN_WORKER_ID: spec.workerId,
          SNAKEDEN_INCARNATION: spec.incarnation,
        },
        onLine: spec.onLine,
      });
    } catch (error) {
      throw new SnakedenError(
        "worker_start_failed",
        `${executable} cannot be run: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Rejects when the process ends or the time is up; hangs when `scope` aborts first. */
  async #failWhenItEnds(
    process: WorkerProcess,
    stage: () => string,
    scope: AbortSignal,
  ): Promise<never> {
    const { startTimeoutMs } = this.#options;
    const exit = await Promise.race([process.exited, delay(startTimeoutMs, scope)]);
    scope.throwIfAborted();
    if (exit !== undefined) throw endedEarly(exit);
    throw new SnakedenError(
      "worker_start_failed",
      `after ${startTimeoutMs} ms ${stage()}; ${describeOutput(process.lastOutput)}`,
      { details: { startTimeoutMs, lastOutput: process.lastOutput } },
    );
  }

  /** The first cause, told with the id of the worker and, when the link just broke, with how the process ended. */
  async #explain(
    error: unknown,
    { workerId }: LaunchSpec,
    process: WorkerProcess | undefined,
  ): Promise<SnakedenError> {
    let known = error instanceof SnakedenError ? error : undefined;
    if (known?.code === "worker_crashed" && process !== undefined) {
      if (await settlesWithin(process.exited, EXIT_GRACE_MS)) {
        known = endedEarly(await process.exited);
      }
    }
    return new SnakedenError(
      known?.code === "protocol_mismatch" ? "protocol_mismatch" : "worker_start_failed",
      `Cannot start worker ${workerId}: ${messageOf(known ?? error)}`,
      { details: { lastOutput: process?.lastOutput ?? [], ...known?.details }, cause: error },
    );
  }
}

/** How long a process may take to end after its link broke. */
const EXIT_GRACE_MS = 200;

function endedEarly(exit: WorkerExit): SnakedenError {
  return new SnakedenError(
    "worker_start_failed",
    `it ended with ${describeExit(exit)} before it was ready; ${describeOutput(exit.lastOutput)}`,
    { details: { ...exit } },
  );
}
