import assert from "node:assert/strict";
import type { JobDriver } from "../conformance.ts";
import { COMPLETED, JobKit, START } from "../job_kit.ts";

/** Registers the cases 22-30. */
export function testLeases(driver: JobDriver): void {
  testExtensions(driver);
  testFencing(driver);
  testReturns(driver);
}

function testExtensions(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 22 an extended job runs for 20 leases, and is started once`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const { token } = await kit.one({ leaseMs: 1_000 });
    for (let lease = 1; lease <= 20; lease++) {
      kit.clock.advance(990);
      const hold = { token, leaseMs: 1_000, worker: `w${lease}`, progress: { lease } };
      assert.deepEqual(await kit.store.extend([hold]), ["held"]);
      const { ended, lost, removed } = await kit.sweep();
      assert.deepEqual([ended, lost, removed], [0, 0, 0]);
      assert.deepEqual(await kit.take(), []);
      const job = await kit.get(id);
      assert.deepEqual([job.leaseUntil, job.worker, job.progress], [
        START + lease * 990 + 1_000,
        `w${lease}`,
        { lease },
      ]);
    }
    await kit.end({ token });
    assert.deepEqual(await kit.attemptsOf(id), ["1/1 completed"]);
  });

  Deno.test(`${name}: 22 claims are extended each by itself`, async () => {
    await using kit = await JobKit.open(driver);
    for (const id of ["a", "b", "c"]) await kit.submit({ id });
    const [a, b, c] = await kit.take({ slots: 3 });
    assert.ok(a && b && c);
    await kit.end(b);
    await kit.store.cancel({ ids: ["c"] });
    const tokens = [a.token, b.token, c.token, "", "1.x.none", `${a.token}x`];
    const answers = await kit.store.extend(tokens.map((token) => ({ token, leaseMs: 60_000 })));
    assert.deepEqual(answers, ["held", "lost", "cancelling", "lost", "lost", "lost"]);
    assert.equal((await kit.get("a")).leaseUntil, START + 60_000);
    assert.deepEqual(await kit.store.extend([]), []);
    assert.deepEqual(await kit.store.finish([]), []);
  });

  Deno.test(`${name}: 23 a job that was not extended is available after its lease, and keeps the attempt`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    await kit.one({ holder: "h", leaseMs: 1_000 });
    kit.clock.advance(999);
    assert.equal((await kit.sweep()).lost, 0);
    assert.deepEqual(await kit.take(), []);
    kit.clock.advance(1);
    const swept = { ended: [], lost: 1, removed: 0, unusedBlobs: [], hasMore: false };
    assert.deepEqual(await kit.store.sweep(), swept);
    const { state, attempt, run, attempts, holder, leaseUntil, error } = await kit.get(id);
    assert.deepEqual([state, attempt, run, holder, leaseUntil, error?.code], [
      "available",
      1,
      1,
      undefined,
      undefined,
      "host_lost",
    ]);
    const [lost, ...more] = attempts;
    assert.deepEqual({ ...lost, error: lost?.error?.code }, {
      run: 1,
      attempt: 1,
      outcome: "lost",
      startedAt: START,
      finishedAt: START + 1_000,
      holder: "h",
      error: "host_lost",
    });
    assert.deepEqual(more, []);
    const { job } = await kit.one();
    assert.deepEqual([job.id, job.attempt, job.run, job.error?.code], [id, 2, 2, "host_lost"]);
  });

  Deno.test(`${name}: 23 a job that is lost with its last attempt is discarded`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit({ maxAttempts: 1 });
    await kit.one({ leaseMs: 1_000 });
    kit.clock.advance(1_000);
    const swept = await kit.store.sweep();
    assert.deepEqual(swept.ended, [{ id, state: "discarded" }]);
    assert.equal((await kit.get(id)).error?.code, "host_lost");
    assert.deepEqual((await kit.eventsOf(id)).map(({ kind }) => kind), ["end"]);
  });

  Deno.test(`${name}: 23 the claims of a holder that is proved dead end at once`, async () => {
    await using kit = await JobKit.open(driver);
    for (const id of ["a", "b", "c", "d"]) {
      await kit.submit({ id, maxAttempts: id === "b" ? 1 : 3 });
    }
    const claims = await kit.take({ slots: 3, holder: "dead" });
    await kit.take({ slots: 1, holder: "alive" });
    assert.deepEqual(await kit.store.holders(), [
      { holder: "alive", jobs: 1 },
      { holder: "dead", jobs: 3 },
    ]);
    await kit.end(claims[2] ?? { token: "" });
    const swept = await kit.store.abandon("dead");
    assert.deepEqual([swept.lost, swept.ended], [2, [{ id: "b", state: "discarded" }]]);
    assert.equal((await kit.store.abandon("dead")).lost, 0);
    assert.deepEqual(await kit.store.holders(), [{ holder: "alive", jobs: 1 }]);
    assert.deepEqual((await kit.take({ slots: 9 })).map(({ job }) => job.id), ["a"]);
  });
}

function testFencing(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 24 an extension after the loss of the lease is answered lost`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const { token } = await kit.one({ leaseMs: 1_000 });
    kit.clock.advance(1_000);
    await kit.sweep();
    const hold = { token, leaseMs: 9_000, progress: 1, worker: "w", chunks: [new Uint8Array(3)] };
    const before = await kit.get(id);
    assert.deepEqual(await kit.store.extend([hold]), ["lost"]);
    assert.deepEqual(await kit.get(id), before);
    await kit.one();
    const during = await kit.get(id);
    assert.deepEqual(await kit.store.extend([hold]), ["lost"]);
    assert.deepEqual(await kit.get(id), during);
  });

  Deno.test(`${name}: 24 a late extension holds the job if nobody has taken it yet`, async () => {
    await using kit = await JobKit.open(driver);
    await kit.submit();
    const { token } = await kit.one({ leaseMs: 1_000 });
    kit.clock.advance(5_000);
    assert.deepEqual(await kit.store.extend([{ token, leaseMs: 1_000 }]), ["held"]);
    assert.equal((await kit.sweep()).lost, 0);
    assert.deepEqual(await kit.end({ token }), { answer: "done", state: "completed" });
  });

  Deno.test(`${name}: 25 an end after the loss of the lease is answered lost, and changes nothing`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const stopped = await kit.one({ holder: "stopped", leaseMs: 1_000 });
    kit.clock.advance(1_000);
    await kit.sweep();
    const outcomes = [
      COMPLETED,
      { type: "cancelled" },
      { type: "returned", hasBegun: true },
      { type: "failed", error: { code: "c", message: "m" }, retryInMs: 0 },
    ] as const;
    const chunks = [new Uint8Array([1])];
    const tryAll = async (): Promise<void> => {
      const before = await kit.get(id);
      for (const outcome of outcomes) {
        const end = { token: stopped.token, outcome, chunks, progress: 1 };
        assert.deepEqual(await kit.store.finish([end]), [{ answer: "lost" }]);
      }
      assert.deepEqual(await kit.get(id), before);
    };
    await tryAll();
    const next = await kit.one({ holder: "next" });
    await tryAll();
    await kit.end(next, { type: "completed", result: new Uint8Array([7]) });
    await tryAll();
    assert.deepEqual(await kit.store.result(id), new Uint8Array([7]));
    assert.deepEqual((await kit.eventsOf(id)).map(({ kind }) => kind), ["end"]);
  });

  Deno.test(`${name}: 26 the same end given twice is answered done twice, and has one effect`, async () => {
    await using kit = await JobKit.open(driver);
    const outcomes = [
      [COMPLETED, "completed"],
      [{ type: "cancelled" }, "cancelled"],
      [{ type: "returned", hasBegun: true }, "available"],
      [{ type: "failed", error: { code: "c", message: "m" }, retryInMs: 500 }, "retryable"],
      [{ type: "failed", error: { code: "c", message: "m" }, retryInMs: null }, "discarded"],
    ] as const;
    for (const [outcome, state] of outcomes) {
      const { id } = await kit.submit({ pool: state });
      const { token } = await kit.one({ pool: state });
      const end = { token, outcome, chunks: [new Uint8Array([1])] };
      const [first] = await kit.store.finish([end]);
      const after = await kit.get(id);
      const [second, third] = await kit.store.finish([end, end]);
      assert.deepEqual([first, second, third], Array(3).fill({ answer: "done", state }));
      assert.deepEqual(await kit.get(id), after);
      assert.equal(after.attempts.length, 1);
      for (const [other] of outcomes) {
        if (other.type !== outcome.type) {
          assert.deepEqual(await kit.end({ token }, other), { answer: "lost" }, other.type);
        }
      }
      assert.deepEqual(await kit.get(id), after);
      if (state === "available" || state === "retryable") continue;
      assert.deepEqual((await kit.eventsOf(id)).map(({ kind }) => kind), ["chunk", "end"]);
    }
  });

  Deno.test(`${name}: 27 an end by the token of another claim is refused`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const first = await kit.one({ holder: "h1" });
    await kit.end(first, { type: "returned", hasBegun: true });
    const second = await kit.one({ holder: "h2" });
    assert.notEqual(first.token, second.token);
    assert.deepEqual(await kit.end(first), { answer: "lost" });
    const { token } = second;
    for (const text of ["", "x", "1", token.slice(0, -1), `${token}.`]) {
      assert.deepEqual(await kit.end({ token: text }), { answer: "lost" });
    }
    assert.equal(await kit.stateOf(id), "running");
    assert.equal((await kit.end(second)).answer, "done");
  });

  Deno.test(`${name}: 28 a token is good for whoever has it, also after the store was opened again`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const { token } = await kit.one({ holder: "h1" });
    await kit.reopen();
    assert.deepEqual(await kit.store.extend([{ token, leaseMs: 1_000 }]), ["held"]);
    await kit.reopen();
    assert.deepEqual(await kit.end({ token }), { answer: "done", state: "completed" });
    await kit.reopen();
    assert.deepEqual(await kit.end({ token }), { answer: "done", state: "completed" });
    assert.deepEqual(await kit.attemptsOf(id), ["1/1 completed"]);
  });
}

function testReturns(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 29 a job that is returned at a shutdown is charged no attempt`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit({ maxAttempts: 1 });
    for (let run = 1; run <= 5; run++) {
      const claim = await kit.one();
      assert.deepEqual([claim.job.attempt, claim.job.run], [1, run]);
      const answer = await kit.end(claim, { type: "returned", hasBegun: true });
      assert.deepEqual(answer, { answer: "done", state: "available" });
      assert.equal((await kit.get(id)).attempt, 0);
    }
    await kit.end(await kit.one());
    assert.deepEqual(await kit.attemptsOf(id), [
      ...[1, 2, 3, 4, 5].map((run) => `${run}/1 returned`),
      "6/1 completed",
    ]);
  });

  Deno.test(`${name}: 29 a job that was returned before it began leaves no attempt`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    await kit.end(await kit.one(), { type: "returned", hasBegun: false });
    const job = await kit.get(id);
    assert.deepEqual([job.state, job.attempt, job.attempts], ["available", 0, []]);
    await kit.end(await kit.one());
    assert.deepEqual(await kit.attemptsOf(id), ["2/1 completed"]);
  });

  Deno.test(`${name}: 30 a job whose holder is gone is cancelled if that was asked for`, async () => {
    await using kit = await JobKit.open(driver);
    for (const id of ["swept", "abandoned", "returned"]) await kit.submit({ id, pool: id });
    await kit.one({ pool: "swept", leaseMs: 1_000 });
    await kit.one({ pool: "abandoned", holder: "dead" });
    const claim = await kit.one({ pool: "returned" });
    const ids = ["swept", "abandoned", "returned"];
    await kit.store.cancel({ ids }, { reason: "enough" });
    kit.clock.advance(1_000);
    assert.deepEqual((await kit.store.sweep()).ended, [{ id: "swept", state: "cancelled" }]);
    const { ended } = await kit.store.abandon("dead");
    assert.deepEqual(ended, [{ id: "abandoned", state: "cancelled" }]);
    const answer = await kit.end(claim, { type: "returned", hasBegun: true });
    assert.deepEqual(answer, { answer: "done", state: "cancelled" });
    for (const id of ids) {
      const job = await kit.get(id);
      assert.deepEqual([job.state, job.cancelReason], ["cancelled", "enough"]);
      assert.deepEqual((await kit.eventsOf(id)).map(({ kind }) => kind), ["end"]);
      assert.deepEqual(await kit.take({ pool: id }), []);
    }
  });
}
