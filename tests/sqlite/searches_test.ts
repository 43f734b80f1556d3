import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { errorWords } from "../../src/store/jobs/job_search.ts";
import type { JobError } from "../../src/store/mod.ts";
import { JobKit, KEPT_MS, newJobs } from "../store/jobs/job_kit.ts";
import { databaseOf, DRIVER } from "./sqlite_driver.ts";

/** A search that looks at as many jobs as one may, and finds none. */
const LONG = { text: "common other" };

async function filled(): Promise<JobKit> {
  const kit = await JobKit.open(DRIVER);
  for (let at = 0; at < 20_000; at += 5_000) {
    // Either word is that of many jobs, and no job has both.
    await kit.store.submit(newJobs(5_000, (i) => ({
      tags: [i % 2 === 0 ? `common:${at + i}` : `other:${at + i}`],
    })));
  }
  return kit;
}

Deno.test("SqliteJobs: claims, submissions and reads of a job go before 100 searches", async () => {
  await using kit = await filled();
  let searched = 0;
  const searches = Array.from({ length: 100 }, async () => {
    const page = await kit.store.list(LONG, { limit: 100 });
    searched++;
    return page;
  });
  for (let i = 0; i < 10; i++) {
    const claim = await kit.one();
    await kit.end(claim);
    await kit.submit();
    assert.equal((await kit.get(claim.job.id)).state, "completed");
    await kit.store.counts();
  }
  assert.ok(searched < 100, "the searches were not waited for");
  await Promise.all(searches);
});

Deno.test("SqliteJobs: one search looks at a bounded number of jobs, and its cursor goes on", async () => {
  await using kit = await filled();
  const first = await kit.store.list(LONG, { limit: 100 });
  assert.deepEqual(first.items, []);
  assert.ok(first.next);
  let [after, pages]: [string | undefined, number] = [first.next, 1];
  while (after !== undefined) {
    const page = await kit.store.list(LONG, { limit: 100, after });
    assert.deepEqual(page.items, []);
    after = page.next;
    pages++;
  }
  assert.ok(pages >= 2 && pages <= 10, `${pages} pages`);
});

Deno.test("SqliteJobs: a job that fails again with the same words writes none", async () => {
  await using kit = await JobKit.open(DRIVER);
  const { id } = await kit.submit();
  const fail = async (message: string, trace: string): Promise<void> => {
    const error = { code: "python_exception", message, details: { trace } };
    await kit.end(await kit.one(), { type: "failed", error, retryInMs: 0 });
  };
  await fail("No number", "first");
  using database = new DatabaseSync(databaseOf(kit.place));
  for (const change of ["insert", "delete"]) {
    database.exec(`create trigger no_${change} before ${change} on job_word
      begin select raise(abort, '${change} of a word'); end`);
  }
  await fail("No number", "first");
  await fail("No number", "second");
  await assert.rejects(fail("Other words", "third"), /of a word/);
  assert.deepEqual((await kit.store.list({ text: "number" }, { limit: 9 })).items[0]?.id, id);
});

Deno.test("SqliteJobs: a database of an older rule gets the words of errors that are not in ASCII", async () => {
  await using kit = await JobKit.open(DRIVER);
  await kit.store.submit(newJobs(2, () => ({})));
  for (const message of ["cafe\u0301", "plain"]) {
    const error = { code: "c", message };
    await kit.end(await kit.one(), { type: "failed", error, retryInMs: null });
  }
  const wordsOf = (database: DatabaseSync): unknown[] =>
    database.prepare("select word from job_word order by seq, word").all().map(({ word }) => word);
  await kit.store[Symbol.asyncDispose]();
  {
    using database = new DatabaseSync(databaseOf(kit.place));
    database.exec("update job_word set word = 'cafe' where word like 'caf_'");
    database.exec("pragma user_version = 7");
    assert.deepEqual(wordsOf(database), ["c", "cafe", "c", "plain"]);
  }
  await kit.reopen();
  using database = new DatabaseSync(databaseOf(kit.place));
  assert.deepEqual(wordsOf(database), ["c", "café", "c", "plain"]);
});

Deno.test("SqliteJobs: the index has the words of the errors that there are, and no others", async () => {
  const word = fc.constantFrom("a", "ab", "fail", "x_y", "late");
  const message = fc.array(word, { maxLength: 4 }).map((it) => it.join(" "));
  const step = fc.oneof(
    fc.record({ do: fc.constant("fail" as const), message, isLast: fc.boolean() }),
    fc.record({ do: fc.constantFrom("complete", "retry", "lose", "expire", "remove") }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
      await using kit = await JobKit.open(DRIVER);
      const jobs = newJobs(4, (i) => ({ ...(i === 3 && { ttlMs: 1_000 }) }));
      await kit.store.submit(jobs);
      using database = new DatabaseSync(databaseOf(kit.place));
      for (const step of steps) {
        switch (step.do) {
          case "retry":
            await kit.store.retry({ ids: jobs.map(({ id }) => id) });
            break;
          case "expire":
          case "remove":
            kit.clock.advance(step.do === "expire" ? 2_000 : 2 * KEPT_MS);
            await kit.sweep();
            break;
          default: {
            const [first, second] = await kit.take({ slots: 2, leaseMs: 100 });
            if (step.do === "lose") {
              kit.clock.advance(200);
              await kit.sweep();
            } else if ("message" in step) {
              const error = { code: "code", message: step.message };
              const outcome = { type: "failed" as const, error };
              if (first) await kit.end(first, { ...outcome, retryInMs: step.isLast ? null : 0 });
              if (second) await kit.end(second, { ...outcome, retryInMs: 0 });
            } else {
              if (first) await kit.end(first);
              if (second) await kit.end(second);
            }
          }
        }
        const rows = database.prepare("select seq, error from job where error is not null").all();
        const expected = rows.flatMap(({ seq, error }) =>
          errorWords(JSON.parse(String(error)) as JobError).map((word) => `${seq} ${word}`)
        );
        const found = database.prepare("select seq || ' ' || word as it from job_word").all();
        assert.deepEqual(found.map(({ it }) => it).sort(), expected.sort(), step.do);
      }
    }),
    { numRuns: 30 },
  );
});
