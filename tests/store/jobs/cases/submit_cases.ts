import assert from "node:assert/strict";
import { JOB_LIMITS, type NewJob } from "../../../../src/store/mod.ts";
import type { JobDriver } from "../conformance.ts";
import { bytesOf, JobKit, KEPT_MS, newJob, newJobs, REFUSED, START } from "../job_kit.ts";
import { startSubmitter } from "../submitter.ts";

/** Registers the cases 1-8, 10 and 11. */
export function testSubmissions(driver: JobDriver): void {
  testBatches(driver);
  testIdempotency(driver);
  testUnique(driver);
  testPayloads(driver);
}

function testBatches(driver: JobDriver): void {
  const { name, durable } = driver;
  Deno.test({
    name: `${name}: 1 a submission is durable before its answer: after kill -9 it is there`,
    ignore: !durable,
    async fn(): Promise<void> {
      await using kit = await JobKit.open(driver);
      await kit.store[Symbol.asyncDispose]();
      const acked = await startSubmitter(driver, kit.place).killAfter(50);
      await kit.reopen();
      for (const id of acked) assert.equal(await kit.stateOf(id), "available");
      assert.ok(acked.length >= 50);
    },
  });

  Deno.test(`${name}: 2 a batch of 1,000 keeps its order`, async () => {
    await using kit = await JobKit.open(driver);
    const jobs = newJobs(1_000, (i) => ({ args: bytesOf(i % 7, i) }));
    const answers = await kit.store.submit(jobs);
    assert.deepEqual(answers[999], {
      answer: "created",
      id: jobs[999]?.id,
      state: "available",
      createdAt: START,
      runAt: START,
    });
    assert.deepEqual(answers.map(({ id }) => id), jobs.map(({ id }) => id));
    const claims = await kit.take({ slots: 2_000 });
    assert.deepEqual(claims.map(({ job }) => job.id), jobs.map(({ id }) => id));
    assert.deepEqual(claims.map(({ args }) => args), jobs.map(({ args }) => args));
    const seqs = claims.map(({ job }) => job.seq);
    assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
  });

  Deno.test(`${name}: 2 a batch is all or nothing`, async () => {
    await using kit = await JobKit.open(driver);
    const known = await kit.submit();
    const jobs = newJobs(1_000, (i) => i === 998 ? { id: known.id } : {});
    await assert.rejects(kit.store.submit(jobs), REFUSED);
    assert.deepEqual(await kit.store.counts(), [{
      queue: "default",
      state: "available",
      count: 1,
    }]);
    assert.deepEqual(await kit.store.submit([]), []);
  });

  Deno.test(`${name}: 3 one bad item refuses the batch, and every bad item is named`, async () => {
    await using kit = await JobKit.open(driver);
    const bad: Partial<NewJob>[] = [
      { id: "a b" },
      { priority: 11 },
      { maxAttempts: 0 },
      { maxAttempts: 1e9 },
      { start: { inMs: -1 } },
      { start: { inMs: NaN } },
      { start: { inMs: 1e18 } },
      { start: { at: 8_640_000_000_000_001 } },
      { idempotency: { key: "k".repeat(10_240), hash: "h", ttlMs: 1 } },
      { ttlMs: 0 },
      { tags: ["ok", ""] },
      { queue: "a\0b" },
      { name: "\ud800" },
      { metadata: { text: "x".repeat(JOB_LIMITS.jsonBytes) } },
      { concurrency: { key: "k", limit: 0 } },
      { rate: { key: "k", limit: 1, periodMs: 0.5 } },
    ];
    const jobs = [newJob(), ...bad.map(newJob), newJob()];
    await assert.rejects(
      kit.store.submit(jobs),
      (error: { readonly issues?: readonly { readonly path: string }[] }) => {
        const paths = new Set(error.issues?.map(({ path }) => path.split(".")[0]));
        assert.deepEqual([...paths], bad.map((_, i) => `jobs[${i + 1}]`));
        return true;
      },
    );
    const twice = newJob();
    await assert.rejects(kit.store.submit([twice, newJob(), twice]), REFUSED);
    assert.deepEqual(await kit.store.counts(), []);
  });
}

function testIdempotency(driver: JobDriver): void {
  const { name } = driver;
  const idempotency = { key: "k", hash: "h", ttlMs: 10_000 };

  Deno.test(`${name}: 4 the same key and body from many clients at once make one job`, async () => {
    await using kit = await JobKit.open(driver);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => kit.submit({ idempotency })),
    );
    assert.equal(answers.filter(({ answer }) => answer === "created").length, 1);
    assert.equal(answers.filter(({ answer }) => answer === "existing").length, 19);
    assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
    assert.equal((await kit.take({ slots: 50 })).length, 1);
    const inOneBatch = await kit.store.submit(
      newJobs(3, () => ({ idempotency: { ...idempotency, key: "other" } })),
    );
    assert.deepEqual(inOneBatch.map(({ answer }) => answer), ["created", "existing", "existing"]);
  });

  Deno.test(`${name}: 5 the same key with another body is a conflict, and makes no job`, async () => {
    await using kit = await JobKit.open(driver);
    const first = await kit.submit({ idempotency });
    const second = await kit.submit({ idempotency: { ...idempotency, hash: "other" } });
    assert.deepEqual([second.answer, second.id], ["conflict", first.id]);
    assert.equal((await kit.take({ slots: 50 })).length, 1);
  });

  Deno.test(`${name}: 6 a key is free again after its ttl, and no sooner`, async () => {
    await using kit = await JobKit.open(driver);
    const first = await kit.submit({ idempotency });
    kit.clock.advance(9_999);
    await kit.sweep();
    await kit.reopen();
    assert.deepEqual(await kit.submit({ idempotency }), { ...first, answer: "existing" });
    kit.clock.advance(1);
    const second = await kit.submit({ idempotency });
    assert.equal(second.answer, "created");
    assert.notEqual(second.id, first.id);
    kit.clock.advance(9_999);
    assert.equal((await kit.submit({ idempotency })).id, second.id);
    kit.clock.advance(1);
    await kit.sweep();
    assert.equal((await kit.submit({ idempotency })).answer, "created");
  });

  Deno.test(`${name}: 7 the key of a finished job still answers the first job`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit({ idempotency });
    await kit.end(await kit.one());
    const again = await kit.submit({ idempotency });
    assert.deepEqual([again.answer, again.id, again.state], ["existing", id, "completed"]);
  });

  Deno.test(`${name}: 7 the key of a job that its retention has removed still answers it`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 10, cancelledMs: KEPT_MS, discardedMs: KEPT_MS };
    const { id } = await kit.submit({ idempotency, retention });
    await kit.end(await kit.one());
    kit.clock.advance(5_000);
    await kit.sweep();
    const again = await kit.submit({ idempotency });
    assert.deepEqual([again.answer, again.id], ["existing", id]);
    assert.equal((await kit.take()).length, 0);
  });

  Deno.test(`${name}: 11 after an answer that was lost, a retry with the key is answered existing`, async () => {
    await using kit = await JobKit.open(driver);
    const job = newJob({ idempotency });
    const [lost] = await kit.store.submit([job]);
    await kit.reopen();
    assert.deepEqual(await kit.store.submit([job]), [{ ...lost, answer: "existing" }]);
    assert.deepEqual(await kit.store.counts(), [{
      queue: "default",
      state: "available",
      count: 1,
    }]);
  });
}

function testUnique(driver: JobDriver): void {
  const { name } = driver;

  for (const mode of ["drop", "replace", "debounce"] as const) {
    Deno.test(`${name}: 8 unique ${mode} under racing submissions makes one job`, async () => {
      await using kit = await JobKit.open(driver);
      const unique = { key: "u", mode };
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) => kit.submit({ unique, args: bytesOf(3, i) })),
      );
      const others = mode === "drop" ? "dropped" : "replaced";
      assert.deepEqual(answers.map(({ answer }) => answer), [
        "created",
        ...answers.slice(1).map(() => others),
      ]);
      assert.equal(new Set(answers.map(({ id }) => id)).size, 1);
      const [claim, ...more] = await kit.take({ slots: 20 });
      assert.deepEqual(claim?.args, bytesOf(3, mode === "drop" ? 0 : 9));
      assert.deepEqual(more, []);
    });
  }

  Deno.test(`${name}: 8 unique drop drops a job until the other one has ended`, async () => {
    await using kit = await JobKit.open(driver);
    const unique = { key: "u", mode: "drop" } as const;
    const { id } = await kit.submit({ unique });
    const claim = await kit.one();
    for (const mode of ["drop", "replace", "debounce"] as const) {
      const answer = await kit.submit({ unique: { key: "u", mode } });
      assert.deepEqual([answer.answer, answer.id, answer.state], ["dropped", id, "running"]);
    }
    await kit.fail(claim, 1_000);
    assert.equal((await kit.submit({ unique })).answer, "dropped");
    kit.clock.advance(1_000);
    await kit.end(await kit.one());
    const next = await kit.submit({ unique });
    assert.equal(next.answer, "created");
    await kit.store.cancel({ ids: [next.id] });
    assert.equal((await kit.submit({ unique })).answer, "created");
  });

  Deno.test(`${name}: 8 unique replace keeps id, place and time, and takes the rest`, async () => {
    await using kit = await JobKit.open(driver);
    const unique = { key: "u", mode: "replace" } as const;
    const first = await kit.submit({ unique, start: { inMs: 1_000 } });
    await kit.submit({ id: "behind", start: { inMs: 1_000 } });
    const before = await kit.get(first.id);
    kit.clock.advance(500);
    const patch = {
      unique,
      name: "other",
      options: { timeoutMs: 5 },
      metadata: { n: 2 },
      tags: ["new"],
      maxAttempts: 7,
      args: bytesOf(9),
    };
    const second = await kit.submit({ ...patch, start: { inMs: 9_000 } });
    assert.deepEqual(second, { ...first, answer: "replaced" });
    const { unique: _, args, ...fields } = patch;
    assert.deepEqual(await kit.get(first.id), { ...before, ...fields });
    kit.clock.advance(500);
    const [claim, behind] = await kit.take({ slots: 2 });
    assert.deepEqual([claim?.job.id, claim?.args], [first.id, args]);
    assert.equal(behind?.job.id, "behind");
  });

  Deno.test(`${name}: 8 unique replace may name another pool`, async () => {
    await using kit = await JobKit.open(driver);
    const unique = { key: "u", mode: "replace" } as const;
    const { id } = await kit.submit({ unique });
    await kit.submit({ unique, pool: "other" });
    assert.deepEqual(await kit.take(), []);
    assert.equal((await kit.one({ pool: "other" })).job.id, id);
  });

  Deno.test(`${name}: 8 unique debounce takes the time of the last submission`, async () => {
    await using kit = await JobKit.open(driver);
    const unique = { key: "u", mode: "debounce" } as const;
    const start = { inMs: 100 };
    const { id } = await kit.submit({ unique, start });
    for (let i = 0; i < 5; i++) {
      kit.clock.advance(99);
      const answer = await kit.submit({ unique, start });
      assert.deepEqual([answer.answer, answer.id, answer.state], ["replaced", id, "scheduled"]);
      assert.equal(answer.runAt, kit.clock.now() + 100);
      assert.deepEqual(await kit.take(), []);
    }
    kit.clock.advance(100);
    assert.equal((await kit.one()).job.id, id);
  });

  for (const mode of ["replace", "debounce"] as const) {
    Deno.test(`${name}: 8 unique ${mode} gives its key up at the start, so that no change is lost`, async () => {
      await using kit = await JobKit.open(driver);
      const unique = { key: "u", mode };
      const first = await kit.submit({ unique });
      const claim = await kit.one();
      const second = await kit.submit({ unique, args: bytesOf(4) });
      assert.equal(second.answer, "created");
      assert.notEqual(second.id, first.id);
      await kit.fail(claim, 0);
      const third = await kit.submit({ unique, args: bytesOf(5) });
      assert.deepEqual([third.answer, third.id], ["replaced", second.id]);
      const claims = await kit.take({ slots: 5 });
      assert.deepEqual(claims.map(({ job }) => job.id), [first.id, second.id]);
      assert.deepEqual(claims[1]?.args, bytesOf(5));
    });
  }
}

function testPayloads(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 10 arguments at the limit are kept, and one byte over is refused`, async () => {
    await using kit = await JobKit.open(driver);
    const args = new Uint8Array(JOB_LIMITS.bodyBytes + 1);
    await assert.rejects(kit.submit({ args }), REFUSED);
    assert.deepEqual(await kit.store.counts(), []);
    const longest = args.subarray(1);
    longest[0] = 7;
    longest[longest.length - 1] = 9;
    const { id } = await kit.submit({ args: longest });
    const read = await kit.store.args(id);
    assert.deepEqual([read?.byteLength, read?.[0], read?.at(-1)], [longest.byteLength, 7, 9]);
  });

  Deno.test(`${name}: 10 every field comes back as it was given`, async () => {
    await using kit = await JobKit.open(driver);
    const json = {
      text: "a\0b \ud83d\ude00 \ud800 \u2028",
      big: 2 ** 53 + 2,
      tiny: 5e-324,
      list: [null, true, -0.5],
      "": { "__proto__x": 1 },
    };
    const job = newJob({
      kind: "ü",
      name: "n\"'\u{1f600}",
      queue: "q'; drop table job; --",
      pool: "p%_",
      priority: -10,
      maxAttempts: JOB_LIMITS.attempts,
      tags: ["b", "a", "ß"],
      metadata: json,
      options: json,
      ttlMs: 60_000,
      unique: { key: "u\n", mode: "drop" },
      concurrency: { key: "c", limit: JOB_LIMITS.limit },
      rate: { key: "r", limit: 3, periodMs: 1_000 },
      args: bytesOf(100_000),
    });
    const [answer] = await kit.store.submit([job]);
    await kit.reopen();
    const { seq, attempts, ...row } = await kit.get(job.id);
    const expected = JSON.parse(JSON.stringify(json));
    assert.deepEqual(row, {
      id: job.id,
      kind: job.kind,
      name: job.name,
      queue: job.queue,
      pool: job.pool,
      state: "available",
      priority: -10,
      attempt: 0,
      maxAttempts: JOB_LIMITS.attempts,
      run: 0,
      tags: job.tags,
      metadata: expected,
      options: expected,
      createdAt: START,
      runAt: START,
      startBy: START + 60_000,
      uniqueKey: "u\n",
      concurrencyKey: "c",
      rateKey: "r",
    });
    assert.ok(seq > 0);
    assert.deepEqual([answer?.id, attempts], [job.id, []]);
    assert.deepEqual(await kit.store.args(job.id), job.args);
    assert.equal(await kit.store.args("none"), undefined);
    assert.equal(await kit.store.get("none"), undefined);
  });

  Deno.test(`${name}: 10 the store shares no object with its callers`, async () => {
    await using kit = await JobKit.open(driver);
    const metadata = { list: [1] };
    const tags = ["a"];
    const { id } = await kit.submit({ metadata, options: metadata, tags });
    metadata.list.push(2);
    tags.push("b");
    const first = await kit.get(id);
    Object.assign(first.metadata, { more: 1 });
    (await kit.store.args(id))?.fill(0);
    const claim = await kit.one();
    claim.args.fill(0);
    await kit.fail(claim, null);
    Object.assign((await kit.get(id)).error ?? {}, { code: "changed" });
    const job = await kit.get(id);
    assert.deepEqual([job.metadata, job.options, job.tags], [{ list: [1] }, { list: [1] }, ["a"]]);
    assert.equal(job.error?.code, "python_exception");
    assert.deepEqual(await kit.store.args(id), new Uint8Array([1, 2, 3]));
  });
}
