import { parseConfig } from "../../../src/config/mod.ts";
import { JobEngine, type JobPool } from "../../../src/jobs/engine/mod.ts";
import { JobFeed, type JobRetry, type Run, type Runner } from "../../../src/jobs/mod.ts";
import type { RunResult } from "../../../src/jobs/runners/mod.ts";
import {
  type Blobs,
  type JobRecord,
  type JobStore,
  memoryBlobs,
  memoryJobs,
  type NewJob,
} from "../../../src/store/mod.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { until } from "../../fixtures/until.ts";

export const LEASE_MS = 15_000;
const LIMITS = { maxChunks: 100, maxChunkBytes: 1_000_000, maxLogBytes: 1_000_000 };

/** A run that a test ends. */
export interface HeldRun {
  readonly run: Run;
  readonly id: string;
  succeed(result?: Uint8Array<ArrayBuffer>): void;
  fail(error: unknown): void;
}

export type TestStore = JobStore & AsyncDisposable;

/** Options of an {@link EngineFixture}. */
export interface EngineFixtureOptions {
  readonly size?: number;
  /** The name of the pool. Default `p`. */
  readonly pool?: string;
  /** A store with jobs in it, for a second engine. */
  readonly store?: TestStore;
  /** Returns the store as the engine sees it, such as one that fails. */
  readonly seen?: (store: TestStore) => JobStore;
  /** The blobs of such a store. */
  readonly blobs?: Blobs;
  readonly scansBlobs?: boolean;
  readonly clock?: FakeClock;
  readonly holder?: string;
  readonly othersEnded?: Promise<unknown>;
}

/** An engine over a store in memory, with a pool and a runner that the test plays. */
export class EngineFixture implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly store: TestStore;
  readonly blobs: Blobs;
  readonly feed = new JobFeed();
  readonly held = new Map<string, HeldRun>();
  /** The ids of all jobs that were started, in order. */
  readonly started: string[] = [];
  readonly engine: JobEngine;
  /** The work in the pool that has not ended; a test changes `idle` for calls besides. */
  readonly pool: JobPool & { state: string; queued: number; busy: number };
  /** True if no worker begins the jobs that are started. */
  isStuck = false;
  /** The time that a job takes, as its worker reports it. */
  runMs = 50;
  /** The error with which the pool refuses all jobs. */
  refusal: Error | undefined;
  #ids = 0;

  private constructor(options: EngineFixtureOptions, store: TestStore, clock: FakeClock) {
    this.clock = clock;
    this.store = store;
    this.blobs = options.blobs ?? memoryBlobs();
    const { size = 2, holder = "here", seen = (it): JobStore => it } = options;
    const { jobs: config } = parseConfig({ jobs: { leaseMs: LEASE_MS } });
    const busy = (): number => this.pool.busy + this.held.size;
    this.pool = {
      name: options.pool ?? "p",
      state: "ready",
      queued: 0,
      queueLimit: 100,
      busy: 0,
      room: {
        onIdle: undefined,
        capacity: size,
        startable: 0,
        get idle(): number {
          return Math.max(0, size - busy());
        },
      },
    };
    this.engine = JobEngine.open({
      store: seen(store),
      blobs: this.blobs,
      holder,
      pools: [this.pool],
      runners: { call: this.#runner() },
      feed: this.feed,
      config: { ...config, retry: { minMs: 1_000, maxMs: 60_000, factor: 2, jitter: 0 } },
      clock,
      ...(options.scansBlobs === undefined ? {} : { scansBlobs: options.scansBlobs }),
      ...(options.othersEnded === undefined ? {} : { othersEnded: options.othersEnded }),
    });
  }

  static async open(options: EngineFixtureOptions = {}): Promise<EngineFixture> {
    const clock = options.clock ?? new FakeClock();
    const store = options.store ?? memoryJobs({ limits: LIMITS, clock });
    if (options.store === undefined) await store.declareQueues([{ name: "default" }]);
    return new EngineFixture(options, store, clock);
  }

  /** Submits jobs; returns their ids. */
  async submit(count = 1, job: Partial<NewJob> & { retry?: JobRetry } = {}): Promise<string[]> {
    const { retry, ...rest } = job;
    const jobs = Array.from({ length: count }, (): NewJob => ({
      id: `job-${String(++this.#ids).padStart(4, "0")}`,
      kind: "call",
      name: "work",
      queue: "default",
      pool: "p",
      priority: 0,
      maxAttempts: 3,
      tags: [],
      metadata: {},
      options: retry === undefined ? {} : { retry: { ...retry } },
      retention: { completedMs: 1e9, cancelledMs: 1e9, discardedMs: 1e9 },
      args: new Uint8Array(1),
      ...rest,
    }));
    return (await this.store.submit(jobs)).map(({ id }) => id);
  }

  /** Waits until a job runs; returns its run. */
  async running(id: string): Promise<HeldRun> {
    return await until(() => this.held.get(id), `${id} runs`);
  }

  async get(id: string): Promise<JobRecord> {
    return await until(() => this.store.get(id), `${id} exists`);
  }

  /** Waits until the store has a job in this state. */
  async reaches(id: string, state: JobRecord["state"]): Promise<JobRecord> {
    return await until(async () => {
      const job = await this.store.get(id);
      return job?.state === state && job;
    }, `${id} is ${state}`);
  }

  /** Moves the time in steps, with turns of the event loop in between. */
  async pass(ms: number, stepMs = 250): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(stepMs, left));
      await turns();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const disposed = this.engine[Symbol.asyncDispose]();
    for (const { fail } of [...this.held.values()]) fail(new Error("the test is over"));
    await disposed;
    await this.store[Symbol.asyncDispose]();
  }

  #runner(): Runner {
    return {
      kind: "call",
      prepare: () => {
        throw new TypeError("nothing is submitted here");
      },
      run: (run) => this.#hold(run),
      describe: () => ({}),
    };
  }

  async #hold(run: Run): Promise<RunResult> {
    const { id } = run.claim.job;
    if (this.refusal !== undefined) {
      this.started.push(id);
      throw this.refusal;
    }
    const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
    const held: HeldRun = {
      run,
      id,
      succeed: (result = new Uint8Array(1)) => resolve({ result, runMs: this.runMs }),
      fail: reject,
    };
    this.held.set(id, held);
    this.started.push(id);
    if (!this.isStuck) run.begun("p-1");
    run.signal.addEventListener("abort", () => reject(run.signal.reason));
    try {
      return await promise;
    } finally {
      if (this.held.get(id) === held) this.held.delete(id);
    }
  }
}

/** Lets the event loop turn a few times. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve));
}
