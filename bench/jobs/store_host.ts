/**
 * A process with a store of jobs and nothing else: nothing runs them. Run it as `store_host.ts
 * PATH`, with the path of the database; it then takes commands.
 */
import process from "node:process";
import { messageOf } from "../../src/errors.ts";
import { openSqliteJobs } from "../../src/sqlite/mod.ts";
import type { JobStore, NewJob } from "../../src/store/mod.ts";
import { type JobStoreCommand, say, serveCommands } from "../commands.ts";
import { type Figures, quantile } from "../measure.ts";

const LIMITS = { maxChunks: 1_000, maxChunkBytes: 2 ** 20, maxLogBytes: 1_000_000 };
const LEASE_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** The jobs of one submission, and of one claim. */
const BULK = 1_000;
const CLAIM = 500;
/** The submissions, or claims, that are under way at a time. */
const AT_ONCE = 4;
const POOL = "default";
const EMPTY = new TextEncoder().encode("{}");

let lastId = 0;

/** Runs the commands on one store. */
class StoreHost {
  readonly #store: JobStore;

  constructor(store: JobStore) {
    this.#store = store;
  }

  async run(command: JobStoreCommand): Promise<Figures> {
    switch (command.do) {
      case "fill":
        return await this.#fill(command.jobs);
      case "finish":
        return await this.#finish(command.jobs);
      case "claims":
        return await this.#claims(command);
    }
  }

  async #fill(jobs: number): Promise<Figures> {
    const startedAt = performance.now();
    let rest = jobs;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (rest > 0) {
        const count = Math.min(BULK, rest);
        rest -= count;
        await this.#store.submit(Array.from({ length: count }, newJob));
      }
    }));
    return { submitsPerSecond: jobs / ((performance.now() - startedAt) / 1000) };
  }

  /** Claims and finishes so many jobs that wait. */
  async #finish(jobs: number): Promise<Figures> {
    const startedAt = performance.now();
    let ended = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (ended < jobs) {
        const count = await this.#turn(CLAIM);
        ended += count;
      }
    }));
    return { runsPerSecond: ended / ((performance.now() - startedAt) / 1000) };
  }

  /** Claims jobs, ends them, and submits as many, so that the number of those that wait stays. */
  async #claims(
    { slots, durationMs }: { readonly slots: number; readonly durationMs: number },
  ): Promise<Figures> {
    const times: number[] = [];
    let jobs = 0;
    const cpu = process.cpuUsage();
    for (const until = performance.now() + durationMs; performance.now() < until;) {
      await this.#store.submit(Array.from({ length: slots }, newJob));
      const before = performance.now();
      jobs += await this.#turn(slots, () => times.push(performance.now() - before));
    }
    const { user, system } = process.cpuUsage(cpu);
    const sorted = Float64Array.from(times).sort();
    return {
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
      microsEach: (user + system) / jobs,
    };
  }

  /** Claims up to so many jobs and completes them; returns their number. */
  async #turn(slots: number, onClaimed: () => void = () => {}): Promise<number> {
    const claims = await this.#store.claim({
      pools: [{ pool: POOL, slots }],
      holder: "bench",
      leaseMs: LEASE_MS,
      waitMs: 0,
    });
    onClaimed();
    const answers = await this.#store.finish(
      claims.map(({ token }) => ({ token, outcome: { type: "completed", result: EMPTY } })),
    );
    if (answers.some(({ answer }) => answer === "lost")) throw new Error("a claim was lost");
    return claims.length;
  }
}

function newJob(): NewJob {
  return {
    id: `bench-${(++lastId).toString().padStart(12, "0")}`,
    kind: "call",
    name: "noop",
    queue: "default",
    pool: POOL,
    priority: 0,
    maxAttempts: 3,
    tags: [],
    metadata: {},
    options: {},
    retention: { completedMs: DAY_MS, cancelledMs: DAY_MS, discardedMs: DAY_MS },
    args: EMPTY,
  };
}

if (import.meta.main) {
  try {
    await using store = await openSqliteJobs({ path: Deno.args[0] ?? "", limits: LIMITS });
    await store.declareQueues([{ name: "default" }]);
    const host = new StoreHost(store);
    await serveCommands({ pids: [], figures: {} }, (it: JobStoreCommand) => host.run(it));
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
