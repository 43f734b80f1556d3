import assert from "node:assert/strict";
import type {
  Claim,
  ClaimAsk,
  EndAnswer,
  JobEventOrReset,
  JobRecord,
  JobState,
  JobStoreLimits,
  NewJob,
  Outcome,
  SubmitAnswer,
} from "../../../src/store/mod.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { nextTurn } from "../../fixtures/until.ts";
import type { JobDriver, JobPlace, OpenJobs } from "./conformance.ts";

/** The time at which the clock of a test begins. */
export const START = 1_800_000_000_000;
/** The retention of the jobs of tests, unless they state another one. */
export const KEPT_MS = 1_000_000_000;
export const LIMITS: JobStoreLimits = {
  maxChunks: 100,
  maxChunkBytes: 10_000,
  maxLogBytes: 1_000_000,
};
export const ERROR = { code: "python_exception", message: "No", details: { type: "ValueError" } };
/** An end with an empty result. */
export const COMPLETED: Outcome = { type: "completed", result: new Uint8Array() };
export const REFUSED = { name: "InvalidInputError", code: "invalid_input" };

let lastId = 0;

/** Returns a job to submit. */
export function newJob(fields: Partial<NewJob> = {}): NewJob {
  return {
    id: `job-${++lastId}`,
    kind: "call",
    name: "tool",
    queue: "default",
    pool: "main",
    priority: 0,
    maxAttempts: 3,
    tags: [],
    metadata: {},
    options: {},
    retention: { completedMs: KEPT_MS, cancelledMs: KEPT_MS, discardedMs: KEPT_MS },
    args: new Uint8Array([1, 2, 3]),
    ...fields,
  };
}

/** Returns jobs to submit. */
export function newJobs(count: number, fields: (index: number) => Partial<NewJob>): NewJob[] {
  return Array.from({ length: count }, (_, i) => newJob(fields(i)));
}

/** Returns bytes that no text has. */
export function bytesOf(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) % 251);
}

/** The work of sweeps. */
export interface SweptCounts {
  readonly ended: number;
  readonly lost: number;
  readonly removed: number;
  readonly unusedBlobs: readonly string[];
}

type TakeOptions = Partial<Omit<ClaimAsk, "pools">> & {
  readonly slots?: number;
  readonly pool?: string;
};

/** An open store at a place of its own, with a clock that stands still until the test moves it. */
export class JobKit implements AsyncDisposable {
  store: OpenJobs;
  readonly clock: FakeClock;
  readonly place: JobPlace;
  readonly #driver: JobDriver;
  readonly #limits: JobStoreLimits;

  private constructor(
    driver: JobDriver,
    open: Pick<JobKit, "store" | "clock" | "place"> & { readonly limits: JobStoreLimits },
  ) {
    this.#driver = driver;
    this.#limits = open.limits;
    this.store = open.store;
    this.clock = open.clock;
    this.place = open.place;
  }

  static async open(driver: JobDriver, limits = LIMITS): Promise<JobKit> {
    const place = await driver.place();
    const clock = new FakeClock();
    clock.advance(START - clock.now());
    const store = await driver.open(place, { clock, limits });
    return new JobKit(driver, { store, clock, place, limits });
  }

  get isDurable(): boolean {
    return this.#driver.durable !== false;
  }

  /** Closes the store, and opens it again. Does nothing to a store that is not durable. */
  async reopen(): Promise<void> {
    if (!this.isDurable) return;
    await this.store[Symbol.asyncDispose]();
    this.store = await this.#driver.open(this.place, { clock: this.clock, limits: this.#limits });
  }

  /** Submits one job. */
  async submit(fields: Partial<NewJob> = {}): Promise<SubmitAnswer> {
    const [answer] = await this.store.submit([newJob(fields)]);
    assert.ok(answer);
    return answer;
  }

  /** Takes jobs, and does not wait for some. */
  take({ slots = 1, pool = "main", ...ask }: TakeOptions = {}): Promise<readonly Claim[]> {
    const pools = [{ pool, slots }];
    return this.store.claim({ pools, holder: "host-1", leaseMs: 15_000, waitMs: 0, ...ask });
  }

  /** Takes one job, which must be there. */
  async one(options: TakeOptions = {}): Promise<Claim> {
    const [claim] = await this.take({ ...options, slots: 1 });
    assert.ok(claim, "a job to claim");
    return claim;
  }

  /** Ends a claim. */
  async end({ token }: Pick<Claim, "token">, outcome = COMPLETED): Promise<EndAnswer> {
    const [answer] = await this.store.finish([{ token, outcome }]);
    assert.ok(answer);
    return answer;
  }

  /** Ends a claim with an error. */
  fail(claim: Pick<Claim, "token">, retryInMs: number | null): Promise<EndAnswer> {
    return this.end(claim, { type: "failed", error: ERROR, retryInMs });
  }

  async get(id: string): Promise<JobRecord> {
    const job = await this.store.get(id);
    assert.ok(job, `the job ${id}`);
    return job;
  }

  async stateOf(id: string): Promise<JobState> {
    return (await this.get(id)).state;
  }

  /** Returns the outcomes of the past attempts of a job. */
  async attemptsOf(id: string): Promise<string[]> {
    return (await this.get(id)).attempts.map((it) => `${it.run}/${it.attempt} ${it.outcome}`);
  }

  /** Returns the events of a job up to its end, or to its last one if it has not ended. */
  async eventsOf(id: string, after = 0): Promise<JobEventOrReset[]> {
    const found: JobEventOrReset[] = [];
    const { signal } = new AbortController();
    for await (const event of this.store.events(id, after, { signal })) found.push(event);
    return found;
  }

  /** Sweeps until there is no more to do. */
  async sweep(): Promise<SweptCounts> {
    let [ended, lost, removed] = [0, 0, 0];
    const unusedBlobs: string[] = [];
    for (let hasMore = true; hasMore;) {
      const swept = await this.store.sweep();
      ended += swept.ended.length;
      lost += swept.lost;
      removed += swept.removed;
      unusedBlobs.push(...swept.unusedBlobs);
      hasMore = swept.hasMore;
    }
    return { ended, lost, removed, unusedBlobs: unusedBlobs.sort() };
  }

  /** Moves the clock in steps until `promise` settles. Returns its value. */
  async advanceUntil<T>(promise: Promise<T>, { stepMs }: { readonly stepMs: number }): Promise<T> {
    let isSettled = false;
    const settled = promise.finally(() => isSettled = true);
    settled.catch(() => {});
    for (let steps = 0; !isSettled; steps++) {
      assert.ok(steps < 2_000, "waited in vain");
      for (let turn = 0; turn < 3 && !isSettled; turn++) await nextTurn();
      if (!isSettled) this.clock.advance(stepMs);
    }
    return await settled;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await this.place[Symbol.asyncDispose]();
  }
}
