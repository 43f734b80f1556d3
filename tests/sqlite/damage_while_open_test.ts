/** Tests the store while somebody damages its files, or takes them away for a while. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openSqliteJobs } from "../../src/sqlite/mod.ts";
import { LIMITS, newJob, newJobs } from "../store/jobs/job_kit.ts";
import { tempDir } from "../fixtures/host.ts";

const JOBS = 2_000;
const ALL = { limit: 1_000 };
const ASK = { pools: [{ pool: "main", slots: 3 }], holder: "h", leaseMs: 60_000, waitMs: 0 };

/** Overwrites the pages of a file behind its first ones. */
async function damage(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true });
  const { size } = await file.stat();
  await file.seek(8_192, Deno.SeekMode.Start);
  await file.write(new Uint8Array(size - 8_192).fill(0xa5));
}

for (const [how, harm] of [["truncated", Deno.truncate], ["damaged", damage]] as const) {
  Deno.test(`a database that is ${how} while it is open fails each operation, and is well again with its bytes`, async () => {
    await using folder = await tempDir();
    const path = join(folder.path, "jobs.sqlite");
    const first = await openSqliteJobs({ path, limits: LIMITS });
    for (let i = 0; i < JOBS; i += 500) {
      await first.submit(newJobs(500, () => ({ args: new Uint8Array(900) })));
    }
    await first[Symbol.asyncDispose]();
    const bytes = await Deno.readFile(path);

    await using store = await openSqliteJobs({ path, limits: LIMITS });
    await harm(path, 8_192);
    const failed = { code: "store_failed", retryable: true };
    const list = store.list({}, ALL);
    await assert.rejects(list, { ...failed, message: /^Cannot list jobs: [^\n]*malformed$/ });
    // One that has failed leaves nothing behind that makes the next ones fail.
    await assert.rejects(store.list({}, ALL), { message: /malformed/ });
    await assert.rejects(store.claim(ASK), failed);
    await assert.rejects(store.sweep().then(() => store.claim(ASK)), failed);

    await Deno.writeFile(path, bytes, { create: false });
    assert.equal((await store.list({}, ALL)).items.length, 1_000);
    assert.equal((await store.claim(ASK)).length, 3);
    await store.submit([newJob()]);
    assert.deepEqual(await store.counts(), [
      { queue: "default", state: "available", count: JOBS - 2 },
      { queue: "default", state: "running", count: 3 },
    ]);
  });
}
