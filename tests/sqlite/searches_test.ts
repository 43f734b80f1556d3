import assert from "node:assert/strict";
import { JobKit, newJobs } from "../store/jobs/job_kit.ts";
import { DRIVER } from "./sqlite_driver.ts";

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
