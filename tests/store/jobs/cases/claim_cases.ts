import assert from "node:assert/strict";
import { nextTurn } from "../../../fixtures/until.ts";
import { WatchedSignal } from "../../../fixtures/fakes/watched_signal.ts";
import type { JobDriver } from "../conformance.ts";
import { JobKit, newJobs, START } from "../job_kit.ts";

/** Registers the cases 12-17 and 19-21. */
export function testClaims(driver: JobDriver): void {
  testOrder(driver);
  testWaits(driver);
  testTimes(driver);
}

function testOrder(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 12 of 50 claimers of one job, one wins`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const claims = await Promise.all(
      Array.from({ length: 50 }, (_, i) => kit.take({ holder: `host-${i % 2}`, slots: 3 })),
    );
    assert.deepEqual(claims.flat().map(({ job }) => job.id), [id]);
    assert.equal((await kit.get(id)).run, 1);
  });

  Deno.test(`${name}: 13 a claim takes jobs by priority, then in the order of submission`, async () => {
    await using kit = await JobKit.open(driver);
    const priorities = Array.from({ length: 200 }, (_, i) => ((i * 7) % 21) - 10);
    const jobs = newJobs(200, (i) => ({
      priority: priorities[i] ?? 0,
      // The order holds over all queues of a pool.
      queue: `q${i % 3}`,
    }));
    await kit.store.submit(jobs);
    const expected = jobs.toSorted((a, b) => b.priority - a.priority).map(({ id }) => id);
    const taken: string[] = [];
    while (taken.length < 200) {
      taken.push(...(await kit.take({ slots: 7 })).map(({ job }) => job.id));
    }
    assert.deepEqual(taken, expected);
  });

  Deno.test(`${name}: 13 a job that becomes available later goes to its old place`, async () => {
    await using kit = await JobKit.open(driver);
    for (const id of ["a", "b", "c", "d"]) await kit.submit({ id });
    await kit.submit({ id: "late", start: { inMs: 100 }, priority: 1 });
    const claim = await kit.one();
    await kit.end(claim, { type: "returned", hasBegun: true });
    kit.clock.advance(100);
    const claims = await kit.take({ slots: 9 });
    assert.deepEqual(claims.map(({ job }) => job.id), ["late", "a", "b", "c", "d"]);
  });

  Deno.test(`${name}: 14 a claim takes never more jobs than slots, and fewer if there are fewer`, async () => {
    await using kit = await JobKit.open(driver);
    await kit.store.submit(newJobs(10, (i) => ({ pool: i < 6 ? "a" : "b" })));
    const ask = { holder: "h", leaseMs: 1_000, waitMs: 0 };
    assert.deepEqual(await kit.store.claim({ ...ask, pools: [] }), []);
    assert.deepEqual(await kit.take({ pool: "a", slots: 0 }), []);
    assert.deepEqual(await kit.take({ pool: "none", slots: 5 }), []);
    const pools = [{ pool: "a", slots: 2 }, { pool: "b", slots: 3 }];
    const taken = async (): Promise<string[]> =>
      (await kit.store.claim({ ...ask, pools })).map(({ job }) => job.pool).sort();
    assert.deepEqual(await taken(), ["a", "a", "b", "b", "b"]);
    assert.deepEqual(await taken(), ["a", "a", "b"]);
    assert.deepEqual(await taken(), ["a", "a"]);
    assert.deepEqual(await taken(), []);
  });

  Deno.test(`${name}: 14 a claim shows the job as it runs`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    kit.clock.advance(5);
    const { job, token } = await kit.one({ holder: "h", leaseMs: 700 });
    const { attempts, ...row } = await kit.get(id);
    assert.deepEqual(row, job);
    assert.deepEqual(attempts, []);
    const { state, attempt, run, startedAt, holder, leaseUntil } = job;
    assert.deepEqual({ state, attempt, run, startedAt, holder, leaseUntil }, {
      state: "running",
      attempt: 1,
      run: 1,
      startedAt: START + 5,
      holder: "h",
      leaseUntil: START + 705,
    });
    assert.ok(token.length > 0);
    assert.deepEqual(await kit.store.holders(), [{ holder: "h", jobs: 1 }]);
  });

  Deno.test(`${name}: 20 with 100,000 waiting jobs, claims take the right ones`, async () => {
    await using kit = await JobKit.open(driver);
    for (let part = 0; part < 10; part++) {
      await kit.store.submit(
        newJobs(10_000, (i) => ({ priority: part === 9 && i > 9_990 ? 1 : 0 })),
      );
    }
    const first = await kit.take({ slots: 10 });
    const seqs = first.map(({ job }) => job.seq);
    assert.equal(new Set(first.map(({ job }) => job.priority)).size, 2);
    assert.deepEqual(seqs.map((it) => it - (seqs[0] ?? 0)).slice(0, 9), [
      0,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
    ]);
    assert.deepEqual(await kit.store.counts(), [
      { queue: "default", state: "available", count: 99_990 },
      { queue: "default", state: "running", count: 10 },
    ]);
    const wait = await kit.store.waitOf(
      (await kit.store.list({}, { limit: 20 })).items[19]?.id ?? "",
    );
    assert.deepEqual(wait, { reason: "position", ahead: 1_000 });
  });
}

function testWaits(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 15 a claim that waits gets a job at its submission, and the clock stands still`, async () => {
    await using kit = await JobKit.open(driver);
    const waiting = kit.take({ waitMs: 60_000, slots: 5 });
    await nextTurn();
    await kit.store.submit(newJobs(2, () => ({ pool: "other" })));
    const { id } = await kit.submit();
    assert.deepEqual((await waiting).map(({ job }) => job.id), [id]);
  });

  Deno.test(`${name}: 15 a claim that waits gets a job at an end, a retry, and a return`, async () => {
    await using kit = await JobKit.open(driver);
    const concurrency = { key: "k", limit: 1 };
    const [first, second] = newJobs(2, () => ({ concurrency }));
    assert.ok(first && second);
    await kit.store.submit([first, second]);
    const running = await kit.one();
    let waiting = kit.one({ waitMs: 60_000 });
    await nextTurn();
    await kit.end(running);
    const next = await waiting;
    assert.equal(next.job.id, second.id);
    waiting = kit.one({ waitMs: 60_000 });
    await nextTurn();
    await kit.end(next, { type: "returned", hasBegun: false });
    assert.equal((await waiting).job.id, second.id);
    await kit.end(await waiting);
    waiting = kit.one({ waitMs: 60_000 });
    await nextTurn();
    await kit.store.retry({ ids: [first.id] });
    assert.equal((await waiting).job.id, first.id);
  });

  Deno.test(`${name}: 15 a claim that waits gets a job when its time comes`, async () => {
    await using kit = await JobKit.open(driver);
    const { id, runAt } = await kit.submit({ start: { inMs: 500 } });
    const waiting = kit.one({ waitMs: 60_000 });
    const { job } = await kit.advanceUntil(waiting, { stepMs: 50 });
    assert.equal(job.id, id);
    assert.ok((job.startedAt ?? 0) >= runAt);
    // Well before the wait itself would have ended.
    assert.ok((job.startedAt ?? 0) < runAt + 5_000);
  });

  Deno.test(`${name}: 15 claims that wait share what comes, and end empty after their time`, async () => {
    await using kit = await JobKit.open(driver);
    const waiting = Array.from({ length: 5 }, () => kit.take({ waitMs: 1_000 }));
    await nextTurn();
    await kit.store.submit(newJobs(3, () => ({})));
    const claims = await kit.advanceUntil(Promise.all(waiting), { stepMs: 100 });
    assert.deepEqual(claims.map(({ length }) => length).sort(), [0, 0, 1, 1, 1]);
    assert.equal(new Set(claims.flat().map(({ job }) => job.id)).size, 3);
  });

  Deno.test(`${name}: 16 a claim that is aborted while it waits holds nothing`, async () => {
    await using kit = await JobKit.open(driver);
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = kit.take({ waitMs: 60_000, signal: controller.signal });
    waiting.catch(() => {});
    await nextTurn();
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    await assert.rejects(kit.take({ signal: AbortSignal.abort(reason) }), reason);
    const { id } = await kit.submit();
    assert.equal((await kit.one()).job.id, id);
  });

  Deno.test(`${name}: 16 a claim that is aborted as a job comes has it, or leaves it`, async () => {
    await using kit = await JobKit.open(driver);
    for (let i = 0; i < 30; i++) {
      const watched = new WatchedSignal();
      const waiting = kit.take({ waitMs: 60_000, signal: watched.signal });
      const settled = Promise.allSettled([waiting]);
      await nextTurn();
      const submitted = kit.submit();
      for (let turn = 0; turn < i % 3; turn++) await nextTurn();
      watched.abort(new Error("enough"));
      const [{ status }] = await settled;
      const taken = status === "fulfilled" ? [...await waiting] : [];
      await submitted;
      taken.push(...await kit.take({ slots: 2 }));
      assert.equal(taken.length, 1);
      assert.equal(taken[0]?.job.run, 1);
      for (const claim of taken) await kit.end(claim);
      assert.equal(watched.listeners, 0);
    }
  });

  Deno.test(`${name}: 17 a paused queue gives nothing, what runs goes on, and a resume rings`, async () => {
    await using kit = await JobKit.open(driver);
    await kit.store.declareQueues([{ name: "q" }, { name: "other" }]);
    const running = await kit.submit({ queue: "q" });
    const claim = await kit.one();
    const { id } = await kit.submit({ queue: "q" });
    const other = await kit.submit({ queue: "other" });
    assert.deepEqual(await kit.store.patchQueue("q", { paused: true }), {
      name: "q",
      paused: true,
      draining: false,
      isOverridden: false,
    });
    assert.deepEqual((await kit.take({ slots: 5 })).map(({ job }) => job.id), [other.id]);
    assert.deepEqual(await kit.store.waitOf(id), { reason: "paused" });
    assert.deepEqual(await kit.end(claim), { answer: "done", state: "completed" });
    assert.equal(await kit.stateOf(running.id), "completed");
    await kit.reopen();
    const waiting = kit.take({ waitMs: 60_000 });
    await nextTurn();
    await kit.store.patchQueue("q", { paused: false });
    assert.deepEqual((await waiting).map(({ job }) => job.id), [id]);
  });
}

function testTimes(driver: JobDriver): void {
  const { name } = driver;

  for (const offMs of [-3_600_000, 3_600_000]) {
    const side = offMs < 0 ? "behind" : "ahead";
    Deno.test(`${name}: 19 with the host's clock an hour ${side}, a delay goes by the clock of the store`, async () => {
      await using kit = await JobKit.open(driver);
      const { now } = Date;
      Date.now = () => kit.clock.now() + offMs;
      try {
        const { id, state, runAt } = await kit.submit({ start: { inMs: 60_000 } });
        assert.deepEqual([state, runAt], ["scheduled", START + 60_000]);
        assert.deepEqual(await kit.store.waitOf(id), { reason: "time", until: runAt });
        kit.clock.advance(59_999);
        assert.deepEqual(await kit.take(), []);
        await kit.sweep();
        assert.equal(await kit.stateOf(id), "scheduled");
        kit.clock.advance(1);
        assert.equal((await kit.one()).job.id, id);
      } finally {
        Date.now = now;
      }
    });
  }

  Deno.test(`${name}: 19 a time of the past starts at once, and one of the far future is kept`, async () => {
    await using kit = await JobKit.open(driver);
    const past = await kit.submit({ start: { at: START - 5 } });
    const future = await kit.submit({ start: { at: 8_640_000_000_000_000 } });
    assert.deepEqual([past.state, past.runAt], ["available", START - 5]);
    assert.deepEqual([future.state, future.runAt], ["scheduled", 8_640_000_000_000_000]);
    kit.clock.advance(1_000_000_000);
    assert.deepEqual((await kit.take({ slots: 5 })).map(({ job }) => job.id), [past.id]);
  });

  Deno.test(`${name}: 21 a job that has not begun in time is never claimed, and ends discarded`, async () => {
    await using kit = await JobKit.open(driver);
    const waits = await kit.submit({ ttlMs: 1_000 });
    const scheduled = await kit.submit({ ttlMs: 1_000, start: { inMs: 5_000 } });
    const begun = await kit.submit({ ttlMs: 1_000, priority: 1 });
    assert.equal((await kit.get(waits.id)).startBy, START + 1_000);
    const claim = await kit.one();
    assert.equal(claim.job.id, begun.id);
    kit.clock.advance(1_000);
    assert.deepEqual(await kit.take({ slots: 5 }), []);
    await kit.fail(claim, 0);
    // A sweep reports them, whoever has ended them.
    assert.equal((await kit.sweep()).ended, 2);
    for (const { id } of [waits, scheduled]) {
      const job = await kit.get(id);
      assert.deepEqual([job.state, job.error?.code, job.run], ["discarded", "job_expired", 0]);
      assert.equal(job.finishedAt, START + 1_000);
      assert.deepEqual((await kit.eventsOf(id)).map(({ kind }) => kind), ["end"]);
    }
    // It had begun in time.
    assert.equal((await kit.one()).job.id, begun.id);
  });

  Deno.test(`${name}: 21 a job that was returned before it began can still expire, and be retried`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit({ ttlMs: 1_000 });
    await kit.end(await kit.one(), { type: "returned", hasBegun: false });
    kit.clock.advance(1_000);
    await kit.sweep();
    assert.equal(await kit.stateOf(id), "discarded");
    await kit.store.retry({ ids: [id] });
    assert.equal((await kit.get(id)).startBy, undefined);
    kit.clock.advance(5_000);
    assert.equal((await kit.one()).job.id, id);
  });

  Deno.test(`${name}: 21 a job that expires while it is claimed ends when it is returned`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit({ ttlMs: 1_000 });
    const claim = await kit.one();
    // It is known by then that no waiting job expires.
    await kit.submit();
    kit.clock.advance(1_000);
    assert.equal((await kit.sweep()).ended, 0);
    const [, claims] = await Promise.all([
      kit.end(claim, { type: "returned", hasBegun: false }),
      kit.take({ slots: 5 }),
    ]);
    assert.equal(claims.length, 1);
    assert.equal((await kit.sweep()).ended, 1);
    assert.equal(await kit.stateOf(id), "discarded");
  });
}
