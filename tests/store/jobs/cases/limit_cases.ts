import assert from "node:assert/strict";
import type { Claim, NewJob } from "../../../../src/store/mod.ts";
import type { JobDriver } from "../conformance.ts";
import { JobKit, newJob, newJobs } from "../job_kit.ts";
import { random } from "../random.ts";

/** Registers the cases 41-45, and those of queues. */
export function testLimits(driver: JobDriver): void {
  testConcurrency(driver);
  testRates(driver);
  testQueues(driver);
}

function testConcurrency(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 41 the limit of a key is never passed, with three claimers and kills`, async () => {
    await using kit = await JobKit.open(driver);
    await kit.store.submit(
      newJobs(300, (i) => ({
        concurrency: { key: `k${i % 4}`, limit: 2 },
        maxAttempts: 1_000,
        priority: i % 3,
      })),
    );
    const next = random(7);
    const held = new Map<string, Claim[]>([["h1", []], ["h2", []], ["h3", []]]);
    const done = new Set<string>();
    let most = 0;
    for (let step = 0; done.size < 300; step++) {
      assert.ok(step < 5_000, "all jobs end");
      for (const [holder, claims] of held) {
        claims.push(...await kit.take({ holder, slots: 1 + next(5) }));
      }
      const running = new Map<string, number>();
      for (const { job: { concurrencyKey = "" } } of [...held.values()].flat()) {
        running.set(concurrencyKey, (running.get(concurrencyKey) ?? 0) + 1);
      }
      most = Math.max(most, ...running.values());
      for (const [holder, claims] of held) {
        if (next(10) === 0) {
          await kit.store.abandon(holder);
          claims.length = 0;
        }
        for (const claim of claims.splice(0, next(4))) {
          await kit.end(claim);
          done.add(claim.job.id);
        }
      }
    }
    assert.equal(most, 2);
    assert.deepEqual(await kit.store.counts(), [
      { queue: "default", state: "completed", count: 300 },
    ]);
  });

  Deno.test(`${name}: 41 the limit of the last submission holds`, async () => {
    await using kit = await JobKit.open(driver);
    const submit = (limit: number): Promise<unknown> =>
      kit.store.submit(newJobs(5, () => ({ concurrency: { key: "k", limit } })));
    await submit(3);
    const claims = [...await kit.take({ slots: 9 })];
    assert.equal(claims.length, 3);
    await submit(1);
    for (const claim of claims) {
      assert.deepEqual(await kit.take({ slots: 9 }), []);
      await kit.end(claim);
    }
    const [one, ...more] = await kit.take({ slots: 9 });
    assert.ok(one && more.length === 0);
    await submit(4);
    assert.equal((await kit.take({ slots: 9 })).length, 3);
  });

  Deno.test(`${name}: 41 once all jobs of a key have ended, the next one brings its own limit`, async () => {
    await using kit = await JobKit.open(driver);
    const ids = ["two", "one", "three"];
    for (const [i, limit] of [2, 1, 3].entries()) {
      await kit.submit({ id: ids[i] ?? "", concurrency: { key: "k", limit } });
      if (i < 2) await kit.store.cancel({ ids });
    }
    // Until the end of the job that is there, its limit holds also for those that come back.
    await kit.store.retry({ ids: ["one", "two"] });
    const claims = await kit.take({ slots: 9 });
    assert.equal(claims.length, 3);
    for (const claim of claims) await kit.end(claim);
    const starts = async (): Promise<number> => {
      await kit.reopen();
      const started = await kit.take({ slots: 9 });
      await kit.store.cancel({ ids });
      for (const claim of started) await kit.end(claim, { type: "cancelled" });
      return started.length;
    };
    // The first that is back decides, and the last submitted one is the first of a filter.
    await kit.store.retry({ ids: ["two", "one", "three"] });
    assert.equal(await starts(), 2);
    await kit.store.retry({ ids: ["one", "two", "three"] });
    assert.equal(await starts(), 1);
    await kit.store.retry({ filter: {} });
    assert.equal(await starts(), 3);
  });

  Deno.test(`${name}: 41 a limit that was raised lets the first of those through that wait`, async () => {
    await using kit = await JobKit.open(driver);
    const jobs = newJobs(
      8,
      (i) => ({ concurrency: { key: "k", limit: 1 }, priority: i === 6 ? 1 : 0 }),
    );
    await kit.store.submit(jobs);
    const ids = async (): Promise<number[]> =>
      (await kit.take({ slots: 9 })).map(({ job }) => jobs.findIndex(({ id }) => id === job.id));
    const first = await ids();
    await kit.submit({ concurrency: { key: "k", limit: 4 } });
    const more = await ids();
    assert.deepEqual([first.length, more.length], [1, 3]);
    // The first one may have been let through before that of the higher priority came.
    assert.deepEqual([...first, ...more].sort(), [0, 1, 2, 6]);
  });

  Deno.test(`${name}: 41 a key counts in its queue only`, async () => {
    await using kit = await JobKit.open(driver);
    const concurrency = { key: "k", limit: 1 };
    await kit.store.submit(newJobs(6, (i) => ({ queue: `q${i % 3}`, concurrency })));
    assert.equal((await kit.take({ slots: 9 })).length, 3);
  });

  Deno.test(`${name}: 42 the slot of a dead holder is freed once`, async () => {
    await using kit = await JobKit.open(driver);
    const concurrency = { key: "k", limit: 2 };
    await kit.store.submit(newJobs(6, () => ({ concurrency })));
    const dead = await kit.take({ slots: 9, holder: "dead", leaseMs: 1_000 });
    assert.equal(dead.length, 2);
    kit.clock.advance(1_000);
    for (let i = 0; i < 3; i++) await kit.sweep();
    await kit.store.abandon("dead");
    assert.deepEqual(await kit.end(dead[0] ?? { token: "" }), { answer: "lost" });
    const claims = await kit.take({ slots: 9 });
    assert.equal(claims.length, 2);
    // Its own jobs are the first of the key again.
    assert.deepEqual(claims.map(({ job }) => job.id), dead.map(({ job }) => job.id));
    assert.deepEqual(await kit.take({ slots: 9 }), []);
  });

  Deno.test(`${name}: 42 a slot is freed by each way in which a job can end or leave`, async () => {
    await using kit = await JobKit.open(driver);
    const concurrency = { key: "k", limit: 1 };
    const ids = newJobs(6, () => ({ concurrency })).map((job) => job.id);
    await kit.store.submit(ids.map((id) => newJob({ id, concurrency })));
    const outcomes = [
      { type: "completed", result: new Uint8Array() },
      { type: "failed", error: { code: "c", message: "m" }, retryInMs: 5_000 },
      { type: "failed", error: { code: "c", message: "m" }, retryInMs: null },
      { type: "cancelled" },
    ] as const;
    for (const [i, outcome] of outcomes.entries()) {
      const claims = await kit.take({ slots: 9 });
      assert.deepEqual(claims.map(({ job }) => job.id), [ids[i]]);
      for (const claim of claims) await kit.end(claim, outcome);
    }
    // The one that may start next is cancelled while it waits.
    await kit.store.cancel({ ids: [ids[4] ?? ""] });
    assert.deepEqual((await kit.take({ slots: 9 })).map(({ job }) => job.id), [ids[5]]);
  });

  Deno.test(`${name}: 43 the limit of a key and of the whole queue hold together`, async () => {
    await using kit = await JobKit.open(driver);
    await kit.store.declareQueues([{ name: "q", concurrency: 5 }]);
    await kit.store.submit(
      newJobs(60, (i) => ({ queue: "q", concurrency: { key: `k${i % 3}`, limit: 2 } })),
    );
    const next = random(3);
    const running: Claim[] = [];
    let done = 0;
    while (done < 60) {
      running.push(...await kit.take({ slots: 9 }));
      const keys = Map.groupBy(running, ({ job }) => job.concurrencyKey);
      assert.ok([...keys.values()].every(({ length }) => length <= 2));
      // All that may run does: three keys let six run, and the queue five.
      const left = 60 - done;
      if (left > 20) assert.equal(running.length, 5);
      const [claim] = running.splice(next(running.length), 1);
      assert.ok(claim);
      await kit.end(claim);
      done++;
    }
    assert.deepEqual(await kit.store.counts(), [{ queue: "q", state: "completed", count: 60 }]);
  });

  Deno.test(`${name}: 43 a job with two keys waits for both`, async () => {
    await using kit = await JobKit.open(driver);
    const rate = { key: "r", limit: 2, periodMs: 1_000 };
    const ids = ["a1", "a2", "b1", "b2", "b3"];
    await kit.store.submit(
      ids.map((id) => newJob({ id, rate, concurrency: { key: id.charAt(0), limit: 1 } })),
    );
    const first = await kit.take({ slots: 9 });
    assert.deepEqual(first.map(({ job }) => job.id), ["a1", "b1"]);
    assert.deepEqual(await kit.take({ slots: 9 }), []);
    kit.clock.advance(500);
    assert.deepEqual(await kit.take({ slots: 9 }), []);
    await kit.end(first[1] ?? { token: "" });
    assert.deepEqual((await kit.take({ slots: 9 })).map(({ job }) => job.id), ["b2"]);
    await kit.end(first[0] ?? { token: "" });
    assert.deepEqual(await kit.take({ slots: 9 }), []);
    kit.clock.advance(500);
    assert.deepEqual((await kit.take({ slots: 9 })).map(({ job }) => job.id), ["a2"]);
  });

  Deno.test(`${name}: 45 a job that one key blocks does not use up its other key`, async () => {
    await using kit = await JobKit.open(driver);
    const [concurrency, rate] = [{ key: "c", limit: 1 }, { key: "r", limit: 1, periodMs: 1_000 }];
    await kit.submit({ id: "both", concurrency, rate });
    await kit.submit({ id: "rate", pool: "other", rate });
    await kit.submit({ id: "concurrency", concurrency });
    const pools = [{ pool: "other", slots: 1 }, { pool: "main", slots: 1 }];
    const claims = await kit.store.claim({ pools, holder: "h", leaseMs: 1_000, waitMs: 0 });
    assert.deepEqual(claims.map(({ job }) => job.id), ["rate", "concurrency"]);
  });

  Deno.test(`${name}: 45 a job of two keys starts, whatever the number of other keys that are full`, async () => {
    await using kit = await JobKit.open(driver);
    const rate = { key: "r", limit: 300, periodMs: 300_000 };
    const of = (i: number): Partial<NewJob> => ({
      rate,
      concurrency: { key: `k${String(i).padStart(3, "0")}`, limit: 1 },
    });
    await kit.store.submit(newJobs(300, of));
    assert.equal((await kit.take({ slots: 999 })).length, 300);
    // One more of each, whose first key is full.
    await kit.store.submit(newJobs(300, of));
    const { id } = await kit.submit(of(999));
    assert.deepEqual(await kit.take({ slots: 999 }), []);
    kit.clock.advance(1_000);
    assert.deepEqual((await kit.take({ slots: 999 })).map(({ job }) => job.id), [id]);
  });

  Deno.test(`${name}: 45 a blocked key does not hold up other keys`, async () => {
    await using kit = await JobKit.open(driver);
    const blocked = { key: "blocked", limit: 1 };
    await kit.store.submit(newJobs(5_000, () => ({ concurrency: blocked, priority: 5 })));
    await kit.store.submit(newJobs(50, (i) => ({ concurrency: { key: `k${i}`, limit: 1 } })));
    await kit.store.submit(newJobs(50, () => ({})));
    const claims = await kit.take({ slots: 200 });
    assert.equal(claims.length, 101);
    assert.equal(claims[0]?.job.concurrencyKey, "blocked");
    const { items } = await kit.store.list({ states: ["available"] }, { limit: 1 });
    assert.deepEqual(await kit.store.waitOf(items[0]?.id ?? ""), {
      reason: "limit",
      limit: "concurrency key",
      key: "blocked",
    });
  });
}

function testRates(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 45 a job that has expired does not hold up those of its key`, async () => {
    await using kit = await JobKit.open(driver);
    const concurrency = { key: "k", limit: 1 };
    for (let i = 0; i < 3; i++) await kit.submit({ concurrency, ttlMs: 100 });
    const { id } = await kit.submit({ concurrency });
    kit.clock.advance(100);
    assert.deepEqual((await kit.take({ slots: 5 })).map(({ job }) => job.id), [id]);
  });

  for (
    const limit of [
      { concurrency: { key: "k", limit: 1 } },
      { rate: { key: "k", limit: 1, periodMs: 1_000 } },
    ]
  ) {
    const [kind] = Object.keys(limit);
    Deno.test(`${name}: 45 a ${kind} key is not used up by a job whose pool has no slot`, async () => {
      await using kit = await JobKit.open(driver);
      await kit.submit({ id: "a", pool: "busy", ...limit });
      await kit.submit({ id: "b", ...limit });
      await kit.submit({ id: "c", ...limit });
      const claim = await kit.one();
      assert.equal(claim.job.id, "b");
      assert.deepEqual(await kit.take({ slots: 5 }), []);
      assert.deepEqual(await kit.take({ slots: 5, pool: "busy" }), []);
      const wait = await kit.store.waitOf("a");
      assert.ok(wait?.reason === "limit" && wait.key === "k");
      await kit.end(claim);
      kit.clock.advance(1_000);
      assert.equal((await kit.one({ pool: "busy" })).job.id, "a");
      assert.deepEqual(await kit.take({ slots: 5 }), []);
    });
  }

  for (const claimers of [1, 2]) {
    Deno.test(`${name}: 44 a rate holds over 10 windows, with ${claimers} claimers`, async () => {
      await using kit = await JobKit.open(driver);
      const rate = { key: "r", limit: 20, periodMs: 1_000 };
      await kit.store.submit(newJobs(400, () => ({ rate })));
      const starts: number[] = [];
      for (let ms = 0; ms <= 11_000; ms += 10) {
        for (let i = 0; i < claimers; i++) {
          for (const { job, token } of await kit.take({ holder: `h${i}`, slots: 3 })) {
            starts.push((job.startedAt ?? 0) - job.createdAt);
            await kit.end({ token });
          }
        }
        kit.clock.advance(10);
      }
      // The burst is over after the first window.
      const steady = starts.filter((it) => it >= 1_000 && it < 11_000);
      assert.ok(Math.abs(steady.length - 200) <= 10, `${steady.length} starts`);
      for (let from = 1_000; from < 11_000; from += 1_000) {
        const inWindow = steady.filter((it) => it >= from && it < from + 1_000).length;
        assert.ok(inWindow <= 21, `${inWindow} starts from ${from}`);
      }
    });
  }

  Deno.test(`${name}: 44 a rate counts past starts, also if all jobs of its key are gone`, async () => {
    await using kit = await JobKit.open(driver);
    const rate = { key: "r", limit: 2, periodMs: 10_000 };
    const retention = { completedMs: 10, cancelledMs: 10, discardedMs: 10 };
    const submit = async (): Promise<readonly Claim[]> => {
      await kit.store.submit(newJobs(2, () => ({ rate, retention })));
      return await kit.take({ slots: 9 });
    };
    const first = await submit();
    assert.equal(first.length, 2);
    for (const claim of first) await kit.end(claim);
    kit.clock.advance(10);
    assert.equal((await kit.sweep()).removed, 2);
    await kit.reopen();
    assert.deepEqual(await submit(), []);
    kit.clock.advance(5_000);
    const [second, ...none] = await kit.take({ slots: 9 });
    assert.ok(second && none.length === 0);
    await kit.end(second);
    await kit.store.cancel({ filter: {} });
    // The debt is paid at 15 s; then nothing of the key is left.
    kit.clock.advance(10_000);
    await kit.sweep();
    assert.equal((await submit()).length, 2);
  });

  Deno.test(`${name}: 44 a job that a rate holds back says until when, and a claim that waits gets it then`, async () => {
    await using kit = await JobKit.open(driver);
    const rate = { key: "r", limit: 2, periodMs: 1_000 };
    const jobs = newJobs(3, () => ({ rate }));
    await kit.store.submit(jobs);
    assert.equal((await kit.take({ slots: 9 })).length, 2);
    const [, , third] = jobs;
    assert.ok(third);
    const until = kit.clock.now() + 500;
    const wait = await kit.store.waitOf(third.id);
    assert.ok(wait?.reason === "limit" && wait.limit === "rate key" && wait.key === "r");
    // Sums of intervals are rounded, to a hundredth of one at most.
    assert.ok(wait.until !== undefined && Math.abs(wait.until - until) <= 5, `${wait.until}`);
    const waiting = kit.one({ waitMs: 60_000 });
    const { job } = await kit.advanceUntil(waiting, { stepMs: 10 });
    assert.equal(job.id, third.id);
    assert.ok((job.startedAt ?? 0) >= until - 5);
  });

  Deno.test(`${name}: 44 a blocked rate does not hold up other keys`, async () => {
    await using kit = await JobKit.open(driver);
    const blocked = { key: "blocked", limit: 1, periodMs: 60_000 };
    await kit.store.submit(newJobs(1_000, () => ({ rate: blocked, priority: 5 })));
    await kit.store.submit(newJobs(10, (i) => ({ rate: { ...blocked, key: `k${i}` } })));
    assert.equal((await kit.take({ slots: 50 })).length, 11);
    assert.deepEqual(await kit.take({ slots: 50 }), []);
  });
}

function testQueues(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 43 the limits of a queue hold, and say so`, async () => {
    await using kit = await JobKit.open(driver);
    const rate = { limit: 3, periodMs: 3_000 };
    await kit.store.declareQueues([{ name: "c", concurrency: 2 }, { name: "r", rate }]);
    const jobs = newJobs(10, (i) => ({ queue: i < 5 ? "c" : "r" }));
    await kit.store.submit(jobs);
    const claims = await kit.take({ slots: 20 });
    assert.deepEqual(claims.map(({ job }) => job.queue), ["c", "c", "r", "r", "r"]);
    const waits = [2, 8].map((i) => kit.store.waitOf(jobs[i]?.id ?? ""));
    const [concurrency, limited] = await Promise.all(waits);
    assert.deepEqual(concurrency, { reason: "limit", limit: "queue concurrency" });
    assert.ok(limited?.reason === "limit" && limited.limit === "queue rate");
    assert.ok(limited.until !== undefined && limited.until > kit.clock.now());
    kit.clock.advance(1_000);
    assert.deepEqual((await kit.take({ slots: 20 })).map(({ job }) => job.queue), ["r"]);
    for (const claim of claims) await kit.end(claim);
    assert.deepEqual((await kit.take({ slots: 20 })).map(({ job }) => job.queue), ["c", "c"]);
  });

  Deno.test(`${name}: 43 a patch overrides the declared limit, until it is taken back`, async () => {
    await using kit = await JobKit.open(driver);
    const declared = [{ name: "b", concurrency: 2 }, { name: "a" }];
    await kit.store.declareQueues(declared);
    const a = { name: "a", paused: false, draining: false, isOverridden: false };
    const b = { name: "b", paused: false, draining: false, isOverridden: false, concurrency: 2 };
    assert.deepEqual(await kit.store.queues(), [a, b]);
    const raised = { ...b, concurrency: 4, isOverridden: true };
    assert.deepEqual(await kit.store.patchQueue("b", { concurrency: 4 }), raised);
    await kit.store.submit(newJobs(9, () => ({ queue: "b" })));
    assert.equal((await kit.take({ slots: 20 })).length, 4);
    await kit.store.declareQueues(declared);
    await kit.reopen();
    assert.deepEqual(await kit.store.queues(), [a, raised]);
    assert.deepEqual(await kit.store.patchQueue("b", { concurrency: null }), b);
    assert.deepEqual(await kit.store.patchQueue("b", { paused: true }), { ...b, paused: true });
    assert.equal(await kit.store.patchQueue("none", { paused: true }), undefined);
  });

  Deno.test(`${name}: 43 a queue that is not declared any more stays while it has jobs`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 10, cancelledMs: 10, discardedMs: 10 };
    await kit.store.declareQueues([{ name: "old" }, { name: "kept" }]);
    await kit.submit({ queue: "old", retention });
    await kit.store.declareQueues([{ name: "kept" }]);
    const names = async (): Promise<string[]> => (await kit.store.queues()).map((it) => it.name);
    assert.deepEqual(await names(), ["kept", "old"]);
    await kit.end(await kit.one());
    kit.clock.advance(10);
    await kit.sweep();
    assert.deepEqual(await names(), ["kept"]);
  });
}
