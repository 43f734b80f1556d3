import assert from "node:assert/strict";
import type { Claim } from "../../../../src/store/mod.ts";
import { nextTurn } from "../../../fixtures/until.ts";
import { WatchedSignal } from "../../../fixtures/fakes/watched_signal.ts";
import type { JobDriver } from "../conformance.ts";
import { COMPLETED, JobKit, KEPT_MS, newJobs } from "../job_kit.ts";
import { random } from "../random.ts";
import { startSubmitter } from "../submitter.ts";

/** Registers the cases 62, 63, 65, 66 and 68-70. */
export function testFaults(driver: JobDriver): void {
  testRestarts(driver);
  testEngine(driver);
  testLoad(driver);
  testClosing(driver);
}

function testRestarts(driver: JobDriver): void {
  const { name, durable } = driver;

  Deno.test({
    name: `${name}: 62 a store that is killed under load loses no submission that was answered`,
    ignore: !durable,
    async fn(): Promise<void> {
      await using kit = await JobKit.open(driver);
      // These have finished, and must not run again.
      await kit.store.submit(newJobs(200, (i) => ({ id: `finished-${i}` })));
      const claims = await kit.take({ slots: 200 });
      await kit.store.finish(claims.map(({ token }) => ({ token, outcome: COMPLETED })));
      await kit.store[Symbol.asyncDispose]();
      const acked = await startSubmitter(driver, kit.place).killAfter(100);
      await kit.reopen();
      const taken = await kit.take({ slots: 100_000 });
      const ids = new Set(taken.map(({ job }) => job.id));
      for (const id of acked) assert.ok(ids.has(id));
      // One more may have been written whose answer was lost.
      assert.ok(ids.size <= acked.length + 1);
      assert.equal(taken.length, ids.size);
      const completed = await kit.store.list({ states: ["completed"] }, { limit: 500 });
      assert.equal(completed.items.length, 200);
    },
  });

  Deno.test(`${name}: 63 a holder that cannot reach the store for 10 s records its end afterwards`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const claim = await kit.one({ leaseMs: 15_000 });
    kit.clock.advance(10_000);
    await kit.sweep();
    await kit.reopen();
    await kit.end(claim);
    assert.deepEqual(await kit.attemptsOf(id), ["1/1 completed"]);
  });

  Deno.test(`${name}: 68 10,000 jobs under 20 kills of holders all end, and none is finished twice`, async () => {
    await using kit = await JobKit.open(driver);
    const next = random(5);
    for (let part = 0; part < 10; part++) {
      await kit.store.submit(newJobs(1_000, () => ({ maxAttempts: 50 })));
    }
    const starts = new Map<string, number>();
    const ends = new Map<string, number>();
    const held = new Map<string, Claim[]>([["h0", []], ["h1", []], ["h2", []]]);
    let kills = 0;
    while (ends.size < 10_000) {
      for (const [holder, claims] of held) {
        const taken = await kit.take({ holder, slots: 100 - claims.length, leaseMs: 1_000 });
        for (const { job } of taken) starts.set(job.id, (starts.get(job.id) ?? 0) + 1);
        claims.push(...taken);
        const ended = claims.splice(0, next(100));
        const outcome = COMPLETED;
        const answers = await kit.store.finish(ended.map(({ token }) => ({ token, outcome })));
        for (const [i, { answer }] of answers.entries()) {
          const id = ended[i]?.job.id ?? "";
          if (answer === "done") ends.set(id, (ends.get(id) ?? 0) + 1);
        }
      }
      if (kills < 20 && ends.size > kills * 450) {
        kills++;
        const holder = `h${next(3)}`;
        // It comes back later, and tries to end what it had.
        const late = held.get(holder) ?? [];
        held.set(holder, []);
        if (kills % 2 === 0) await kit.store.abandon(holder);
        else {
          kit.clock.advance(1_000);
          await kit.sweep();
        }
        if (kills % 5 === 0) await kit.reopen();
        const tokens = late.map(({ token }) => ({ token, outcome: COMPLETED }));
        for (const { answer } of await kit.store.finish(tokens)) assert.equal(answer, "lost");
        for (const claims of kills % 2 === 0 ? [] : held.values()) claims.length = 0;
      }
    }
    assert.equal(kills, 20);
    assert.deepEqual([...new Set(ends.values())], [1]);
    assert.deepEqual(await kit.store.counts(), [
      { queue: "default", state: "completed", count: 10_000 },
    ]);
    let retried = 0;
    for (const [id, count] of starts) {
      if (count === 1 && next(50) > 0) continue;
      const { run, attempt, attempts } = await kit.get(id);
      assert.deepEqual([run, attempt, attempts.length], [count, count, count]);
      assert.deepEqual(attempts.map(({ outcome }) => outcome), [
        ...Array(count - 1).fill("lost"),
        "completed",
      ]);
      if (count > 1) retried++;
    }
    assert.ok(retried > 100, `${retried} jobs ran again`);
  });
}

function testEngine(driver: JobDriver): void {
  const { name, faults } = driver;

  Deno.test({
    name: `${name}: 65 a full disk is a clear error, and the store is healthy afterwards`,
    ignore: faults === undefined,
    async fn(): Promise<void> {
      await using kit = await JobKit.open(driver);
      const { id } = await kit.submit();
      const claim = await kit.one();
      const jobs = newJobs(100, () => ({ args: new Uint8Array(1_000_000) }));
      {
        await using _ = await faults?.fillDisk(kit.store, kit.place);
        await assert.rejects(kit.store.submit(jobs), { code: "store_failed", retryable: true });
      }
      assert.equal((await kit.end(claim)).answer, "done");
      assert.equal((await kit.store.submit(jobs)).length, 100);
      await kit.reopen();
      assert.equal(await kit.stateOf(id), "completed");
      assert.equal((await kit.take({ slots: 500 })).length, 100);
    },
  });

  Deno.test({
    name: `${name}: 66 a store that cannot keep its promises warns, or refuses to open`,
    ignore: faults === undefined,
    async fn(): Promise<void> {
      const place = await driver.place();
      try {
        const warnings = await faults?.openUnsafe(place).catch((error) => [String(error)]);
        assert.ok(warnings !== undefined && warnings.length > 0);
      } finally {
        await place[Symbol.asyncDispose]();
      }
    },
  });
}

function testLoad(driver: JobDriver): void {
  const { name } = driver;

  // The memory and the times of a million jobs are measured by the benchmark.
  Deno.test(`${name}: 69 after many finished jobs, lists have them, and retention leaves nothing`, async () => {
    await using kit = await JobKit.open(driver);
    for (let part = 0; part < 20; part++) {
      await kit.store.submit(newJobs(1_000, () => ({ tags: ["many"] })));
      const claims = await kit.take({ slots: 1_000 });
      await kit.store.finish(claims.map(({ token }) => ({ token, outcome: COMPLETED })));
      kit.clock.advance(1);
    }
    assert.deepEqual(await kit.store.counts(), [
      { queue: "default", state: "completed", count: 20_000 },
    ]);
    const page = await kit.store.list({ tags: ["many"] }, { limit: 100 });
    assert.equal(page.items.length, 100);
    assert.ok(page.next);
    kit.clock.advance(KEPT_MS - 11);
    assert.equal((await kit.sweep()).removed, 10_000);
    kit.clock.advance(11);
    const first = await kit.store.sweep();
    assert.ok(first.removed < 10_000 && first.hasMore, "one sweep does a part");
    await kit.sweep();
    assert.deepEqual(await kit.store.counts(), []);
    assert.deepEqual(await kit.store.list({}, { limit: 5 }), { items: [] });
    assert.deepEqual(await kit.store.list({ tags: ["many"] }, { limit: 5, after: undefined }), {
      items: [],
    });
  });
}

function testClosing(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 70 a store that is closed ends what waits, and leaves nothing behind`, async () => {
    await using kit = await JobKit.open(driver);
    await kit.submit({ start: { inMs: 60_000 } });
    const { id } = await kit.submit({ pool: "other" });
    const watched = new WatchedSignal();
    const claims = Array.from(
      { length: 5 },
      (_, i) => kit.take({ waitMs: 60_000, ...(i === 0 && { signal: watched.signal }) }),
    );
    const reader = kit.store.events(id, 0, { signal: watched.signal })[Symbol.asyncIterator]();
    const reading = reader.next();
    const settled = Promise.allSettled([...claims, reading]);
    await nextTurn();
    await kit.store[Symbol.asyncDispose]();
    for (const outcome of await settled) {
      assert.equal(outcome.status, "rejected");
      assert.equal(outcome.reason.code, "shutting_down");
    }
    assert.equal(watched.listeners, 0);
    assert.equal(kit.clock.pending, 0);
    const { store } = kit;
    const late: readonly (() => Promise<unknown>)[] = [
      () => store.submit([]),
      () => kit.take({ waitMs: 60_000 }),
      () => store.extend([]),
      () => store.finish([]),
      () => store.cancel({ ids: [] }),
      () => store.retry({ filter: {} }),
      () => store.get(id),
      () => store.list({}, { limit: 1 }),
      () => store.counts(),
      () => store.queues(),
      () => store.sweep(),
      () => kit.eventsOf(id),
    ];
    for (const call of late) await assert.rejects(call, { code: "shutting_down" });
    await store[Symbol.asyncDispose]();
  });

  Deno.test(`${name}: 70 a store may be closed at any moment, and work that was accepted is done`, async () => {
    for (let turns = 0; turns < 4; turns++) {
      await using kit = await JobKit.open(driver);
      const submitted = kit.store.submit(newJobs(500, () => ({})));
      const taken = kit.take({ slots: 500, waitMs: 60_000 });
      taken.catch(() => {});
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      await Promise.all([kit.store[Symbol.asyncDispose](), kit.store[Symbol.asyncDispose]()]);
      assert.equal((await submitted).length, 500);
      assert.equal(kit.clock.pending, 0);
    }
  });
}
