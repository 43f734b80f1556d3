import { join } from "node:path";
import { delay, settlesWithin } from "../../../async/mod.ts";
import {
  type BridgeServer,
  type CarrierKind,
  type Link,
  Slab,
  type WelcomeInit,
} from "../../../bridge/mod.ts";
import { messageOf, SnakedenError, type WorkerExit } from "../../../errors.ts";
import { isRecord } from "../../../json/mod.ts";
import { getLogger } from "../../../log.ts";
import { WORKER_ENV } from "../../../process/mod.ts";
import { withModuleCure } from "../../calls/mod.ts";
import { classifyCrash, type Crash, describeExit, describeOutput } from "../../crashes/mod.ts";
import { ProgressFile } from "../progress_file.ts";
import type { WorkerProcess, WorkerProcessSpec } from "../worker_process.ts";
import { WorkerStartError } from "../worker_start_error.ts";
import { deviceEnv } from "./device_env.ts";
import type {
  LaunchedWorker,
  Launcher,
  LauncherName,
  LaunchSpec,
  WorkerRegistry,
} from "./launcher.ts";

/** Options that all workers of one pool share. */
export interface LaunchOptions {
  readonly bridge: BridgeServer;
  /** The record of the workers; without it they are not recorded. */
  readonly registry?: WorkerRegistry;
  /** The carrier of their links. */
  readonly carrier: CarrierKind;
  readonly welcome: WelcomeInit;
  /** The folder of the files that a worker and the host share. */
  readonly runDirectory: string;
  /**
   * The memory for large buffers, `bytes` in each direction; none if it is absent or 0. Buffers of
   * less than `minBytes` travel in frames.
   */
  readonly sharedMemory?: { readonly bytes: number; readonly minBytes: number };
  /** The time from the spawn until the worker must be ready. */
  readonly startTimeoutMs: number;
  /** The cure for a module that an adapter misses, for the text of the error. */
  readonly moduleCure?: string;
}

/** A process that was started for a worker, and the launcher that it really came from. */
export interface StartedProcess {
  readonly process: WorkerProcess;
  readonly launcher: LauncherName;
}

/** The process of one worker to start. */
export interface WorkerProcessInit extends WorkerProcessSpec {
  /** The incarnation of the worker, which names its files. */
  readonly incarnation: string;
  /** The environment, in addition to what all workers of the pool have. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts the processes of workers. */
export interface ProcessSource {
  /**
   * Resolves when the process runs. If it rejects, it leaves none.
   *
   * @throws The reason why there is none, or the reason of `signal`.
   */
  start(init: WorkerProcessInit, signal: AbortSignal): Promise<StartedProcess>;
}

/**
 * The steps of a launch that all launchers share: the files and the memory that worker and host
 * share, the records, the link, and what is said if the worker does not become ready.
 */
export class LaunchSteps implements Launcher {
  readonly #log = getLogger("pool");
  readonly #options: LaunchOptions;
  readonly #source: ProcessSource;

  constructor(options: LaunchOptions, source: ProcessSource) {
    this.#options = options;
    this.#source = source;
  }

  async launch(spec: LaunchSpec, signal: AbortSignal): Promise<LaunchedWorker> {
    signal.throwIfAborted();
    const [file] = await Promise.all([
      this.#makeProgressFile(spec),
      this.#options.registry?.reserve(spec),
    ]);
    using resources = new DisposableStack();
    resources.use(file);
    try {
      const launched = await this.#launch(spec, file?.path, signal);
      const { notesProgress, notesItems } = launched.ready;
      if (file === undefined || !(notesProgress || notesItems)) return launched;
      resources.move();
      return { ...launched, progress: notesProgress ? file : undefined, record: file };
    } catch (error) {
      // No process was spawned whose end would release it.
      this.#options.registry?.release(spec.incarnation);
      throw error;
    } finally {
      // Both sides have it open by now, or the worker is gone.
      await file?.remove();
    }
  }

  async #launch(
    spec: LaunchSpec,
    progressPath = "",
    signal: AbortSignal,
  ): Promise<LaunchedWorker> {
    signal.throwIfAborted();
    using resources = new DisposableStack();
    const slab = resources.use(this.#makeSlab(spec));
    const { minBytes = 1 } = this.#options.sharedMemory ?? {};
    const token = crypto.randomUUID();
    const failed = new AbortController();
    const scope = AbortSignal.any([signal, failed.signal]);
    const invited = this.#options.bridge.invite({
      workerId: spec.workerId,
      token,
      events: spec.events,
      signal: scope,
    });
    // The loser of the race below must not become an unhandled rejection.
    invited.catch(() => {});
    let process: WorkerProcess | undefined;
    let link: Link | undefined;
    let stage = "it has not said hello";
    try {
      const started = await this.#start(spec, token, signal);
      process = started.process;
      const hint = started.launcher === "prefork" ? FORK_HINT : "";
      const ended = this.#failWhenItEnds(process, () => `${stage}${hint}`, scope);
      ended.catch(() => {});
      link = await Promise.race([invited, ended]);
      stage = "its adapter is still being loaded, or setup() still runs";
      const welcome = {
        ...this.#options.welcome,
        callPrefix: spec.callPrefix ?? "",
        progressPath,
        ...(slab === undefined ? {} : { sharedMemory: offerOf(slab, minBytes) }),
      };
      const ready = await Promise.race([link.welcome(welcome), ended]);
      if (slab !== undefined && ready.mapsSharedMemory) {
        slab.unlink();
        resources.move();
        link.share(slab, minBytes);
      }
      return { link, ready, process, launcher: started.launcher };
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

  /**
   * Creates the file, or logs a warning and returns undefined: without it a worker is slower, but
   * still serves.
   */
  async #makeProgressFile(
    { workerId, incarnation }: LaunchSpec,
  ): Promise<ProgressFile | undefined> {
    const path = join(this.#options.runDirectory, `${incarnation}.progress`);
    try {
      return await ProgressFile.create(path, this.#options.welcome.capacity ?? 1);
    } catch (error) {
      this.#log.warn("no calls are sent ahead to {workerId}: cannot create {path}: {problem}", {
        workerId,
        path,
        problem: messageOf(error),
      });
      return undefined;
    }
  }

  /**
   * Creates the shared memory, or logs a warning and returns undefined: without it a worker still
   * serves.
   */
  #makeSlab({ workerId, incarnation }: LaunchSpec): Slab | undefined {
    const { carrier, runDirectory, sharedMemory } = this.#options;
    // Workers on other machines will connect over gRPC, and cannot share memory.
    if (carrier !== "socket" || sharedMemory === undefined || sharedMemory.bytes === 0) return;
    try {
      return Slab.create(runDirectory, incarnation, sharedMemory.bytes);
    } catch (error) {
      this.#log.warn("{workerId} has no shared memory: cannot create it: {problem}", {
        workerId,
        problem: messageOf(error),
      });
      return undefined;
    }
  }

  async #start(spec: LaunchSpec, token: string, signal: AbortSignal): Promise<StartedProcess> {
    const { bridge, carrier, registry } = this.#options;
    const nonce = crypto.randomUUID().slice(0, 8);
    const started = await this.#source.start({
      incarnation: spec.incarnation,
      // Passed in the environment, since tools see the command line in `sys.argv`.
      env: {
        ...deviceEnv(spec.place),
        [WORKER_ENV.address]: bridge.address(carrier),
        [WORKER_ENV.token]: token,
        [WORKER_ENV.workerId]: spec.workerId,
        [WORKER_ENV.incarnation]: spec.incarnation,
        [WORKER_ENV.outputMark]: nonce,
      },
      nonce,
      onLine: spec.onLine,
      ...(spec.onOutputEnd !== undefined && { onOutputEnd: spec.onOutputEnd }),
      ...(spec.room !== undefined && { room: spec.room }),
    }, signal);
    const { process } = started;
    registry?.activate(spec.incarnation, process.pid);
    void process.exited.then(() => registry?.release(spec.incarnation));
    return started;
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
    if (exit !== undefined) throw endedEarly(exit, process.ownStatus);
    throw new SnakedenError(
      "worker_start_failed",
      `after ${startTimeoutMs} ms ${stage()}`,
      {
        details: { startTimeoutMs, lastOutput: process.lastOutput },
        output: `; ${describeOutput(process.lastOutput)}`,
      },
    );
  }

  /**
   * Returns the first cause with the id of the worker and, if only the link broke, with how the
   * process ended.
   */
  async #explain(
    error: unknown,
    { workerId }: LaunchSpec,
    process: WorkerProcess | undefined,
  ): Promise<SnakedenError> {
    let known = error instanceof SnakedenError ? error : undefined;
    const hasLostLink = known?.code === "worker_crashed";
    let crash: Crash | undefined;
    if (
      process !== undefined && await settlesWithin(process.exited, hasLostLink ? EXIT_GRACE_MS : 0)
    ) {
      const exit = await process.exited;
      crash = classifyCrash(exit, process.ownStatus);
      if (hasLostLink) known = endedEarly(exit, process.ownStatus);
    }
    const summary = known?.summary ?? messageOf(error);
    const cured = withModuleCure(summary, known && pythonOf(known), this.#options.moduleCure);
    return new WorkerStartError(
      known?.code === "protocol_mismatch" ? "protocol_mismatch" : "worker_start_failed",
      `Cannot start worker ${workerId}: ${cured}`,
      {
        details: { lastOutput: process?.lastOutput ?? [], ...known?.details },
        cause: error,
        output: known?.message.slice(known.summary.length) ?? "",
        crash,
      },
    );
  }
}

function offerOf({ paths, bytes }: Slab, minBytes: number): WelcomeInit["sharedMemory"] & object {
  return { toWorkerPath: paths.toWorker, toHostPath: paths.toHost, bytes, minBytes };
}

const FORK_HINT =
  ". It was forked: a lock that a preloaded module held at the end of its import, or " +
  'a thread that it waits for, is dead in a fork; launcher "spawn" shows whether that is the cause';
/** The time that a process may take to end after its link broke. */
const EXIT_GRACE_MS = 200;

function pythonOf({ details }: SnakedenError): { type: string; message: string } | undefined {
  const { python } = details;
  if (!isRecord(python)) return undefined;
  return { type: String(python.type), message: String(python.message) };
}

function endedEarly(exit: WorkerExit, ownStatus: number | undefined): SnakedenError {
  return new SnakedenError(
    "worker_start_failed",
    `it ended with ${describeExit(exit, ownStatus)} before it was ready`,
    { details: { ...exit }, output: `; ${describeOutput(exit.lastOutput)}` },
  );
}
