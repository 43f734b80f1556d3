import assert from "node:assert/strict";
import { type JobInput, type Snakeden, SnakedenError } from "../../../mod.ts";
import type { Random } from "../random.ts";
import { type Kind, pause } from "./kind.ts";

/** The queues of these kinds, as the configuration names them. */
export const MORE_QUEUES = [
  { name: "draining" },
  { name: "fair", fairBy: "metadata.tenant" },
] as const;

/** Queues that are drained or shared, searches, and changes of many jobs by a filter. */
export class QueueKinds {
  readonly #den: Snakeden;
  #last = 0;

  constructor(den: Snakeden) {
    this.#den = den;
  }

  get kinds(): Kind[] {
    return [
      { name: "queue drained", weight: 1, run: (random) => this.#drain(random) },
      { name: "queue shared", weight: 2, run: (random) => this.#share(random) },
      { name: "jobs searched", weight: 1, run: (random) => this.#searchAndRetry(random) },
    ];
  }

  async #drain(random: Random): Promise<void> {
    await this.#den.queues.drain("draining");
    await pause(random.below(30));
    const job = this.#lines({ queue: "draining" });
    try {
      const { id } = await this.#den.jobs.submit(job);
      // Another caller has opened it meanwhile.
      assert.ok((await this.#den.jobs.wait(id)).done);
    } catch (error) {
      assert.ok(error instanceof SnakedenError);
      assert.equal(error.code, "queue_draining");
    }
    await this.#den.queues.update("draining", { draining: false });
  }

  async #share(random: Random): Promise<void> {
    const inputs = Array.from({ length: 1 + random.below(20) }, () => {
      return this.#lines({ queue: "fair", metadata: { tenant: `t${random.below(3)}` } });
    });
    const jobs = await this.#den.jobs.submitMany(inputs);
    for (const { job } of jobs) {
      assert.ok(job);
      assert.ok((await this.#den.jobs.wait(job.id)).done);
    }
  }

  /** Cancels jobs that a search finds, and retries them. */
  async #searchAndRetry(random: Random): Promise<void> {
    const tag = `search-${++this.#last}-`;
    const length = 1 + random.below(20);
    const inputs = Array.from(
      { length },
      () => ({ ...this.#lines({ delayMs: 3_600_000 }), tags: [tag] }),
    );
    const ids = (await this.#den.jobs.submitMany(inputs)).map(({ job }) => job?.id ?? "").sort();
    const found = (await this.#den.jobs.list({ q: tag }, { limit: 100 })).items;
    assert.deepEqual(found.map(({ id }) => id).sort(), ids);
    assert.equal((await this.#den.jobs.cancelMany({ q: tag })).count, length);
    const { count } = await this.#den.jobs.retryMany({ q: tag, state: "cancelled" });
    assert.equal(count, length);
    for (const id of ids) assert.ok((await this.#den.jobs.wait(id)).done);
  }

  #lines(options: Omit<JobInput, "tool" | "args" | "kind">): JobInput {
    const retry = { minMs: 1, maxMs: 50 };
    return { ...options, tool: "lines", args: { n: 1, seconds: 0 }, maxAttempts: 10, retry };
  }
}
