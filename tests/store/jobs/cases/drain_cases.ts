import assert from "node:assert/strict";
import type { JobDriver } from "../conformance.ts";
import { JobKit, newJob, newJobs } from "../job_kit.ts";

const DRAINING = { name: "SnakedenError", code: "queue_draining", retryable: true };

/** Registers the cases about queues that drain. */
export function testDraining(driver: JobDriver): void {
  const test = (name: string, run: (kit: JobKit) => Promise<void>): void => {
    Deno.test(`${driver.name}: drain: ${name}`, async () => {
      await using kit = await JobKit.open(driver);
      await kit.store.declareQueues([{ name: "default" }, { name: "other" }]);
      await run(kit);
    });
  };
  const drain = async (kit: JobKit, draining = true): Promise<void> => {
    const row = await kit.store.patchQueue("default", { draining });
    assert.equal(row?.draining, draining);
  };

  test("a submission is refused, and names the queue; others of the batch are not made", async (kit) => {
    await drain(kit);
    const other = newJob({ queue: "other" });
    await assert.rejects(kit.store.submit([other, newJob()]), {
      ...DRAINING,
      details: { queue: "default" },
      message: /"default" is draining/,
    });
    assert.equal(await kit.store.get(other.id), undefined);
    await kit.submit({ queue: "other" });
    await drain(kit, false);
    await kit.submit();
  });

  test("one beside others that are accepted fails alone", async (kit) => {
    await drain(kit);
    const answers = await Promise.allSettled(
      ["default", "other", "default", "other"].map((queue) => kit.submit({ queue })),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      ["rejected", "fulfilled", "rejected", "fulfilled"],
    );
  });

  test("an id of the caller that a job has is answered with that job", async (kit) => {
    await kit.submit({ id: "mine", idHash: "h" });
    await drain(kit);
    const answers = await kit.store.submit(
      ["h", "other"].map((idHash) => newJob({ id: "mine", idHash })),
    );
    assert.deepEqual(answers.map(({ answer }) => answer), ["existing", "conflict"]);
    await assert.rejects(kit.submit({ id: "other", idHash: "h" }), DRAINING);
  });

  test("what the queue has goes on: attempts, due jobs, and retries of waiting ones", async (kit) => {
    const [now, late] = newJobs(2, (i) => i === 0 ? {} : { start: { inMs: 10_000 } });
    assert.ok(now && late);
    await kit.store.submit([now, late]);
    await drain(kit);
    await kit.fail(await kit.one(), 0);
    assert.equal((await kit.one()).job.id, now.id);
    const { answers } = await kit.store.retry({ ids: [late.id] });
    assert.deepEqual(answers, [{ id: late.id, answer: "retried" }]);
    assert.equal((await kit.one()).job.id, late.id);
  });

  test("the retry of an ended job is refused, and a filter passes over it", async (kit) => {
    const { id } = await kit.submit();
    const other = await kit.submit({ queue: "other" });
    for (const claim of await kit.take({ slots: 2 })) await kit.fail(claim, null);
    await drain(kit);
    const { answers } = await kit.store.retry({ ids: [id] });
    assert.deepEqual(answers, [{ id, answer: "draining" }]);
    assert.equal(await kit.stateOf(id), "discarded");
    const all = await kit.store.retry({ filter: { states: ["discarded"] } });
    assert.deepEqual(all.answers, [{ id: other.id, answer: "retried" }]);
  });

  test("a submission that was made before is answered, and one that makes no job is dropped", async (kit) => {
    const idempotency = { key: "k", hash: "h", ttlMs: 60_000 };
    const unique = { key: "u", mode: "drop" } as const;
    const first = await kit.submit({ idempotency, unique });
    await drain(kit);
    assert.deepEqual(
      [await kit.submit({ idempotency }), await kit.submit({ unique })].map(({ id, answer }) => [
        id,
        answer,
      ]),
      [[first.id, "existing"], [first.id, "dropped"]],
    );
    await assert.rejects(kit.submit({ unique: { key: "u", mode: "replace" } }), DRAINING);
    await assert.rejects(kit.submit({ unique: { key: "v", mode: "drop" } }), DRAINING);
  });

  test("it goes on after a reopening and a new declaration", async (kit) => {
    await drain(kit);
    await kit.reopen();
    await kit.store.declareQueues([{ name: "default", concurrency: 2 }]);
    const [row] = await kit.store.queues();
    assert.deepEqual(row, {
      name: "default",
      paused: false,
      draining: true,
      isOverridden: false,
      concurrency: 2,
    });
    await assert.rejects(kit.submit(), DRAINING);
  });
}
