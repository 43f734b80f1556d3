/** Drives the drivers of jobs in memory and in SQLite with the same operations, on odd texts. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { JobFilter, JobStore, JsonObject, NewJob, Outcome } from "../../src/store/mod.ts";
import { JobKit, newJob } from "../store/jobs/job_kit.ts";
import { MEMORY_DRIVER } from "../store/jobs/memory_driver.ts";
import { DRIVER } from "./sqlite_driver.ts";

/** The seed of all choices; a random one if it is absent, which a failure names. */
const SEED = Deno.env.get("SNAKEDEN_TEST_SEED");
const RUNS = 12;

const QUEUES = ["q0", "q1", "q2"];
const TEXTS = [
  "a",
  "ab",
  "é",
  "e\u0301",
  "É",
  "a\u{10ffff}b",
  "世界",
  "İ",
  "ı",
  "ß",
  "SS",
  "a'b",
  'x"y',
  "a%",
  "a_b",
  "*",
  "OR",
  "-",
  "💥",
  "\u{10ffff}",
  "a,b",
  "A",
  "0",
  "12",
  "\u200b",
  "ﬁ",
];
const WORD = fc.constantFrom(...TEXTS);
const TAG = fc.array(WORD, { minLength: 1, maxLength: 2 }).map((it) => it.join(""));
const TENANT = fc.oneof(
  WORD,
  fc.constantFrom<JsonObject[string]>(
    null,
    1,
    1.5,
    true,
    {},
    [],
    "1",
    "",
    "x".repeat(600),
    "x".repeat(601),
  ),
);
const METADATA: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.constant({}),
  TENANT.map((t) => ({ tenant: t })),
  TENANT.map((t) => ({ a: { b: t } })),
  fc.constant({ a: null }),
  fc.constant({ tenant: { b: 1 } }),
);
const JOB = fc.record({
  queue: fc.constantFrom(...QUEUES),
  pool: fc.constantFrom("p0", "p1"),
  priority: fc.integer({ min: -1, max: 1 }),
  name: fc.constantFrom("Tool", "tool_é", "tool_É", "TOOLİ", "a'b"),
  tags: fc.uniqueArray(TAG, { maxLength: 3 }),
  kind: fc.constantFrom("call", "batch"),
  metadata: METADATA,
  maxAttempts: fc.integer({ min: 1, max: 2 }),
  ttlMs: fc.option(fc.constantFrom(50, 300), { nil: undefined, freq: 3 }),
  delay: fc.option(fc.constantFrom(10, 200), { nil: undefined, freq: 3 }),
});
function maybe<T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  // Rarely there, so that many filters match some jobs.
  return fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: of });
}

const FILTER: fc.Arbitrary<JobFilter> = fc.record({
  states: maybe(
    fc.subarray(
      [
        "available",
        "scheduled",
        "running",
        "retryable",
        "completed",
        "cancelled",
        "discarded",
      ] as const,
    ),
  ),
  queues: maybe(fc.array(fc.constantFrom(...QUEUES, "none"), { maxLength: 3 })),
  kinds: maybe(fc.array(fc.constantFrom("call", "batch", "none"), { maxLength: 2 })),
  names: maybe(fc.array(fc.constantFrom("Tool", "tool_é", "tool", "TOOLİ"), { maxLength: 2 })),
  tags: maybe(fc.array(TAG, { maxLength: 2 })),
  text: maybe(
    fc.array(fc.oneof(WORD, fc.constantFrom("tool", "TOOL", "job-", "python", "fail", "fa")), {
      minLength: 1,
      maxLength: 3,
    }).map((it) => it.join(" ")),
  ),
  createdFrom: maybe(fc.nat(2000)),
  createdBefore: maybe(fc.nat(2000)),
});
const OPERATION = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("submit" as const),
      jobs: fc.array(JOB, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("claim" as const),
      pool: fc.constantFrom("p0", "p1"),
      slots: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("finish" as const),
      n: fc.nat(50),
      how: fc.constantFrom("completed", "fail", "retry", "returned", "unbegun", "cancelled"),
      message: fc.array(WORD, { maxLength: 4 }).map((it) => it.join(" ")),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), filter: FILTER }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("retry" as const), filter: FILTER }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("list" as const),
      filter: FILTER,
      limit: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("declare" as const),
      fair: fc.array(
        fc.option(fc.constantFrom("metadata.tenant", "metadata.a.b"), { nil: undefined }),
        { minLength: 3, maxLength: 3 },
      ),
      concurrency: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      n: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("patch" as const),
      queue: fc.constantFrom(...QUEUES),
      patch: fc.record({
        paused: fc.constantFrom(true, false, false),
        draining: fc.constantFrom(true, false, false),
        concurrency: fc.constantFrom(1, 2, null),
      }, { requiredKeys: [] }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.nat(200) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("sweep" as const) }) },
);

type Operation = typeof OPERATION extends fc.Arbitrary<infer T> ? T : never;

/** Returns every item of a list that is given in pages. */
async function pages<T>(
  read: (after: string | undefined) => Promise<readonly [readonly T[], string | undefined]>,
): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  do {
    const [items, next] = await read(after);
    all.push(...items);
    after = next;
  } while (after !== undefined);
  return all;
}

function outcomeOf(how: string, message: string): Outcome {
  const details = { python: { type: "Fail_Error", message: "m" } };
  const error = { code: "python_exception", message, details };
  switch (how) {
    case "completed":
      return { type: "completed", result: new Uint8Array(2) };
    case "fail":
    case "retry":
      return { type: "failed", error, retryInMs: how === "fail" ? null : 50 };
    case "cancelled":
      return { type: "cancelled" };
    default:
      return { type: "returned", hasBegun: how === "returned" };
  }
}

/** A store that the operations are done to. */
class Side {
  readonly kit: JobKit;
  readonly #tokens: string[] = [];
  readonly #start: number;

  constructor(kit: JobKit) {
    this.kit = kit;
    this.#start = kit.clock.now();
  }

  /** Returns what an operation answers, or its error. */
  async do(it: Operation, jobs: readonly NewJob[]): Promise<unknown> {
    try {
      return await this.#answer(it, jobs);
    } catch (error) {
      assert.ok(error instanceof Error);
      return [error.name, error.message];
    }
  }

  async #answer(it: Operation, jobs: readonly NewJob[]): Promise<unknown> {
    const { kit, kit: { store } } = this;
    switch (it.do) {
      case "submit":
        return (await store.submit(jobs)).map(({ answer, id, state }) => [answer, id, state]);
      case "claim": {
        const claims = await kit.take({ pool: it.pool, slots: it.slots, leaseMs: 400 });
        this.#tokens.push(...claims.map(({ token }) => token));
        return claims.map(({ job }) => [job.id, job.attempt]);
      }
      case "finish": {
        const token = this.#tokens[it.n % this.#tokens.length];
        if (token === undefined) return undefined;
        return await store.finish([{ token, outcome: outcomeOf(it.how, it.message) }]);
      }
      case "cancel":
      case "retry":
        return await this.#changeAll(store, it);
      case "list":
        return await pages(async (after) => {
          const ask = { limit: it.limit, ...(after === undefined ? {} : { after }) };
          const { items, next } = await store.list(this.#timed(it.filter), ask);
          const shown = items.map((job) => [
            [job.id, job.state, job.attempt, job.priority, job.tags],
            [job.error?.message, job.cancelReason],
          ]);
          return [shown, next];
        });
      case "declare":
        return await store.declareQueues(
          QUEUES.slice(0, it.n).map((name, i) => {
            const [fairBy, { concurrency }] = [it.fair[i], it];
            return {
              name,
              ...(fairBy === undefined ? {} : { fairBy }),
              ...(concurrency === undefined ? {} : { concurrency }),
            };
          }),
        );
      case "patch":
        return await store.patchQueue(it.queue, it.patch);
      case "advance":
        kit.clock.advance(it.ms);
        return await kit.sweep();
      case "sweep":
        return await kit.sweep();
    }
  }

  async #changeAll(
    store: JobStore,
    { do: change, filter }: Extract<Operation, { do: "cancel" | "retry" }>,
  ): Promise<unknown> {
    const of = { filter: this.#timed(filter) };
    return await pages<unknown>(async (after) => {
      const { answers, next } = await store[change](of, { after });
      return [answers, next];
    });
  }

  /** Returns a filter whose times are those of the clock. */
  #timed({ createdFrom, createdBefore, ...filter }: JobFilter): JobFilter {
    return {
      ...filter,
      ...(createdFrom === undefined ? {} : { createdFrom: createdFrom + this.#start }),
      ...(createdBefore === undefined ? {} : { createdBefore: createdBefore + this.#start }),
    };
  }
}

/** Returns the counts and the queues of a store, in an order of their own. */
async function stateOf({ store }: JobKit): Promise<unknown> {
  const counts = (await store.counts()).map(({ queue, state, count }) =>
    `${queue} ${state} ${count}`
  );
  return { counts: counts.sort(), queues: await store.queues() };
}

Deno.test("sqlite and memory answer any operations on odd texts alike", async () => {
  let lastId = 0;
  const sequences = fc.array(OPERATION, { minLength: 5, maxLength: 50, size: "max" });
  await fc.assert(
    fc.asyncProperty(sequences, async (operations) => {
      await using memory = await JobKit.open(MEMORY_DRIVER);
      await using sqlite = await JobKit.open(DRIVER);
      const sides = [new Side(memory), new Side(sqlite)] as const;
      for (const it of operations) {
        const jobs = it.do !== "submit" ? [] : it.jobs.map(({ delay, ttlMs, ...job }) =>
          newJob({
            ...job,
            id: `job-${++lastId}`,
            ...(delay === undefined ? {} : { start: { inMs: delay } }),
            ...(ttlMs === undefined ? {} : { ttlMs }),
          })
        );
        const [expected, answer] = [await sides[0].do(it, jobs), await sides[1].do(it, jobs)];
        assert.deepEqual(answer, expected, JSON.stringify(it));
        await memory.sweep();
        await sqlite.sweep();
        assert.deepEqual(await stateOf(sqlite), await stateOf(memory), JSON.stringify(it));
      }
    }),
    { numRuns: RUNS, ...(SEED !== undefined && { seed: Number(SEED) }) },
  );
});
