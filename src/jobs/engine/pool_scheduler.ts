import { Backoff, type Clock, delay, nextTurn } from "../../async/mod.ts";
import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { PoolRoom } from "../../pool/mod.ts";
import type { Claim, JobStore } from "../../store/mod.ts";
import { ClaimWindow } from "./claim_window.ts";
import type { JobRun } from "./job_run.ts";

/** A pool, as its scheduler sees it. */
export interface JobPool {
  readonly name: string;
  readonly state: string;
  readonly queued: number;
  readonly queueLimit: number;
  /** True while it sends no calls to its workers. Default false. */
  readonly isPaused?: boolean;
  readonly room: PoolRoom;
}

/** Dependencies of a {@link PoolScheduler}. */
export interface PoolSchedulerDeps {
  readonly pool: JobPool;
  readonly store: Pick<JobStore, "claim">;
  readonly holder: string;
  readonly leaseMs: number;
  readonly clock: Clock;
  /** Takes a job in, so that it can be stopped and its claim is kept. */
  readonly admit: (claim: Claim, options: { readonly mayWait: boolean }) => JobRun;
  /** Starts a job that was taken in. */
  readonly start: (run: JobRun) => void;
}

/** The end of a run, as the scheduler sees it. */
export interface RunEnd {
  readonly runMs: number;
  /** True if the pool has refused it, so that it takes no other one either. */
  readonly wasRefused: boolean;
}

/** The longest wait of one claim. */
const CLAIM_WAIT_MS = 30_000;
/**
 * The time after which a job that no worker has begun is given back, if no other one has ended in
 * this time either. While the queue moves, it may wait for longer.
 */
const OVERDUE_MS = 100;
const OVERDUE_IN_MOTION_MS = 1_000;
/**
 * The time after which a pool whose workers are always busy with calls is given a job all the same,
 * which waits like a call.
 */
const STARVED_MS = 1_000;
/** The jobs that are started in one turn of the event loop. */
const STARTS_PER_TURN = 100;
const STORE_BACKOFF = { baseMs: 100, capMs: 5_000 };
const POOL_BACKOFF = { baseMs: 50, capMs: 1_000 };

/**
 * Claims jobs for the workers of one pool, also those that may be started, and starts them. There
 * is one claim at a time; how many jobs it asks for is decided by the {@link ClaimWindow}. What was
 * claimed ahead, and has not begun soon, is given back, so that a short job never waits behind a
 * long one while others could run it.
 *
 * `claiming` -> `waiting` while the pool has no room; `waiting` -> `claiming` when a worker becomes
 * idle or a job ends. `closed` by {@link PoolScheduler.close}.
 */
export class PoolScheduler {
  readonly #deps: PoolSchedulerDeps;
  readonly #window = new ClaimWindow();
  readonly #runs = new Set<JobRun>();
  /** Ends the claim that waits. */
  #waiting = new AbortController();
  readonly #closing = new AbortController();
  readonly #storeBackoff = new Backoff(STORE_BACKOFF);
  readonly #poolBackoff = new Backoff(POOL_BACKOFF);
  #wake: (() => void) | undefined;
  #pausedUntil = 0;
  /** The time at which the last job ended that a worker had begun. */
  #movedAt = -Infinity;
  #carefulUntil = -Infinity;
  #isStarved = false;
  #cancelCheck: (() => void) | undefined;
  #loop: Promise<void> | undefined;

  constructor(deps: PoolSchedulerDeps) {
    this.#deps = deps;
  }

  /** Begins to claim; for `carefulMs` nothing ahead. */
  start({ carefulMs = 0 }: { readonly carefulMs?: number } = {}): void {
    const { pool, clock } = this.#deps;
    this.#carefulUntil = clock.now() + carefulMs;
    pool.room.onIdle = this.#wakeUp;
    this.#loop = this.#claimJobs();
  }

  /** Ends a run, which makes room. */
  ended(run: JobRun, { runMs, wasRefused }: RunEnd): void {
    this.#runs.delete(run);
    if (wasRefused) {
      const now = this.#deps.clock.now();
      // Those that were refused together count once.
      if (now >= this.#pausedUntil) this.#pausedUntil = now + this.#poolBackoff.failed();
      this.#window.missed();
      // It would take at once what was refused.
      this.#waiting.abort(new DOMException("The pool has no room", "AbortError"));
      this.#waiting = new AbortController();
    } else if (run.hasBegun) {
      this.#poolBackoff.reset();
      this.#movedAt = this.#deps.clock.now();
      this.#window.ran(runMs);
    }
    this.#wakeUp();
  }

  /** Gives back the jobs that no worker has begun. */
  giveBack(): void {
    for (const run of [...this.#runs]) if (!run.hasBegun) run.stop("given_back");
  }

  /** Stops to claim; resolves when the last claim has ended. */
  async close(): Promise<void> {
    this.#deps.pool.room.onIdle = undefined;
    const reason = new DOMException("The host stops", "AbortError");
    this.#closing.abort(reason);
    this.#waiting.abort(reason);
    this.#wake?.();
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
    await this.#loop;
  }

  async #claimJobs(): Promise<void> {
    const { signal } = this.#closing;
    const { clock } = this.#deps;
    while (!signal.aborted) {
      const pauseMs = this.#pausedUntil - clock.now();
      if (pauseMs > 0) {
        await delay(pauseMs, signal, { clock });
        continue;
      }
      const slots = this.#slots();
      if (slots > 0) await this.#claim(slots);
      else await this.#whenRoom();
    }
  }

  async #claim(slots: number): Promise<void> {
    const { pool, store, holder, leaseMs, clock, admit } = this.#deps;
    const { signal } = this.#waiting;
    const isStarved = this.#isStarved;
    this.#isStarved = false;
    const askedAt = clock.now();
    let claims: readonly Claim[];
    try {
      claims = await store.claim({
        pools: [{ pool: pool.name, slots }],
        holder,
        leaseMs,
        waitMs: CLAIM_WAIT_MS,
        signal,
      });
    } catch (error) {
      if (!signal.aborted) await this.#failed(error);
      return;
    }
    this.#storeBackoff.reset();
    // A claim that is filled has probably not waited for jobs.
    if (claims.length === slots && slots > 1) this.#window.answered(clock.now() - askedAt);
    // A worker that is to be started takes longer than a job may wait for one that is there.
    const mayWait = isStarved || pool.room.startable > 0;
    const runs = claims.map((claim) => {
      this.#window.claimed(claim.args.byteLength);
      return admit(claim, { mayWait });
    });
    for (const run of runs) this.#runs.add(run);
    // The store had answered before the claim was ended.
    if (this.#closing.signal.aborted) this.giveBack();
    this.#checkLater();
    await this.#startAll(runs);
  }

  /** Starts jobs in their order. One that was stopped meanwhile ends then. */
  async #startAll(runs: readonly JobRun[]): Promise<void> {
    for (let i = 0; i < runs.length; i += STARTS_PER_TURN) {
      if (i > 0) await nextTurn();
      for (const run of runs.slice(i, i + STARTS_PER_TURN)) this.#deps.start(run);
    }
  }

  /** The number of jobs to claim now. */
  #slots(): number {
    const { pool, clock } = this.#deps;
    const inFlight = this.#runs.size;
    const queueRoom = pool.queueLimit - pool.queued;
    if (pool.state !== "ready" || pool.isPaused) return 0;
    const { idle, startable, capacity } = pool.room;
    const mayRunAhead = clock.now() >= this.#carefulUntil;
    const free = idle + startable;
    const slots = this.#window.slots({ free, capacity, queueRoom, inFlight, mayRunAhead });
    if (slots > 0 || !this.#isStarved) return slots;
    // One that has no worker asks for one so.
    return inFlight < Math.max(1, capacity) && queueRoom > 0 ? 1 : 0;
  }

  readonly #wakeUp = (): void => {
    if (this.#wake !== undefined && this.#slots() > 0) this.#wake();
  };

  /** Resolves when there is room, or after a while. */
  async #whenRoom(): Promise<void> {
    const { clock } = this.#deps;
    this.#isStarved = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(STARVED_MS, () => {
      this.#isStarved = true;
      resolve();
    });
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
    cancel();
  }

  /** Looks soon for jobs that no worker has begun, if there are any. */
  #checkLater(): void {
    if (this.#cancelCheck !== undefined || this.#closing.signal.aborted) return;
    if (!this.#runs.values().some(isUnbegun)) return;
    this.#cancelCheck = this.#deps.clock.after(OVERDUE_MS, () => {
      this.#cancelCheck = undefined;
      this.#giveBackOverdue();
      this.#checkLater();
    });
  }

  #giveBackOverdue(): void {
    const now = this.#deps.clock.now();
    const isMoving = now - this.#movedAt < OVERDUE_MS;
    const since = now - (isMoving ? OVERDUE_IN_MOTION_MS : OVERDUE_MS);
    const overdue = [...this.#runs].filter((it) => isUnbegun(it) && it.claimedAt <= since);
    if (overdue.length > 0) this.#window.missed();
    for (const run of overdue) run.stop("given_back");
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#storeBackoff.failures === 0) {
      getLogger("jobs").warn("cannot claim jobs for the pool {pool}; trying again: {problem}", {
        pool: this.#deps.pool.name,
        problem: messageOf(error),
      });
    }
    const { clock } = this.#deps;
    await delay(this.#storeBackoff.failed(), this.#closing.signal, { clock });
  }
}

function isUnbegun({ hasBegun, mayWait, cause }: JobRun): boolean {
  return !hasBegun && !mayWait && cause === undefined;
}
