import assert from "node:assert/strict";
import type { JobFilter, JobRow } from "../../../../src/store/mod.ts";
import { chaos } from "../chaos.ts";
import type { JobDriver } from "../conformance.ts";
import { COMPLETED, JobKit, newJobs, START } from "../job_kit.ts";
import { random } from "../random.ts";

/** Registers the cases 53-55. */
export function testLists(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 53 pages through 10,000 changing jobs have each that existed throughout once`, async () => {
    await using kit = await JobKit.open(driver);
    const gone = { completedMs: 0, cancelledMs: 0, discardedMs: 0 };
    for (let part = 0; part < 10; part++) {
      await kit.store.submit(newJobs(1_000, (i) => ({
        id: `${i % 10 === 0 ? "gone" : "kept"}-${part}-${i}`,
        ...(i % 10 === 0 && { retention: gone, pool: "gone" }),
      })));
    }
    const seen: JobRow[] = [];
    let step = 0;
    for (let after: string | undefined, isLast = false; !isLast; isLast = after === undefined) {
      const { items, next } = await kit.store.list({}, { limit: 173, after });
      seen.push(...items);
      after = next;
      const claims = [...await kit.take({ slots: 9 }), ...await kit.take({ pool: "gone" })];
      await kit.store.finish(claims.map(({ token }) => ({ token, outcome: COMPLETED })));
      await kit.store.submit(newJobs(3, () => ({ id: `new-${step}-${crypto.randomUUID()}` })));
      if (step++ % 5 === 0) await kit.store.sweep();
    }
    assert.ok(step > 50);
    const seqs = seen.map(({ seq }) => seq);
    assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => b - a));
    assert.equal(seen.filter(({ id }) => id.startsWith("kept")).length, 9_000);
  });

  Deno.test(`${name}: 53 the last page has no cursor, and a limit that is none is refused`, async () => {
    await using kit = await JobKit.open(driver);
    const jobs = newJobs(10, () => ({}));
    assert.deepEqual(await kit.store.list({}, { limit: 10 }), { items: [] });
    await kit.store.submit(jobs);
    const all = await kit.store.list({}, { limit: 10 });
    assert.deepEqual(all.items.map(({ id }) => id), jobs.map(({ id }) => id).reverse());
    assert.equal(all.next, undefined);
    const half = await kit.store.list({}, { limit: 5 });
    const rest = await kit.store.list({}, { limit: 5, after: half.next });
    assert.deepEqual([...half.items, ...rest.items], all.items);
    assert.equal(rest.next, undefined);
    const { attempts: _, ...row } = await kit.get(jobs[9]?.id ?? "");
    assert.deepEqual(all.items[0], row);
    for (const limit of [0, -1, 1.5, NaN]) {
      await assert.rejects(kit.store.list({}, { limit }), { code: "invalid_input" });
    }
  });

  Deno.test(`${name}: 54 a filter has the jobs that match all of its fields`, async () => {
    await using kit = await JobKit.open(driver);
    for (let i = 0; i < 48; i++) {
      await kit.submit({
        queue: `q${i % 3}`,
        kind: `kind${i % 2}`,
        name: `tool${i % 4}`,
        tags: [`t${i % 2}`, ...(i % 6 === 0 ? ["six"] : [])],
        ...(i % 5 === 0 && { start: { inMs: 1_000 } }),
      });
      kit.clock.advance(10);
    }
    const claims = await kit.take({ slots: 9 });
    for (const claim of claims.slice(0, 6)) await kit.end(claim);
    const all = (await kit.store.list({}, { limit: 100 })).items;
    const filters: JobFilter[] = [
      {},
      { states: ["completed"] },
      { states: ["completed", "running", "scheduled", "completed"] },
      { queues: ["q1", "q2", "none", "q1"] },
      { kinds: ["kind1"] },
      { names: ["tool1", "tool2"] },
      { tags: ["t0"] },
      { tags: ["t0", "six"] },
      { tags: ["t1", "six"] },
      { createdFrom: START + 100 },
      { createdBefore: START + 100 },
      { createdFrom: START + 100, createdBefore: START + 101 },
      { createdFrom: START + 101, createdBefore: START + 101 },
      { states: ["available", "scheduled"], queues: ["q0"], kinds: ["kind0"], names: ["tool0"] },
      { states: ["available"], tags: ["t0"], createdFrom: START + 200, createdBefore: START + 400 },
      ...(["states", "queues", "kinds", "names", "tags"] as const).map((it) => ({ [it]: [] })),
      { queues: undefined, tags: undefined },
      { tags: ["six' or 1=1 --"] },
    ];
    const sizes = new Set<number>();
    for (const filter of filters) {
      const expected = all.filter((job) => matches(job, filter));
      sizes.add(expected.length);
      const found: JobRow[] = [];
      for (let after: string | undefined, isLast = false; !isLast; isLast = after === undefined) {
        const { items, next } = await kit.store.list(filter, { limit: 4, after });
        found.push(...items);
        after = next;
      }
      assert.deepEqual(found, expected, JSON.stringify(filter));
    }
    assert.ok(sizes.size > 8);
  });

  Deno.test(`${name}: 54 a cursor of another filter is refused`, async () => {
    await using kit = await JobKit.open(driver);
    await kit.store.submit(newJobs(10, () => ({})));
    const { next } = await kit.store.list({ states: ["available"] }, { limit: 5 });
    assert.ok(next);
    const others: readonly (readonly [JobFilter, string])[] = [
      [{}, next],
      [{ states: ["running"] }, next],
      [{ states: ["available"] }, `${next}x`],
      [{ states: ["available"] }, ""],
      [{ states: ["available"] }, "5"],
      [{}, "\0"],
    ];
    for (const [filter, after] of others) {
      await assert.rejects(kit.store.list(filter, { limit: 5, after }), {
        name: "InvalidInputError",
        code: "invalid_input",
      });
    }
    assert.equal(
      (await kit.store.list({ states: ["available"] }, { limit: 5, after: next })).items.length,
      5,
    );
  });

  Deno.test(`${name}: 55 the counts equal the lists, during chaos and after it`, async () => {
    await using kit = await JobKit.open(driver);
    const next = random(11);
    for (let round = 0; round < 10; round++) {
      await chaos(kit, next, 60);
      const jobs = (await kit.store.list({}, { limit: 10_000 })).items;
      const counted = Object.entries(Object.groupBy(jobs, (it) => `${it.queue} ${it.state}`));
      const full = new Map(counted.map(([key, { length } = []]) => [key, length]));
      const counts = await kit.store.counts();
      assert.deepEqual(new Map(counts.map((it) => [`${it.queue} ${it.state}`, it.count])), full);
      const running = jobs.filter(({ state }) => state === "running").length;
      const held = (await kit.store.holders()).reduce((sum, it) => sum + it.jobs, 0);
      assert.equal(held, running);
      if (round === 5) await kit.reopen();
    }
  });
}

/** The meaning of a filter, in the plainest way. */
function matches(job: JobRow, filter: JobFilter): boolean {
  const { states, queues, kinds, names, tags, createdFrom, createdBefore } = filter;
  if (states && !states.includes(job.state)) return false;
  if (queues && !queues.includes(job.queue)) return false;
  if (kinds && !kinds.includes(job.kind)) return false;
  if (names && !names.includes(job.name)) return false;
  if (tags && (tags.length === 0 || !tags.every((it) => job.tags.includes(it)))) return false;
  if (createdFrom !== undefined && job.createdAt < createdFrom) return false;
  return createdBefore === undefined || job.createdAt < createdBefore;
}
