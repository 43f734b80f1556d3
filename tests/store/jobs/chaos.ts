import type { Claim, Outcome } from "../../../src/store/mod.ts";
import { ERROR, type JobKit, newJobs } from "./job_kit.ts";

const OUTCOMES: readonly Outcome[] = [
  { type: "completed", result: new Uint8Array([1]) },
  { type: "failed", error: ERROR, retryInMs: 500 },
  { type: "failed", error: ERROR, retryInMs: null },
  { type: "cancelled" },
  { type: "returned", hasBegun: true },
  { type: "returned", hasBegun: false },
  { type: "returned", hasBegun: false, error: ERROR, inMs: 500 },
];

/** Does so many random things with jobs, several at once. */
export async function chaos(
  kit: JobKit,
  next: (limit: number) => number,
  steps: number,
): Promise<void> {
  const claims: Claim[] = [];
  const some = async (): Promise<string[]> => {
    const { items } = await kit.store.list({}, { limit: 50 });
    return items.filter(() => next(10) === 0).map(({ id }) => id);
  };
  const actions: readonly (() => Promise<unknown>)[] = [
    () =>
      kit.store.submit(newJobs(1 + next(5), () => ({
        queue: `q${next(3)}`,
        priority: next(3),
        maxAttempts: 1 + next(3),
        retention: { completedMs: next(5_000), cancelledMs: 3_000, discardedMs: 9_000 },
        ...(next(3) === 0 && { start: { inMs: next(2_000) } }),
        ...(next(4) === 0 && { ttlMs: 1 + next(3_000) }),
        ...(next(3) === 0 && { concurrency: { key: `k${next(2)}`, limit: 1 + next(3) } }),
        ...(next(5) === 0 && { rate: { key: "r", limit: 5, periodMs: 1_000 } }),
        ...(next(5) === 0 && { unique: { key: `u${next(2)}`, mode: "replace" } }),
      }))),
    async () => {
      const holder = `h${next(3)}`;
      claims.push(...await kit.take({ slots: 1 + next(4), holder, leaseMs: 1 + next(2_000) }));
    },
    async () => {
      const ended = claims.splice(0, next(claims.length + 1));
      await kit.store.finish(ended.map(({ token }) => ({
        token,
        outcome: OUTCOMES[next(OUTCOMES.length)] ?? { type: "cancelled" },
      })));
    },
    () => kit.store.extend(claims.map(({ token }) => ({ token, leaseMs: 1_000 }))),
    async () => await kit.store.cancel({ ids: await some() }),
    async () => await kit.store.retry({ ids: await some() }),
    () => kit.store.cancel({ filter: { queues: [`q${next(9)}`] } }),
    () => kit.store.retry({ filter: { states: ["discarded"] } }),
    () => kit.store.sweep(),
    () => kit.store.abandon(`h${next(9)}`),
  ];
  for (let step = 0; step < steps; step++) {
    const atOnce = Array.from({ length: 1 + next(4) }, () => actions[next(actions.length)]?.());
    await Promise.all(atOnce);
    kit.clock.advance(next(300));
  }
}
