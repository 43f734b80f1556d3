import assert from "node:assert/strict";
import type { FileRow, NewFile } from "../../../../src/store/mod.ts";
import type { JobDriver } from "../conformance.ts";
import { JobKit, newJob, newJobs, REFUSED, START } from "../job_kit.ts";

let lastFile = 0;

/** Returns a file to add; files with the same seed have the same blob. */
export function newFile(fields: Partial<NewFile> = {}, seed = ++lastFile): NewFile {
  return {
    id: `file-${++lastFile}`,
    name: "table.csv",
    bytes: 10,
    sha256: seed.toString(16).padStart(64, "0"),
    kept: { ttlMs: 1_000 },
    ...fields,
  };
}

/** Registers the cases of files. */
export function testFiles(driver: JobDriver): void {
  testRows(driver);
  testLives(driver);
  testJobs(driver);
  testTotals(driver);
}

function names(files: readonly (FileRow | undefined)[]): (string | undefined)[] {
  return files.map((it) => it?.name);
}

function testRows(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: files: a file comes back as it was added, also after a restart`, async () => {
    await using kit = await JobKit.open(driver);
    const file = newFile({ name: "Zoë.csv", mediaType: "text/csv", bytes: 2 ** 40 });
    const { kept: _, ...facts } = file;
    const row = { ...facts, createdAt: START, expiresAt: START + 1_000 };
    assert.deepEqual(await kit.store.addFile(file), row);
    await kit.reopen();
    if (!kit.isDurable) assert.deepEqual(await kit.store.getFiles([file.id]), [row]);
    const found = await kit.store.getFiles([file.id, "none", file.id]);
    assert.deepEqual(found, [row, undefined, row]);
    assert.deepEqual((await kit.store.listFiles({}, { limit: 9 })).items, [row]);
  });

  Deno.test(`${name}: files: what no store can keep is refused, naming each field`, async () => {
    await using kit = await JobKit.open(driver);
    await kit.store.addFile(newFile({ id: "taken" }));
    const wrong: [Partial<NewFile>, string][] = [
      [{ id: "a b" }, "id"],
      [{ id: "taken" }, "id"],
      [{ name: "" }, "name"],
      [{ name: "a\nb" }, "name"],
      [{ name: "a".repeat(256) }, "name"],
      [{ mediaType: "" }, "mediaType"],
      [{ sha256: "0".repeat(63) }, "sha256"],
      [{ bytes: -1 }, "bytes"],
      [{ kept: { ttlMs: 0 } }, "kept.ttlMs"],
      [{ kept: { job: "a b" } }, "kept.job"],
    ];
    for (const [fields, path] of wrong) {
      await assert.rejects(kit.store.addFile(newFile(fields)), (error: unknown) => {
        const { code, issues } = error as { code: string; issues: { path: string }[] };
        assert.deepEqual([code, issues.map((it) => it.path)], ["invalid_input", [path]]);
        return true;
      });
    }
    await assert.rejects(kit.store.addFile(newFile({ kept: { job: "none" } })), {
      code: "unknown_job",
      details: { jobId: "none" },
    });
    assert.deepEqual(await kit.store.fileTotals(), { files: 1, bytes: 10 });
  });

  Deno.test(`${name}: files: a list has each file once, the last added first, also while some come and go`, async () => {
    await using kit = await JobKit.open(driver);
    const ids: string[] = [];
    for (let i = 0; i < 25; i++) {
      const { id } = await kit.store.addFile(newFile({ name: `${i}` }));
      ids.push(id);
    }
    const found: string[] = [];
    for (let after: string | undefined, isLast = false; !isLast; isLast = after === undefined) {
      const page = await kit.store.listFiles({}, { limit: 4, ...(after && { after }) });
      assert.ok(page.items.length <= 4);
      found.push(...page.items.map((it) => it.name));
      await kit.store.addFile(newFile({ name: "new" }));
      await kit.store.removeFile(ids[24] ?? "");
      after = page.next;
    }
    assert.deepEqual(found, Array.from({ length: 25 }, (_, i) => `${24 - i}`));
    for (const after of ["x", "1.aaaaaaaaaaaaaaaa"]) {
      await assert.rejects(kit.store.listFiles({}, { limit: 1, after }), REFUSED);
    }
    await assert.rejects(kit.store.listFiles({}, { limit: 0 }), { code: "invalid_input" });
    const { next } = await kit.store.listFiles({}, { limit: 1 });
    assert.ok(next);
    await assert.rejects(kit.store.listFiles({ job: "a" }, { limit: 1, after: next }), REFUSED);
  });

  Deno.test(`${name}: files: the files of a job are listed by it`, async () => {
    await using kit = await JobKit.open(driver);
    const [a, b] = [await kit.submit(), await kit.submit()];
    for (let i = 0; i < 6; i++) {
      const kept = { job: i % 2 === 0 ? a.id : b.id };
      const row = await kit.store.addFile(newFile({ name: `${i}`, kept }));
      assert.deepEqual([row.job, row.expiresAt], [kept.job, undefined]);
    }
    await kit.store.addFile(newFile());
    const first = await kit.store.listFiles({ job: a.id }, { limit: 2 });
    assert.deepEqual(names(first.items), ["4", "2"]);
    assert.ok(first.next);
    const last = await kit.store.listFiles({ job: a.id }, { limit: 2, after: first.next });
    assert.deepEqual([names(last.items), last.next], [["0"], undefined]);
    assert.deepEqual(await kit.store.listFiles({ job: "none" }, { limit: 2 }), { items: [] });
    assert.equal((await kit.store.listFiles({}, { limit: 9 })).items.length, 7);
  });
}

function testLives(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: files: from the end of its time, a file is gone before a sweep, and its row after one`, async () => {
    await using kit = await JobKit.open(driver);
    const short = await kit.store.addFile(newFile());
    const long = await kit.store.addFile(newFile({ kept: { ttlMs: 5_000 } }));
    kit.clock.advance(999);
    assert.deepEqual(await kit.store.getFiles([short.id]), [short]);
    kit.clock.advance(1);
    assert.deepEqual(await kit.store.getFiles([short.id, long.id]), [undefined, long]);
    assert.deepEqual((await kit.store.listFiles({}, { limit: 9 })).items, [long]);
    assert.equal(await kit.store.removeFile(short.id), "unknown");
    assert.equal((await kit.store.fileTotals()).files, 2);
    await kit.sweep();
    assert.deepEqual(await kit.store.fileTotals(), { files: 1, bytes: 10 });
    await kit.reopen();
    assert.deepEqual(await kit.store.fileTotals(), { files: 1, bytes: 10 });
  });

  Deno.test(`${name}: files: a file is removed once, and others of the same bytes stay`, async () => {
    await using kit = await JobKit.open(driver);
    const one = await kit.store.addFile(newFile({}, 77));
    const two = await kit.store.addFile(newFile({}, 77));
    assert.equal(await kit.store.removeFile(one.id), "removed");
    assert.equal(await kit.store.removeFile(one.id), "unknown");
    assert.deepEqual(await kit.store.getFiles([one.id, two.id]), [undefined, two]);
    assert.deepEqual(await kit.store.areNamed([two.sha256, "0".repeat(64)]), [true, false]);
    assert.equal(await kit.store.removeFile(two.id), "removed");
    assert.deepEqual(await kit.store.areNamed([two.sha256]), [false]);
    const { unusedBlobs } = await kit.store.sweep();
    assert.deepEqual(unusedBlobs, [two.sha256]);
  });

  Deno.test(`${name}: files: a pinned file outlives its time, and is not removed, until the last pin goes`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.store.addFile(newFile());
    const first = await kit.store.pinFiles([id, "none"]);
    const second = await kit.store.pinFiles([id, id]);
    assert.deepEqual(first.files.map((it) => it?.id), [id, undefined]);
    assert.equal(await kit.store.removeFile(id), "in_use");
    assert.equal(await kit.store.removeFile("none"), "unknown");
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    assert.equal(await kit.store.removeFile(id), "in_use");
    kit.clock.advance(2_000);
    await kit.sweep();
    assert.equal((await kit.store.fileTotals()).files, 1);
    second[Symbol.dispose]();
    await kit.sweep();
    assert.equal((await kit.store.fileTotals()).files, 0);
  });

  Deno.test(`${name}: files: a pin does not keep a file whose time was over before`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.store.addFile(newFile());
    kit.clock.advance(2_000);
    using pinned = await kit.store.pinFiles([id]);
    assert.deepEqual(pinned.files, [undefined]);
    await kit.sweep();
    assert.equal((await kit.store.fileTotals()).files, 0);
  });

  Deno.test(`${name}: files: of a pin and a removal that race, one holds`, async () => {
    await using kit = await JobKit.open(driver);
    for (let i = 0; i < 30; i++) {
      const { id } = await kit.store.addFile(newFile());
      const remove = (): Promise<string> => kit.store.removeFile(id);
      const pin = (): ReturnType<typeof kit.store.pinFiles> => kit.store.pinFiles([id]);
      const early = i % 2 === 0 ? remove() : undefined;
      using pinned = await pin();
      const answer = await (early ?? remove());
      const isThere = pinned.files[0] !== undefined;
      assert.equal(answer, isThere ? "in_use" : "removed");
      assert.deepEqual((await kit.store.getFiles([id]))[0]?.id, isThere ? id : undefined);
    }
  });
}

function testJobs(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: files: a job keeps the files that it names, beyond their time and a retry, until it is removed`, async () => {
    await using kit = await JobKit.open(driver);
    const file = await kit.store.addFile(newFile());
    const other = await kit.store.addFile(newFile());
    const retention = { completedMs: 10_000, cancelledMs: 10_000, discardedMs: 10_000 };
    const files = [file.id, file.id];
    const job = await kit.submit({ files, retention });
    assert.equal(await kit.store.jobOfFile(file.id), job.id);
    assert.equal(await kit.store.jobOfFile(other.id), undefined);
    assert.equal(await kit.store.removeFile(file.id), "in_use");
    kit.clock.advance(5_000);
    await kit.sweep();
    await kit.reopen();
    assert.deepEqual(await kit.store.getFiles([file.id, other.id]), [file, undefined]);
    await kit.end(await kit.one());
    await kit.store.retry({ ids: [job.id] });
    assert.equal(await kit.store.removeFile(file.id), "in_use");
    await kit.end(await kit.one());
    kit.clock.advance(10_000);
    assert.equal((await kit.sweep()).removed, 1);
    assert.deepEqual(await kit.store.getFiles([file.id]), [undefined]);
    await kit.sweep();
    assert.deepEqual(await kit.store.fileTotals(), { files: 0, bytes: 0 });
    assert.equal(await kit.store.jobOfFile(file.id), undefined);
  });

  Deno.test(`${name}: files: a file that two jobs name is free when both are gone`, async () => {
    await using kit = await JobKit.open(driver);
    const file = await kit.store.addFile(newFile({ kept: { ttlMs: 100_000 } }));
    const jobs = newJobs(2, (i) => ({
      files: [file.id],
      retention: { completedMs: i * 50, cancelledMs: 0, discardedMs: 0 },
    }));
    await kit.store.submit(jobs);
    for (const claim of await kit.take({ slots: 2 })) await kit.end(claim);
    await kit.sweep();
    assert.equal(await kit.store.jobOfFile(file.id), jobs[1]?.id);
    assert.equal(await kit.store.removeFile(file.id), "in_use");
    kit.clock.advance(50);
    await kit.sweep();
    assert.deepEqual(await kit.store.getFiles([file.id]), [file]);
    assert.equal(await kit.store.removeFile(file.id), "removed");
  });

  Deno.test(`${name}: files: a submission that names an unknown file is refused as a whole`, async () => {
    await using kit = await JobKit.open(driver);
    const file = await kit.store.addFile(newFile());
    const jobs = newJobs(3, (i) => ({ files: i === 2 ? [file.id, "gone"] : [file.id] }));
    const good = kit.submit();
    await assert.rejects(kit.store.submit(jobs), {
      code: "unknown_file",
      message: /jobs\[2\]\.files\[1\]: given "gone"/,
      details: { path: "jobs[2].files[1]", fileId: "gone" },
    });
    assert.equal((await good).answer, "created");
    assert.equal((await kit.store.list({}, { limit: 9 })).items.length, 1);
    assert.equal(await kit.store.removeFile(file.id), "removed");
    await assert.rejects(kit.submit({ files: ["a b"] }), REFUSED);
    kit.clock.advance(1_000);
    const expired = await kit.store.addFile(newFile({ kept: { ttlMs: 1 } }));
    kit.clock.advance(1);
    await assert.rejects(kit.submit({ files: [expired.id] }), { code: "unknown_file" });
  });

  Deno.test(`${name}: files: of a submission and a removal that race, one holds`, async () => {
    await using kit = await JobKit.open(driver);
    for (let i = 0; i < 30; i++) {
      const { id } = await kit.store.addFile(newFile());
      const submit = (): Promise<string> =>
        kit.submit({ files: [id] }).then(() => "kept", (error) => error.code);
      const early = i % 2 === 0 ? submit() : undefined;
      const removed = kit.store.removeFile(id);
      const outcome = await (early ?? submit());
      assert.equal(await removed, outcome === "kept" ? "in_use" : "removed");
      assert.ok(outcome === "kept" || outcome === "unknown_file");
    }
  });

  Deno.test(`${name}: files: a repeated submission needs its files no more; a dropped one keeps none`, async () => {
    await using kit = await JobKit.open(driver);
    const [a, b] = [await kit.store.addFile(newFile()), await kit.store.addFile(newFile())];
    const retention = { completedMs: 0, cancelledMs: 0, discardedMs: 0 };
    const idempotency = { key: "once", hash: "1", ttlMs: 1_000_000 };
    const first = await kit.submit({ files: [a.id], idempotency, retention });
    await kit.end(await kit.one());
    await kit.sweep();
    assert.equal(await kit.store.removeFile(a.id), "removed");
    const again = newJob({ files: [a.id], idempotency });
    const [answer] = await kit.store.submit([again]);
    assert.deepEqual([answer?.answer, answer?.id], ["existing", first.id]);
    const unique = { key: "one", mode: "drop" } as const;
    await kit.submit({ unique });
    const dropped = await kit.submit({ unique, files: [b.id] });
    assert.equal(dropped.answer, "dropped");
    assert.equal(await kit.store.removeFile(b.id), "removed");
  });

  Deno.test(`${name}: files: a replaced job names the files of its last submission`, async () => {
    await using kit = await JobKit.open(driver);
    const [a, b, c] = [newFile(), newFile(), newFile()];
    for (const file of [a, b, c]) await kit.store.addFile(file);
    const unique = { key: "one", mode: "replace" } as const;
    const job = await kit.submit({ unique, files: [a.id, b.id] });
    await kit.submit({ unique, files: [b.id, c.id] });
    const answers = [a, b, c].map(({ id }) => kit.store.removeFile(id));
    assert.deepEqual(await Promise.all(answers), ["removed", "in_use", "in_use"]);
    assert.equal(await kit.store.jobOfFile(c.id), job.id);
    await kit.submit({ unique });
    assert.equal(await kit.store.removeFile(c.id), "removed");
  });

  Deno.test(`${name}: files: the files of a job go with it, unless another one names them`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 1_000, cancelledMs: 0, discardedMs: 0 };
    const maker = await kit.submit({ retention });
    const made = await kit.store.addFile(newFile({ kept: { job: maker.id } }));
    const shared = await kit.store.addFile(newFile({ kept: { job: maker.id } }));
    await kit.end(await kit.one());
    const user = await kit.submit({ files: [shared.id], pool: "other" });
    kit.clock.advance(900);
    await kit.sweep();
    assert.deepEqual(await kit.store.getFiles([made.id]), [made]);
    kit.clock.advance(100);
    await kit.sweep();
    const expiresAt = START + 1_000;
    const { job: _, ...rest } = shared;
    assert.deepEqual(await kit.store.getFiles([made.id, shared.id]), [undefined, {
      ...rest,
      expiresAt,
    }]);
    await kit.store.cancel({ ids: [user.id] });
    kit.clock.advance(1_000_000_000);
    await kit.sweep();
    await kit.sweep();
    assert.deepEqual(await kit.store.fileTotals(), { files: 0, bytes: 0 });
  });
}

function testTotals(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: files: a file over the quota is refused, also of many at once`, async () => {
    await using kit = await JobKit.open(driver);
    const quota = { maxFiles: 5, maxBytes: 35 };
    const added = await Promise.allSettled(
      Array.from({ length: 9 }, () => kit.store.addFile(newFile({ quota }))),
    );
    const refused = added.flatMap((it) => it.status === "rejected" ? [it.reason] : []);
    assert.equal(refused.length, 6);
    for (const error of refused) {
      assert.deepEqual([error.code, error.details], ["file_quota_exceeded", {
        bytes: 30,
        maxTotalBytes: 35,
      }]);
    }
    assert.deepEqual(await kit.store.fileTotals(), { files: 3, bytes: 30 });
    for (let i = 0; i < 2; i++) await kit.store.addFile(newFile({ quota, bytes: 0 }));
    await assert.rejects(kit.store.addFile(newFile({ quota, bytes: 0 })), {
      code: "file_quota_exceeded",
      details: { files: 5, maxFiles: 5 },
    });
    await kit.store.addFile(newFile());
    assert.deepEqual(await kit.store.fileTotals(), { files: 6, bytes: 40 });
  });

  Deno.test(`${name}: files: many files are swept in parts, and the totals follow`, async () => {
    await using kit = await JobKit.open(driver);
    const count = 2_500;
    const all = await Promise.all(
      Array.from({ length: count }, (_, i) => kit.store.addFile(newFile({ bytes: i }))),
    );
    using pinned = await kit.store.pinFiles(all.slice(0, 3).map(({ id }) => id));
    assert.equal(pinned.files.length, 3);
    kit.clock.advance(1_000);
    assert.equal((await kit.store.sweep()).hasMore, true);
    await kit.sweep();
    assert.deepEqual(await kit.store.fileTotals(), { files: 3, bytes: 3 });
  });
}
