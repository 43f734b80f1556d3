import { type Clock, Condition, settlesWithin, SYSTEM_CLOCK } from "../../async/mod.ts";
import type { JobsConfig } from "../../config/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { Blobs, Claim, HeldBlob, JobStore } from "../../store/mod.ts";
import type { JobFeed } from "../job_feed.ts";
import type { Runners, RunResult } from "../runners/mod.ts";
import { Finisher } from "./finisher.ts";
import { JobRun, type JobRunDeps } from "./job_run.ts";
import { LeaseKeeper } from "./lease_keeper.ts";
import { outcomeOfFailure, type RunOutcome } from "./outcome.ts";
import { type JobPool, PoolScheduler } from "./pool_scheduler.ts";
import { ResultBlobs } from "./result_blobs.ts";
import { abandonDead, otherHolders } from "./recovery.ts";
import { Sweeper } from "./sweeper.ts";

/** Dependencies of a {@link JobEngine}. */
export interface JobEngineDeps {
  readonly store: JobStore;
  readonly blobs: Blobs;
  /** False to keep blobs that nothing names, such as those of a database that was set aside. */
  readonly scansBlobs?: boolean;
  /** Names this host among those who run jobs of the store; another one at each start. */
  readonly holder: string;
  readonly pools: Iterable<JobPool>;
  readonly runners: Runners;
  readonly feed: JobFeed;
  readonly config: Pick<
    JobsConfig,
    "leaseMs" | "retry" | "maxChunks" | "maxChunkBytes" | "maxLogBytes" | "maxLogLineChars"
  >;
  /** The time that running jobs have to finish when the engine is disposed. Default none. */
  readonly drainMs?: number;
  /**
   * Resolves when nothing runs any more of the other holders, all of whom must be dead. Their jobs
   * are taken back then; if it is omitted, when their leases have ended.
   */
  readonly othersEnded?: Promise<unknown>;
  readonly clock?: Clock;
}

/**
 * The time after a start that follows the death of a host in which no job is claimed ahead. A host
 * that dies again and again would else cost jobs their attempts that have never begun.
 */
const CAUTION_MS = 10_000;
/** The age at which a blob without a name is removed; a younger one may be about to get it. */
const ORPHAN_AGE_MS = 3_600_000;
/** The longest wait for work that was stopped. Its workers are killed much sooner. */
const STOP_MS = 60_000;
/** The longest wait for a store that cannot be written, when the engine is disposed. */
const FLUSH_MS = 5_000;

/**
 * Runs the jobs of a store: claims them for the workers of its pools, keeps the claims while they
 * run, and writes how they end.
 *
 * `open` -> `closing` by {@link JobEngine.close}: no further job begins, and those that run go on.
 * `closing` -> `closed` when it is disposed: what still runs after the drain is stopped, and goes
 * back to the store, which costs no attempt.
 */
export class JobEngine implements AsyncDisposable {
  readonly #deps: JobEngineDeps;
  readonly #clock: Clock;
  readonly #runs = new Set<JobRun>();
  readonly #byId = new Map<string, JobRun>();
  /** The jobs that were started, and whose ends were not handed on. */
  #running = 0;
  readonly #ended = new Condition();
  readonly #schedulers = new Map<JobPool, PoolScheduler>();
  readonly #runDeps: JobRunDeps;
  readonly #finisher: Finisher;
  readonly #keeper: LeaseKeeper;
  readonly #sweeper: Sweeper;
  readonly #blobs: ResultBlobs;
  readonly #scan = new AbortController();
  /** The schedulers of removed pools whose last claims have not ended. */
  readonly #closing = new Set<Promise<void>>();
  /** Set once the schedulers have begun to claim. */
  #carefulMs: number | undefined;
  #closed: Promise<unknown> | undefined;
  #disposed: Promise<void> | undefined;
  #begun: Promise<void> | undefined;

  private constructor(deps: JobEngineDeps) {
    this.#deps = deps;
    const { store, feed, clock = SYSTEM_CLOCK, config: { leaseMs } } = deps;
    this.#clock = clock;
    const blobs = this.#blobs = new ResultBlobs({ store, blobs: deps.blobs });
    this.#finisher = new Finisher({ store, blobs, feed, clock });
    this.#keeper = new LeaseKeeper({ store, runs: this.#runs, leaseMs, clock });
    this.#sweeper = new Sweeper({
      store,
      blobs,
      feed,
      clock,
      onWake: () => this.#keeper.catchUp(),
    });
    const { maxChunks, maxChunkBytes, maxLogBytes, maxLogLineChars } = deps.config;
    this.#runDeps = {
      feed,
      keepsChunks: maxChunks > 0 && maxChunkBytes > 0,
      log: { maxBytes: maxLogBytes, maxLineChars: maxLogLineChars },
      onOutput: (it) => this.#keeper.gathered(it),
    };
    for (const pool of deps.pools) this.#schedulers.set(pool, this.#schedulerOf(pool));
  }

  #schedulerOf(pool: JobPool): PoolScheduler {
    const { store, holder, config: { leaseMs } } = this.#deps;
    const scheduler: PoolScheduler = new PoolScheduler({
      pool,
      store,
      holder,
      leaseMs,
      clock: this.#clock,
      admit: (claim, options) => this.#admit(claim, options),
      start: (run) => void this.#start(run, scheduler),
    });
    return scheduler;
  }

  /** Begins to run the jobs of the store. */
  static open(deps: JobEngineDeps): JobEngine {
    const engine = new JobEngine(deps);
    engine.#begun = engine.#begin();
    return engine;
  }

  /** Begins to run the jobs of a pool that was added. */
  addPool(pool: JobPool): void {
    if (this.#closed !== undefined || this.#schedulers.has(pool)) return;
    const scheduler = this.#schedulerOf(pool);
    this.#schedulers.set(pool, scheduler);
    if (this.#carefulMs !== undefined) scheduler.start({ carefulMs: this.#carefulMs });
  }

  /**
   * Begins no further job in a pool, and gives back those that have not begun: they wait for a pool
   * of this name. Those that run go on.
   */
  async removePool(pool: JobPool): Promise<void> {
    const scheduler = this.#schedulers.get(pool);
    if (scheduler === undefined) return;
    this.#schedulers.delete(pool);
    const closing = scheduler.close();
    this.#closing.add(closing);
    scheduler.giveBack();
    await closing;
    this.#closing.delete(closing);
  }

  /** Stops those of these cancelled jobs that run here. */
  stop(ids: readonly string[]): void {
    for (const id of ids) this.#byId.get(id)?.stop("cancelled");
  }

  /** Returns the worker and the progress of a job that runs here; undefined if it does not. */
  running(id: string): { readonly worker?: string; readonly progress?: unknown } | undefined {
    return this.#byId.get(id)?.live;
  }

  /** Begins no further job, and gives back those that have not begun. */
  close(): void {
    if (this.#closed !== undefined) return;
    const closing = [...this.#schedulers.values()].map((it) => it.close());
    this.#closed = Promise.all([...closing, ...this.#closing]);
    for (const run of this.#runs) {
      if (!run.hasBegun) run.stop("given_back");
      else if (this.#deps.runners[run.job.kind]?.resumes) run.stop("closing");
    }
  }

  /** Ends the engine; everything that ran here is in the store when it resolves. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#disposed ??= this.#dispose());
  }

  async #begin(): Promise<void> {
    const { signal } = this.#scan;
    const scanning = this.#deps.scansBlobs === false
      ? undefined
      : this.#blobs.scan({ ageMs: ORPHAN_AGE_MS, signal });
    await this.#beginRuns();
    await scanning;
  }

  async #beginRuns(): Promise<void> {
    const { store, holder, feed, othersEnded } = this.#deps;
    this.#sweeper.start();
    const dead = othersEnded === undefined ? [] : await otherHolders(store, holder);
    if (this.#closed !== undefined) return;
    const carefulMs = this.#carefulMs = dead.length === 0 ? 0 : CAUTION_MS;
    for (const scheduler of this.#schedulers.values()) scheduler.start({ carefulMs });
    await othersEnded;
    await abandonDead(dead, { store, feed });
  }

  async #dispose(): Promise<void> {
    this.close();
    this.#scan.abort();
    await this.#closed;
    await settlesWithin(this.#allEnded(), this.#deps.drainMs ?? 0);
    for (const run of this.#runs) run.stop("closing");
    await settlesWithin(this.#allEnded(), STOP_MS);
    await settlesWithin(this.#finisher.flushed(), FLUSH_MS);
    this.#finisher[Symbol.dispose]();
    this.#keeper[Symbol.dispose]();
    await this.#sweeper[Symbol.asyncDispose]();
    await this.#begun;
  }

  async #allEnded(): Promise<void> {
    await this.#ended.until(() => this.#running === 0);
  }

  #admit(claim: Claim, { mayWait }: { readonly mayWait: boolean }): JobRun {
    const { feed, runners, config: { leaseMs } } = this.#deps;
    const { job } = claim;
    const run = new JobRun(claim, {
      now: this.#clock.now(),
      leaseMs,
      mayWait: mayWait || (runners[job.kind]?.mayWait?.(job) ?? false),
      deps: this.#runDeps,
    });
    this.#runs.add(run);
    this.#byId.set(job.id, run);
    this.#keeper.watch();
    if (feed.hasListeners(job.id)) feed.emit(job.id, { type: "state", state: "running" });
    return run;
  }

  /** Runs a job to its end. Never rejects. */
  async #start(run: JobRun, scheduler: PoolScheduler): Promise<void> {
    this.#running++;
    let ended: RunOutcome & { readonly runMs: number };
    let blob: HeldBlob | undefined;
    try {
      const { result, runMs = this.#age(run) } = await this.#run(run);
      if (result instanceof Uint8Array && this.#blobs.isLong(result)) {
        blob = await this.#blobs.write(result);
      }
      ended = { outcome: { type: "completed", result: blob ?? result }, runMs };
    } catch (error) {
      const { config: { retry } } = this.#deps;
      const isClosing = this.#closed !== undefined;
      ended = { ...outcomeOfFailure(run, error, { retry, isClosing }), runMs: this.#age(run) };
    }
    run.close(ended.outcome);
    // The chunks and lines before the end must be written before it.
    while (run.writing !== undefined && run.cause !== "lost") {
      if (!await settlesWithin(run.writing, run.leaseUntil - this.#clock.now())) break;
    }
    this.#runs.delete(run);
    if (this.#byId.get(run.job.id) === run) this.#byId.delete(run.job.id);
    const { outcome, exit, runMs, wasRefused = false } = ended;
    if (run.cause !== "lost") this.#finisher.add(run, run.end(outcome, exit), blob);
    else if (blob !== undefined) await this.#blobs.drop(blob);
    scheduler.ended(run, { runMs, wasRefused });
    this.#running--;
    if (this.#running === 0) this.#ended.notify();
  }

  #run(run: JobRun): Promise<RunResult> {
    // Claimed while the engine was closed.
    if (this.#closed !== undefined) run.stop("given_back");
    if (run.cause !== undefined) throw run.stopSignal.reason;
    const runner = this.#deps.runners[run.job.kind];
    if (runner === undefined) throw unknownKind(run);
    return runner.run(run);
  }

  #age({ claimedAt }: JobRun): number {
    return this.#clock.now() - claimedAt;
  }
}

function unknownKind({ job: { id, kind } }: JobRun): SnakedenError {
  return new SnakedenError(
    "not_implemented",
    `Cannot run the job ${id}: this host knows no jobs of the kind ${kind}`,
  );
}
