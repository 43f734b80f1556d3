import assert from "node:assert/strict";
import { nextTurn } from "../../../fixtures/until.ts";
import type { JobDriver } from "../conformance.ts";
import { COMPLETED, ERROR, JobKit, newJobs, START } from "../job_kit.ts";

/** Registers the cases 37-40. */
export function testCancellation(driver: JobDriver): void {
  testOne(driver);
  testMany(driver);
}

function testOne(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 37 a waiting job is cancelled at once, and never claimed afterwards`, async () => {
    await using kit = await JobKit.open(driver);
    const available = await kit.submit();
    const scheduled = await kit.submit({ start: { inMs: 100 } });
    const retryable = await kit.submit({ pool: "other" });
    await kit.fail(await kit.one({ pool: "other" }), 100);
    const ids = [available.id, scheduled.id, retryable.id];
    const { answers } = await kit.store.cancel({ ids }, { reason: "enough" });
    assert.deepEqual(answers, ids.map((id) => ({ id, answer: "cancelled" })));
    kit.clock.advance(100);
    await kit.sweep();
    for (const id of ids) {
      const job = await kit.get(id);
      assert.deepEqual([job.state, job.cancelReason, job.finishedAt], [
        "cancelled",
        "enough",
        START,
      ]);
      assert.deepEqual(await kit.eventsOf(id, 0), [
        { kind: "end", seq: 1, at: START, state: "cancelled" },
      ]);
    }
    assert.deepEqual((await kit.get(retryable.id)).error, ERROR);
    assert.deepEqual(await kit.take({ slots: 9 }), []);
    assert.deepEqual(await kit.take({ slots: 9, pool: "other" }), []);
  });

  Deno.test(`${name}: 37 an ended or unknown job is not cancelled`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    await kit.end(await kit.one());
    const before = await kit.get(id);
    const { answers } = await kit.store.cancel({ ids: ["none", id, id] });
    assert.deepEqual(answers.map(({ answer }) => answer), ["unknown", "ended", "ended"]);
    assert.deepEqual(await kit.get(id), before);
  });

  Deno.test(`${name}: 38 the holder of a running job hears of a cancellation with its next extension`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const claim = await kit.one();
    const hold = { token: claim.token, leaseMs: 1_000 };
    assert.deepEqual(await kit.store.extend([hold]), ["held"]);
    for (const reason of ["first", "second"]) {
      const { answers } = await kit.store.cancel({ ids: [id] }, { reason });
      assert.deepEqual(answers, [{ id, answer: "cancelling" }]);
    }
    await kit.reopen();
    assert.deepEqual(await kit.store.extend([hold, hold]), ["cancelling", "cancelling"]);
    const running = await kit.get(id);
    assert.deepEqual([running.state, running.cancelReason], ["running", "first"]);
    const error = { code: "cancelled", message: "Stopped" };
    await kit.end(claim, { type: "cancelled", error });
    const job = await kit.get(id);
    assert.deepEqual([job.state, job.cancelReason, job.error], ["cancelled", "first", error]);
    assert.deepEqual(await kit.attemptsOf(id), ["1/1 cancelled"]);
  });

  Deno.test(`${name}: 38 a cancellation without a reason has an empty one`, async () => {
    await using kit = await JobKit.open(driver);
    const running = await kit.submit();
    const claim = await kit.one();
    const waits = await kit.submit();
    await kit.store.cancel({ ids: [running.id, waits.id] });
    assert.equal((await kit.get(running.id)).cancelReason, "");
    assert.equal((await kit.get(waits.id)).cancelReason, "");
    assert.deepEqual(await kit.store.extend([{ token: claim.token, leaseMs: 1 }]), ["cancelling"]);
  });

  Deno.test(`${name}: 38 a job that fails while it is cancelled is not tried again`, async () => {
    await using kit = await JobKit.open(driver);
    for (const retryInMs of [0, null]) {
      const { id } = await kit.submit();
      const claim = await kit.one();
      await kit.store.cancel({ ids: [id] }, { reason: "enough" });
      assert.deepEqual(await kit.fail(claim, retryInMs), { answer: "done", state: "cancelled" });
      const job = await kit.get(id);
      assert.deepEqual([job.error, job.cancelReason], [ERROR, "enough"]);
      assert.deepEqual(await kit.attemptsOf(id), ["1/1 failed"]);
    }
  });

  Deno.test(`${name}: 39 of an end and a cancellation that race, one holds, and one event is kept`, async () => {
    await using kit = await JobKit.open(driver);
    for (let i = 0; i < 20; i++) {
      const { id } = await kit.submit();
      const claim = await kit.one();
      const cancel = (): Promise<unknown> => kit.store.cancel({ ids: [id] }, { reason: "enough" });
      const end = (): Promise<unknown> => kit.end(claim);
      const [first, second] = i % 2 === 0 ? [cancel, end] : [end, cancel];
      await Promise.all([first(), i % 3 === 0 ? nextTurn().then(second) : second()]);
      // The work was done, so its result counts.
      const job = await kit.get(id);
      assert.deepEqual([job.state, job.cancelReason], ["completed", undefined]);
      assert.deepEqual((await kit.eventsOf(id)).map(({ kind }) => kind), ["end"]);
      assert.deepEqual((await kit.store.cancel({ ids: [id] })).answers, [{ id, answer: "ended" }]);
    }
  });

  Deno.test(`${name}: 39 of a claim and a cancellation that race, the job ends cancelled either way`, async () => {
    await using kit = await JobKit.open(driver);
    for (let i = 0; i < 20; i++) {
      const { id } = await kit.submit();
      const early = i % 2 === 0 ? kit.take() : undefined;
      const cancelled = kit.store.cancel({ ids: [id] });
      const claims = await (early ?? kit.take());
      const { answers } = await cancelled;
      assert.equal(answers[0]?.answer, claims.length === 0 ? "cancelled" : "cancelling");
      for (const claim of claims) await kit.end(claim, { type: "cancelled" });
      assert.equal(await kit.stateOf(id), "cancelled");
      assert.deepEqual((await kit.eventsOf(id)).map(({ kind }) => kind), ["end"]);
    }
  });
}

function testMany(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 40 a cancellation by filter reaches all of 10,000 jobs under load`, async () => {
    await using kit = await JobKit.open(driver);
    for (let part = 0; part < 10; part++) {
      await kit.store.submit(newJobs(1_000, (i) => ({ queue: i % 2 === 0 ? "a" : "b" })));
    }
    let hasEnded = false;
    let completed = 0;
    const load = async (): Promise<void> => {
      while (!hasEnded) {
        const claims = await kit.take({ slots: 20 });
        const ends = claims.map(({ token }) => ({ token, outcome: COMPLETED }));
        const answers = await kit.store.finish(ends);
        completed += answers.length;
        await nextTurn();
      }
    };
    const running = Promise.all([load(), load()]);
    const filter = { queues: ["a"] };
    const ids = new Set<string>();
    let parts = 0;
    for (let after: string | undefined, isLast = false; !isLast; isLast = after === undefined) {
      const { answers, next } = await kit.store.cancel({ filter }, { reason: "all", after });
      for (const { id, answer } of answers) {
        assert.ok(answer === "cancelled" || answer === "cancelling");
        assert.ok(!ids.has(id));
        ids.add(id);
      }
      after = next;
      parts++;
    }
    hasEnded = true;
    await running;
    assert.ok(parts > 1, "a filter changes a part of many jobs in one call");
    const counts = new Map<string, number>();
    for (const { queue, state, count } of await kit.store.counts()) {
      counts.set(`${queue} ${state}`, count);
    }
    const of = (key: string): number => counts.get(key) ?? 0;
    assert.equal(of("a cancelled") + of("a completed"), 5_000);
    assert.equal(of("a completed") + of("b completed"), completed);
    assert.equal(of("b cancelled"), 0);
    const [{ id } = { id: "" }] =
      (await kit.store.list({ states: ["cancelled"] }, { limit: 1 })).items;
    assert.equal((await kit.get(id)).cancelReason, "all");
  });

  Deno.test(`${name}: 40 a filter changes what it matches only, and no ended job`, async () => {
    await using kit = await JobKit.open(driver);
    for (const id of ["a", "b", "c", "d"]) await kit.submit({ id, tags: [id, "all"] });
    await kit.end(await kit.one());
    await kit.one();
    const { answers } = await kit.store.cancel({ filter: { tags: ["all"] } });
    assert.deepEqual(answers.toSorted((x, y) => x.id < y.id ? -1 : 1), [
      { id: "b", answer: "cancelling" },
      { id: "c", answer: "cancelled" },
      { id: "d", answer: "cancelled" },
    ]);
    const completed = await kit.store.cancel({ filter: { states: ["completed"] } });
    assert.deepEqual(completed, { answers: [] });
    assert.deepEqual(await kit.store.cancel({ filter: { tags: [] } }), { answers: [] });
    await assert.rejects(kit.store.cancel({ filter: {} }, { after: "x" }), {
      code: "invalid_input",
    });
  });
}
