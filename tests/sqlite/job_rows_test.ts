import assert from "node:assert/strict";
import fc from "fast-check";
import type { NewJob } from "../../src/store/mod.ts";
import { bytesOf, JobKit, newJob } from "../store/jobs/job_kit.ts";
import { MEMORY_DRIVER } from "../store/jobs/memory_driver.ts";
import { DRIVER } from "./sqlite_driver.ts";

/** The fields of a job, of which most are those of its neighbours. */
const fields = fc.record({
  queue: fc.constantFrom("default", "default", "default", "fair"),
  name: fc.constantFrom("tool", "tool", "tool", "other"),
  tags: fc.constantFrom([], [], ["a"], ["a", "b"]),
  metadata: fc.constantFrom({}, { tenant: "x" }, { tenant: "y" }),
  bytes: fc.constantFrom(0, 3, 3, 1_024, 1_025),
  rare: fc.constantFrom<Partial<NewJob>>(
    ...Array.from({ length: 16 }, () => ({})),
    { start: { inMs: 100 } },
    { ttlMs: 1_000 },
    { priority: 1 },
    { unique: { key: "u", mode: "replace" } },
    { concurrency: { key: "c", limit: 1 } },
    { rate: { key: "r", limit: 1, periodMs: 1_000 } },
    { idempotency: { key: "i", hash: "h", ttlMs: 1_000 } },
    { id: "own", idHash: "h" },
    { id: "own", idHash: "other" },
  ),
});
const submission = fc.array(fields, { minLength: 1, maxLength: 40, size: "max" });

Deno.test("SqliteJobs.submit() writes any mixture of like and other jobs as the memory driver does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(submission, { minLength: 1, maxLength: 3 }), async (given) => {
      await using memory = await JobKit.open(MEMORY_DRIVER);
      await using sqlite = await JobKit.open(DRIVER);
      const kits = [memory, sqlite];
      const queues = [{ name: "default" }, { name: "fair", fairBy: "metadata.tenant" }];
      for (const { store } of kits) await store.declareQueues(queues);
      const ids: string[] = [];
      for (const part of given) {
        const jobs = part.map(({ bytes, rare, ...it }, i) =>
          newJob({ ...it, args: bytesOf(bytes, i), ...rare })
        );
        ids.push(...jobs.map(({ id }) => id));
        const [expected, answers] = await Promise.all(kits.map((it) => it.store.submit(jobs)));
        assert.deepEqual(answers, expected);
      }
      for (const id of ids) {
        const [expected, row] = await Promise.all(kits.map((it) => it.store.get(id)));
        assert.deepEqual(row, expected);
        const [args, stored] = await Promise.all(kits.map((it) => it.store.args(id)));
        assert.deepEqual(stored, args);
      }
      const [expected, order] = await Promise.all(
        kits.map((it) => it.take({ slots: 1_000 })),
      );
      assert.deepEqual(order?.map(({ job }) => job.id), expected?.map(({ job }) => job.id));
    }),
    { numRuns: 25 },
  );
});

Deno.test("SqliteJobs.submit() writes nothing of like jobs if one of them has the id of another", async () => {
  await using kit = await JobKit.open(DRIVER);
  await kit.submit({ id: "taken" });
  for (const at of [0, 7, 8, 10]) {
    const jobs = Array.from({ length: 11 }, (_, i) => newJob(i === at ? { id: "taken" } : {}));
    await assert.rejects(kit.store.submit(jobs), (error: Error & { issues?: unknown }) => {
      assert.match(error.message, new RegExp(`jobs\\[${at}\\]\\.id`));
      return true;
    });
  }
  assert.equal((await kit.store.list({}, { limit: 100 })).items.length, 1);
  assert.deepEqual((await kit.store.counts()).map(({ count }) => count), [1]);
});
