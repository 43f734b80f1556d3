import fc from "fast-check";
import type { NewJob, Outcome } from "../../../../src/store/mod.ts";
import { ERROR } from "../job_kit.ts";

/** The pools and the queues of the model test. */
export const POOLS = ["p0", "p1"];
export const QUEUES = ["q0", "q1", "q2"];
/** The limits of queues that have some. */
export const DECLARED = [
  { name: "q0" },
  { name: "q1", concurrency: 3 },
  { name: "q2", fairBy: "metadata.tenant" },
];

/** A thing to do with a store. Numbers that choose a job or a claim count modulo their number. */
export type Operation =
  | { readonly do: "submit"; readonly jobs: readonly Partial<NewJob>[] }
  | {
    readonly do: "claim";
    readonly slots: readonly number[];
    readonly holder: string;
    readonly leaseMs: number;
  }
  | {
    readonly do: "extend";
    readonly claim: number;
    readonly leaseMs: number;
    readonly worker: string | undefined;
    readonly progress: unknown;
    readonly chunks: readonly number[];
  }
  | {
    readonly do: "finish";
    readonly claim: number;
    readonly outcome: Outcome;
    readonly times: number;
  }
  | { readonly do: "cancel" | "retry"; readonly jobs: readonly number[] }
  | { readonly do: "cancel all" | "retry all"; readonly queue: string }
  | { readonly do: "sweep" }
  | { readonly do: "abandon"; readonly holder: string }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "pause"; readonly queue: string; readonly paused: boolean }
  | { readonly do: "drain"; readonly queue: string; readonly draining: boolean }
  | { readonly do: "limit"; readonly queue: string; readonly concurrency: number | null }
  | { readonly do: "reopen" };

const queue = fc.constantFrom(...QUEUES);
const holder = fc.constantFrom("h0", "h1");
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq: 2 });

const job = fc.record({
  queue,
  pool: fc.constantFrom(...POOLS),
  priority: fc.integer({ min: -1, max: 1 }),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  tags: fc.subarray(["a", "b"]),
  metadata: fc.constantFrom({}, { tenant: "x" }, { tenant: "y" }, { tenant: "z" }),
  start: maybe(fc.oneof(
    fc.record({ inMs: fc.integer({ min: 0, max: 500 }) }),
    fc.record({ at: fc.integer({ min: 1_800_000_000_000, max: 1_800_000_001_000 }) }),
  )),
  ttlMs: maybe(fc.integer({ min: 1, max: 800 })),
  idempotency: maybe(fc.record({
    key: fc.constantFrom("i0", "i1"),
    hash: fc.constantFrom("h", "other"),
    ttlMs: fc.integer({ min: 1, max: 2_000 }),
  })),
  own: maybe(fc.record({
    id: fc.constantFrom("own-0", "own-1", "own-2"),
    idHash: fc.constantFrom("h", "other"),
  })),
  unique: maybe(fc.record({
    key: fc.constantFrom("u0", "u1"),
    mode: fc.constantFrom("drop", "replace", "debounce"),
  })),
  concurrency: maybe(fc.record({
    key: fc.constantFrom("c0", "c1"),
    limit: fc.integer({ min: 1, max: 3 }),
  })),
  rate: maybe(fc.constantFrom(
    { key: "r0", limit: 1, periodMs: 300 },
    { key: "r0", limit: 2, periodMs: 400 },
    { key: "r1", limit: 3, periodMs: 1_000 },
  )),
  retention: fc.record({
    completedMs: fc.constantFrom(0, 300, 100_000),
    cancelledMs: fc.constantFrom(300, 100_000),
    discardedMs: fc.constantFrom(300, 100_000),
  }),
}).map(({ own, idempotency, ...fields }) =>
  withoutUndefined({ ...fields, ...(own ?? { idempotency }) })
);

/** The hashes of the results that are blobs. */
export const HASHES: readonly string[] = ["a", "b"].map((it) => it.repeat(64));

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.constantFrom(...HASHES).map((sha256): Outcome => ({
      type: "completed",
      result: { sha256, bytes: 300_000 },
    })),
  },
  { weight: 2, arbitrary: fc.constant<Outcome>({ type: "completed", result: new Uint8Array(3) }) },
  fc.constantFrom(0, 200, null).map((retryInMs): Outcome => ({
    type: "failed",
    error: ERROR,
    retryInMs,
  })),
  fc.boolean().map((hasBegun): Outcome => ({ type: "returned", hasBegun })),
  fc.constantFrom<Outcome>({ type: "cancelled" }, { type: "cancelled", error: ERROR }),
);

const some = fc.array(fc.nat(30), { maxLength: 3 });
const one = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name);

/** Any operation. */
export const OPERATION: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: one("submit"),
      jobs: fc.array(job, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: one("claim"),
      slots: fc.array(fc.nat(3), { minLength: 2, maxLength: 2 }),
      holder,
      leaseMs: fc.constantFrom(100, 400, 5_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: one("extend"),
      claim: fc.nat(20),
      leaseMs: fc.constantFrom(100, 1_000),
      worker: maybe(fc.constantFrom("w0", "w1")),
      progress: maybe(fc.constantFrom(0.5, { done: 3 }, null, "text")),
      chunks: fc.array(fc.nat(60), { maxLength: 3 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: one("finish"),
      claim: fc.nat(20),
      outcome,
      times: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: one("advance"), ms: fc.nat(300) }) },
  { weight: 2, arbitrary: fc.record({ do: one("cancel"), jobs: some }) },
  { weight: 2, arbitrary: fc.record({ do: one("retry"), jobs: some }) },
  { weight: 2, arbitrary: fc.record({ do: one("sweep") }) },
  fc.record({ do: one("abandon"), holder }),
  fc.record({ do: one("cancel all"), queue }),
  fc.record({ do: one("retry all"), queue }),
  fc.record({ do: one("pause"), queue, paused: fc.boolean() }),
  fc.record({ do: one("drain"), queue, draining: fc.constantFrom(true, false, false) }),
  fc.record({ do: one("limit"), queue, concurrency: fc.constantFrom(1, 2, 5, null) }),
  fc.record({ do: one("reopen") }),
);

function withoutUndefined(fields: object): Partial<NewJob> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
