import assert from "node:assert/strict";
import type { JobDriver } from "../conformance.ts";
import { bytesOf, COMPLETED, ERROR, JobKit, KEPT_MS, START } from "../job_kit.ts";

/** Registers the cases 31-34. */
export function testEnds(driver: JobDriver): void {
  testFailures(driver);
  testRetries(driver);
  testResults(driver);
}

function testFailures(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 31 a retryable job waits its back-off, then runs its next attempt`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit({ maxAttempts: 5 });
    for (let attempt = 1; attempt <= 4; attempt++) {
      const claim = await kit.one();
      assert.deepEqual([claim.job.attempt, claim.job.run], [attempt, attempt]);
      assert.deepEqual(claim.job.error, attempt === 1 ? undefined : ERROR);
      kit.clock.advance(10);
      assert.deepEqual(await kit.fail(claim, 1_000), { answer: "done", state: "retryable" });
      const runAt = kit.clock.now() + 1_000;
      const job = await kit.get(id);
      assert.deepEqual([job.runAt, job.error, job.holder], [runAt, ERROR, undefined]);
      assert.deepEqual(await kit.store.waitOf(id), { reason: "time", until: runAt });
      kit.clock.advance(999);
      assert.deepEqual(await kit.take(), []);
      kit.clock.advance(1);
    }
    await kit.end(await kit.one());
    const { state, error, attempts } = await kit.get(id);
    assert.deepEqual([state, error], ["completed", undefined]);
    assert.deepEqual(attempts.map((it) => [it.run, it.attempt, it.outcome, it.error]), [
      ...[1, 2, 3, 4].map((n) => [n, n, "failed", ERROR]),
      [5, 5, "completed", undefined],
    ]);
  });

  Deno.test(`${name}: 31 a job that is returned for later waits with the reason, and costs no attempt`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit({ maxAttempts: 1 });
    for (let run = 1; run <= 3; run++) {
      const claim = await kit.one();
      assert.deepEqual([claim.job.attempt, claim.job.run], [1, run]);
      const outcome = { type: "returned", hasBegun: false, error: ERROR, inMs: 500 } as const;
      assert.deepEqual(await kit.end(claim, outcome), { answer: "done", state: "retryable" });
      assert.deepEqual(await kit.end(claim, outcome), { answer: "done", state: "retryable" });
      const { attempt, error, attempts, runAt } = await kit.get(id);
      assert.deepEqual([attempt, error, attempts], [0, ERROR, []]);
      assert.equal(runAt, kit.clock.now() + 500);
      await kit.reopen();
      kit.clock.advance(499);
      assert.deepEqual(await kit.take(), []);
      kit.clock.advance(1);
    }
    await kit.end(await kit.one());
    assert.deepEqual((await kit.get(id)).attempts.map((it) => [it.run, it.attempt]), [[4, 1]]);
  });

  for (const again of [{}, { error: ERROR, inMs: 500 }]) {
    const when = "inMs" in again ? "for later" : "at once";
    Deno.test(`${name}: 31 a job that is returned ${when} before it began expires in its time`, async () => {
      await using kit = await JobKit.open(driver);
      const { id } = await kit.submit({ ttlMs: 1_000 });
      const claim = await kit.one();
      // The sweep looks for the next one that expires while this one runs.
      await kit.submit({ ttlMs: 100 });
      kit.clock.advance(100);
      await kit.store.sweep();
      await kit.end(claim, { type: "returned", hasBegun: false, ...again });
      await kit.store.sweep();
      kit.clock.advance(899);
      await kit.store.sweep();
      assert.equal((await kit.get(id)).state, "available");
      kit.clock.advance(1);
      assert.deepEqual(await kit.take(), []);
      const { state, error } = await kit.get(id);
      assert.deepEqual([state, error?.code], ["discarded", "job_expired"]);
    });
  }

  Deno.test(`${name}: 31 an attempt keeps its times, its worker and the end of its process`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    kit.clock.advance(5);
    const { token } = await kit.one({ holder: "h" });
    kit.clock.advance(7);
    const outcome = { type: "failed", error: ERROR, retryInMs: 0 } as const;
    const exit = { code: 3, signal: "SIGKILL" };
    await kit.store.finish([{ token, outcome, worker: "w", exit, progress: [1] }]);
    const job = await kit.get(id);
    assert.deepEqual(job.attempts, [{
      run: 1,
      attempt: 1,
      outcome: "failed",
      startedAt: START + 5,
      finishedAt: START + 12,
      holder: "h",
      worker: "w",
      error: ERROR,
      exit,
    }]);
    assert.deepEqual([job.startedAt, job.worker, job.progress], [START + 5, undefined, [1]]);
    assert.equal((await kit.one()).job.progress, undefined);
  });

  Deno.test(`${name}: 31 a sweep makes jobs available whose time has come`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    await kit.fail(await kit.one(), 50);
    const scheduled = await kit.submit({ start: { inMs: 50 } });
    kit.clock.advance(49);
    await kit.sweep();
    assert.deepEqual([await kit.stateOf(id), await kit.stateOf(scheduled.id)], [
      "retryable",
      "scheduled",
    ]);
    kit.clock.advance(1);
    await kit.sweep();
    assert.equal(await kit.stateOf(id), "available");
    assert.equal(await kit.stateOf(scheduled.id), "available");
  });
}

function testRetries(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 32 the last attempt discards a job, which is kept and can be retried`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit({ maxAttempts: 1 });
    const answer = await kit.fail(await kit.one(), null);
    assert.deepEqual(answer, { answer: "done", state: "discarded" });
    const discarded = await kit.get(id);
    assert.deepEqual([discarded.error, discarded.finishedAt], [ERROR, START]);
    kit.clock.advance(KEPT_MS - 1);
    await kit.sweep();
    const retried = await kit.store.retry({ ids: [id] });
    assert.deepEqual(retried, { answers: [{ id, answer: "retried" }] });
    const { state, attempt, maxAttempts, run, error, finishedAt, runAt } = await kit.get(id);
    assert.deepEqual(
      { state, attempt, maxAttempts, run, error, finishedAt, runAt },
      {
        state: "available",
        attempt: 1,
        maxAttempts: 2,
        run: 1,
        error: undefined,
        finishedAt: undefined,
        runAt: kit.clock.now(),
      },
    );
    await kit.end(await kit.one());
    assert.deepEqual(await kit.attemptsOf(id), ["1/1 failed", "2/2 completed"]);
    assert.deepEqual((await kit.eventsOf(id)).map((it) => it.kind === "end" && it.state), [
      "discarded",
      "completed",
    ]);
  });

  Deno.test(`${name}: 32 an ended job is removed after the retention of its state`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 1_000, cancelledMs: 2_000, discardedMs: 3_000 };
    for (const id of ["completed", "cancelled", "discarded", "waits"]) {
      await kit.submit({ id, retention });
    }
    const [completed, cancelled, discarded] = await kit.take({ slots: 3 });
    assert.ok(completed && cancelled && discarded);
    await kit.end(completed);
    await kit.end(cancelled, { type: "cancelled" });
    await kit.fail(discarded, null);
    const left = async (): Promise<string[]> =>
      (await kit.store.list({}, { limit: 9 })).items.map(({ id }) => id);
    kit.clock.advance(999);
    assert.equal((await kit.sweep()).removed, 0);
    for (const [i, id] of ["completed", "cancelled", "discarded"].entries()) {
      kit.clock.advance(i === 0 ? 1 : 1_000);
      assert.equal((await kit.sweep()).removed, 1);
      assert.equal(await kit.store.get(id), undefined);
      assert.equal(await kit.store.result(id), undefined);
      assert.deepEqual(await kit.eventsOf(id), []);
    }
    assert.deepEqual(await left(), ["waits"]);
    assert.deepEqual(await kit.store.counts(), [{
      queue: "default",
      state: "available",
      count: 1,
    }]);
  });

  Deno.test(`${name}: 32 a retry of a completed job drops its result, and one that waits starts at once`, async () => {
    await using kit = await JobKit.open(driver);
    const done = await kit.submit();
    await kit.end(await kit.one(), { type: "completed", result: bytesOf(5) });
    const scheduled = await kit.submit({ start: { inMs: 60_000 } });
    const failed = await kit.submit({ pool: "other" });
    await kit.fail(await kit.one({ pool: "other" }), 60_000);
    const ids = [done.id, scheduled.id, failed.id, "none"];
    const { answers } = await kit.store.retry({ ids });
    assert.deepEqual(answers, [
      ...ids.slice(0, 3).map((id) => ({ id, answer: "retried" })),
      { id: "none", answer: "unknown" },
    ]);
    const job = await kit.get(done.id);
    assert.deepEqual([job.resultBytes, await kit.store.result(done.id)], [undefined, undefined]);
    assert.equal(job.maxAttempts, 3);
    // Its last attempt has failed, also while the next one waits.
    assert.deepEqual((await kit.get(failed.id)).error, ERROR);
    for (const id of ids.slice(0, 3)) assert.equal(await kit.stateOf(id), "available");
    const again = await kit.store.retry({ ids: [done.id] });
    assert.deepEqual(again.answers, [{ id: done.id, answer: "retried" }]);
    assert.equal((await kit.take({ slots: 9 })).length, 2);
  });

  Deno.test(`${name}: 32 a retry by filter goes over ended jobs and those that wait for their time`, async () => {
    await using kit = await JobKit.open(driver);
    for (let i = 0; i < 6; i++) await kit.submit({ id: `j${i}`, tags: [i < 5 ? "yes" : "no"] });
    await kit.submit({ id: "scheduled", tags: ["yes"], start: { inMs: 50 } });
    const claims = await kit.take({ slots: 3 });
    for (const claim of claims.slice(0, 2)) await kit.fail(claim, null);
    await kit.store.cancel({ ids: ["j5", "j4"] });
    const { answers, next } = await kit.store.retry({ filter: { tags: ["yes"] } });
    assert.deepEqual([answers.map(({ id }) => id).sort(), next], [
      ["j0", "j1", "j4", "scheduled"],
      undefined,
    ]);
    assert.equal(await kit.stateOf("j5"), "cancelled");
    assert.equal(await kit.stateOf("j2"), "running");
  });

  Deno.test(`${name}: 33 a running job is not retried`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const claim = await kit.one();
    const before = await kit.get(id);
    const { answers } = await kit.store.retry({ ids: [id] });
    assert.deepEqual(answers, [{ id, answer: "running" }]);
    assert.deepEqual(await kit.get(id), before);
    assert.equal((await kit.end(claim)).answer, "done");
  });
}

function testResults(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 34 results of every size come back byte for byte`, async () => {
    await using kit = await JobKit.open(driver);
    for (const length of [0, 1, 65_535, 65_536, 65_537, 3_000_000]) {
      const { id } = await kit.submit({ args: bytesOf(length, 2) });
      const claim = await kit.one();
      assert.deepEqual(claim.args, bytesOf(length, 2));
      assert.equal(await kit.store.result(id), undefined);
      await kit.end(claim, { type: "completed", result: bytesOf(length) });
      await kit.reopen();
      assert.deepEqual(await kit.store.result(id), bytesOf(length));
      assert.deepEqual(await kit.store.args(id), bytesOf(length, 2));
      assert.equal((await kit.get(id)).resultBytes, length);
    }
    assert.equal(await kit.store.result("none"), undefined);
  });

  Deno.test(`${name}: 34 an end does not spoil those beside it`, async () => {
    await using kit = await JobKit.open(driver);
    for (const id of ["a", "b", "c"]) await kit.submit({ id });
    const claims = await kit.take({ slots: 3 });
    const outcomes = [COMPLETED, { type: "failed", error: ERROR, retryInMs: null }] as const;
    const ends = claims.slice(0, 2).map(({ token }, i) => ({
      token,
      outcome: outcomes[i] ?? COMPLETED,
    }));
    const answers = await kit.store.finish([{ token: "none", outcome: COMPLETED }, ...ends]);
    assert.deepEqual(answers, [
      { answer: "lost" },
      { answer: "done", state: "completed" },
      { answer: "done", state: "discarded" },
    ]);
    assert.equal(await kit.stateOf("c"), "running");
  });
}
