import assert from "node:assert/strict";
import { type Job, type JobInput, type Snakeden, SnakedenError } from "../../../mod.ts";
import { POOL_NAMES } from "../pools/drawn_pools.ts";
import type { Random } from "../random.ts";
import { JobBook, LATER } from "./job_book.ts";
import { type Kind, leaveAfter, pause } from "./kind.ts";
import type { OpenWork } from "./open_work.ts";

/** The queues of the jobs, as the configuration names them. */
export const JOB_QUEUES = [
  { name: "narrow", concurrency: 2 },
  { name: "slow", rateLimit: { limit: 50, periodMs: 1_000 } },
  { name: "paused" },
  { name: "short" },
] as const;

/** The pauses between attempts are short, so that they all happen. */
const RETRY = { minMs: 1, maxMs: 50 };
/** The codes of jobs that others cancel, or retry before their result is read. */
const ENDS = ["cancelled", "job_unfinished"];

/** Jobs of all kinds, and everything that can be done to them, by the library. */
export class JobKinds {
  readonly book: JobBook;
  readonly #den: Snakeden;
  readonly #ledger: string;
  readonly #open: OpenWork;
  #last = 0;
  #jobs = 0;

  constructor(
    den: Snakeden,
    { ledger, open }: { readonly ledger: string; readonly open: OpenWork },
  ) {
    this.#den = den;
    this.#ledger = ledger;
    this.#open = open;
    this.book = new JobBook(den);
  }

  get kinds(): Kind[] {
    return [
      { name: "job", weight: 8, run: (random) => this.#run(random), codes: ENDS },
      {
        name: "job raises",
        weight: 2,
        run: (random) => this.#end(this.#job("job_fails", { times: random.below(4) })),
        codes: [...ENDS, "python_exception"],
      },
      {
        name: "job dies",
        weight: 1,
        run: (random) =>
          this.#end(this.#job("job_dies", { how: random.pick(["abort", "exit", "kill"]) })),
        codes: ENDS,
      },
      {
        name: "job late",
        weight: 2,
        run: (random) =>
          this.#end({
            ...this.#job("job_work", { seconds: 5 }),
            timeoutMs: 1 + random.below(60),
            maxAttempts: 2,
          }),
        codes: [...ENDS, "deadline_exceeded"],
      },
      {
        name: "job hangs",
        weight: 0.5,
        run: (random) =>
          this.#end({ ...this.#job("job_hangs", {}), timeoutMs: 20 + random.below(60) }),
        codes: [...ENDS, "deadline_exceeded"],
      },
      {
        name: "job expires",
        weight: 1,
        run: (random) =>
          this.#end({ ...this.#work(random), delayMs: 0, ttlMs: 1 + random.below(5) }),
        codes: [...ENDS, "job_expired"],
      },
      { name: "jobs", weight: 1, run: (random) => this.#many(random) },
      { name: "job later", weight: 1, run: (random) => this.#later(random) },
      { name: "job unique", weight: 3, run: (random) => this.#unique(random), codes: ENDS },
      { name: "job of a key", weight: 3, run: (random) => this.#keyed(random), codes: ENDS },
      { name: "job kept shortly", weight: 2, run: (random) => this.#short(random) },
      { name: "job cancelled", weight: 5, run: (random) => this.#cancel(random) },
      { name: "jobs cancelled", weight: 1, run: (random) => this.#cancelMany(random) },
      { name: "job retried", weight: 4, run: (random) => this.#retry(random) },
      { name: "jobs listed", weight: 3, run: (random) => this.#list(random) },
      {
        name: "job awaited",
        weight: 3,
        run: (random) => this.#wait(random),
        codes: ["left", "unknown_job"],
      },
      { name: "job followed", weight: 5, run: (random) => this.#follow(random) },
      { name: "queue paused", weight: 1, run: (random) => this.#pauseQueue(random) },
    ];
  }

  /** Returns a job of a tool, for one pool after the other. */
  #job(tool: string, args: Readonly<Record<string, unknown>>): JobInput {
    const pool = POOL_NAMES[++this.#jobs % POOL_NAMES.length] ?? "default";
    return { tool, pool, args: { ledger: this.#ledger, ...args }, maxAttempts: 5, retry: RETRY };
  }

  /** Returns a job with options by chance. */
  #work(random: Random): JobInput {
    const isOdd = (): boolean => random.below(4) === 0;
    return {
      ...this.#job("job_work", { seconds: random.below(3) === 0 ? random.next() / 20 : 0 }),
      ...(isOdd() ? { priority: random.below(5) - 2 } : {}),
      ...(isOdd() ? { delayMs: random.below(100) } : {}),
      ...(isOdd() ? { queue: random.pick(["narrow", "slow"]) ?? "" } : {}),
      ...(isOdd() ? { tags: [`tag-${random.below(5)}`], metadata: { n: random.below(9) } } : {}),
      ...(isOdd() ? { sessionId: `jobs-${random.below(4)}` } : {}),
    };
  }

  async #end(input: JobInput): Promise<unknown> {
    const job = await this.#den.jobs.submit(input);
    this.book.add(job.id);
    const result = await job.result();
    assert.equal(result, job.id);
    return result;
  }

  async #run(random: Random): Promise<void> {
    await this.#end(this.#work(random));
  }

  async #many(random: Random): Promise<void> {
    const inputs = Array.from({ length: random.below(50) }, () => this.#work(random));
    const outcomes = await this.#den.jobs.submitMany(inputs);
    assert.equal(outcomes.length, inputs.length);
    for (const { answer, job } of outcomes) {
      assert.equal(answer, "created");
      this.book.add(job.id);
    }
  }

  async #later(random: Random): Promise<void> {
    const runAt = new Date(Date.now() + 3_600_000);
    const later = random.below(2) === 0 ? { delayMs: 3_600_000 } : { runAt };
    const work = this.#job("job_work", { seconds: 0 });
    const job = await this.#den.jobs.submit({ ...work, ...later, tags: [LATER] });
    this.book.add(job.id);
  }

  async #unique(random: Random): Promise<void> {
    const unique = {
      key: `unique-${random.below(3)}`,
      mode: random.pick(["drop", "replace", "debounce"] as const) ?? "drop",
    };
    const delay = unique.mode === "debounce" ? { delayMs: random.below(30) } : {};
    const job = await this.#den.jobs.submit({ ...this.#work(random), ...delay, unique });
    this.book.add(job.id);
    assert.ok(["created", "dropped", "replaced"].includes(job.answer), job.answer);
    if (random.below(2) === 0) assert.equal(await job.result(), job.id);
  }

  async #keyed(random: Random): Promise<void> {
    const key = `key-${random.below(3)}`;
    const args = { seconds: random.next() / 50, key };
    const job = await this.#den.jobs.submit({
      ...this.#job("job_work", args),
      concurrency: { key },
      ...(random.below(3) === 0 ? { rateLimit: { key, limit: 100, periodMs: 1_000 } } : {}),
    });
    this.book.add(job.id);
    assert.equal(await job.result(), job.id);
  }

  async #short(random: Random): Promise<void> {
    const retention = { completedMs: 0, cancelledMs: 0, discardedMs: random.below(100) };
    const work = this.#work(random);
    const job = await this.#den.jobs.submit({ ...work, queue: "short", retention });
    this.book.add(job.id, { isShort: true });
  }

  async #cancel(random: Random): Promise<void> {
    const input = random.pick([
      this.#job("job_work", { seconds: random.next() / 5 }),
      // Another caller may retry it later.
      { ...this.#job("job_hangs", {}), timeoutMs: 1_000 },
      { ...this.#job("job_work", { seconds: 0 }), delayMs: 5_000 },
      this.#job("job_fails", { times: 5 }),
      this.#job("job_streams", { n: 100, seconds: 0.01 }),
    ]) ?? this.#work(random);
    const { id } = await this.#submitted(input);
    await pause(random.below(150));
    const cancelled = await this.#den.jobs.cancel(id, { reason: "chaos" });
    if (cancelled.state === "cancelled") assert.equal(cancelled.cancelReason, "chaos");
    const job = await this.#den.jobs.wait(id);
    assert.ok(job.done);
    if ("tool" in input && input.tool === "job_hangs") assert.notEqual(job.state, "completed");
  }

  async #cancelMany(random: Random): Promise<void> {
    const tag = `cancelled-${++this.#last}`;
    const inputs = Array.from({ length: 20 }, () => ({ ...this.#work(random), tags: [tag] }));
    for (const { id } of await this.#den.jobs.submitMany(inputs)) this.book.add(id);
    await pause(random.below(50));
    const { count } = await this.#den.jobs.cancelMany({ tag });
    assert.ok(count <= inputs.length);
    const choice = { tag, state: ["available", "scheduled", "retryable"] } as const;
    assert.deepEqual((await this.#den.jobs.list(choice)).items, []);
  }

  async #retry(random: Random): Promise<void> {
    const id = this.book.pick(random);
    if (id === undefined) return;
    this.book.willRetry(id);
    try {
      await this.#den.jobs.retry(id);
    } catch (error) {
      assert.ok(error instanceof SnakedenError);
      assert.ok(["job_running", "unknown_job"].includes(error.code), error.code);
    }
  }

  async #list(random: Random): Promise<void> {
    const choice = random.pick([
      {},
      { state: ["completed", "cancelled"] as const },
      { tag: `tag-${random.below(5)}` },
      { queue: "narrow" },
      { tool: "job_fails", state: "discarded" as const },
    ]) ?? {};
    const limit = 1 + random.below(50);
    const seen = new Set<string>();
    let cursor: string | undefined;
    for (let i = random.below(5); i >= 0; i--) {
      const page = await this.#den.jobs.list(choice, {
        limit,
        ...(cursor === undefined ? {} : { cursor }),
      });
      assert.ok(page.items.length <= limit);
      for (const { id } of page.items) {
        assert.ok(!seen.has(id), `${id} is listed twice`);
        seen.add(id);
      }
      ({ cursor } = page);
      if (cursor === undefined) return;
    }
    const other = this.#den.jobs.list({ queue: "default" }, cursor === undefined ? {} : { cursor });
    await assert.rejects(other, /cursor/);
  }

  async #wait(random: Random): Promise<void> {
    const id = this.book.pick(random);
    if (id === undefined) return;
    await this.#open.during("wait of a job", async () => {
      if (random.below(2) === 0) {
        await this.#den.jobs.wait(id, { timeoutMs: random.below(100) });
      } else {
        await leaveAfter(random.below(100), (signal) => this.#den.jobs.wait(id, { signal }));
      }
    });
  }

  /** Follows a job, leaves now and then, and goes on behind the last chunk. */
  async #follow(random: Random): Promise<void> {
    const n = random.below(100);
    const input = this.#job("job_streams", { n, seconds: random.next() / 200 });
    const { id } = await this.#submitted(input);
    const chunks = new ChunkModel();
    let isOver = false;
    while (!isOver) {
      const most = random.below(3) === 0 ? Infinity : random.below(40);
      let seen = 0;
      const events = this.#den.jobs.events(id, { after: chunks.after });
      for await (const event of this.#open.reading("events of a job", events)) {
        if (event.type === "chunk") chunks.add(event.run, event.id, event.value);
        if (event.type === "reset") chunks.reset(event.id);
        if (event.type === "end") {
          isOver = true;
          if (event.job.state === "completed") chunks.checkEnd(n);
        }
        if (++seen > most) break;
      }
      if (!isOver) await pause(random.below(30));
    }
  }

  async #pauseQueue(random: Random): Promise<void> {
    const { queues, jobs } = this.#den;
    await queues.pause("paused");
    const { id } = await this.#submitted({ ...this.#work(random), queue: "paused" });
    await pause(random.below(50));
    const { state, waitingFor }: Job = await jobs.get(id);
    // Another caller may have resumed the queue.
    if (waitingFor !== undefined && state === "available") {
      assert.ok(["paused", "position", "pool"].includes(waitingFor.reason), waitingFor.reason);
    }
    await queues.resume("paused");
  }

  async #submitted(input: JobInput): Promise<{ readonly id: string }> {
    const job = await this.#den.jobs.submit(input);
    this.book.add(job.id);
    return job;
  }
}

/** The chunks of a job as a reader sees them: those of each run in order, without a gap. */
export class ChunkModel {
  /** The position behind which a reader goes on. */
  after = 0;
  #run = 0;
  #next = 0;

  add(run: number, id: number, value: unknown): void {
    assert.ok(id > this.after, `the chunk ${id} came after ${this.after}`);
    assert.ok(run >= this.#run, `a chunk of run ${run} came after one of ${this.#run}`);
    if (run !== this.#run) this.#next = 0;
    assert.equal(value, this.#next);
    this.after = id;
    this.#run = run;
    this.#next++;
  }

  reset(id: number): void {
    this.after = Math.max(this.after, id);
  }

  checkEnd(n: number): void {
    assert.equal(this.#next, n);
  }
}
