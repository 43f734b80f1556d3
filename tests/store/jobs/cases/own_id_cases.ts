import assert from "node:assert/strict";
import type { JobDriver } from "../conformance.ts";
import { bytesOf, JobKit, KEPT_MS, newJob, newJobs, REFUSED } from "../job_kit.ts";

/** Registers the cases of submissions whose caller has chosen the id. */
export function testOwnIds(driver: JobDriver): void {
  const { name } = driver;
  const own = { id: "a.b_c:D-1", idHash: "h" };

  Deno.test(`${name}: an id of the caller makes one job, also of many clients at once`, async () => {
    await using kit = await JobKit.open(driver);
    const answers = await Promise.all(Array.from({ length: 20 }, () => kit.submit(own)));
    assert.equal(answers.filter(({ answer }) => answer === "created").length, 1);
    assert.equal(answers.filter(({ answer }) => answer === "existing").length, 19);
    assert.deepEqual(new Set(answers.map(({ id }) => id)), new Set([own.id]));
    assert.equal((await kit.take({ slots: 50 })).length, 1);
    const many = await kit.store.submit([
      newJob({ id: "x", idHash: "h" }),
      newJob(),
      newJob({ id: "x", idHash: "h" }),
      newJob({ id: "x", idHash: "other" }),
    ]);
    const given = many.map(({ answer }) => answer);
    assert.deepEqual(given, ["created", "created", "existing", "conflict"]);
  });

  Deno.test(`${name}: an id of the caller with another body is a conflict, also after the end`, async () => {
    await using kit = await JobKit.open(driver);
    const first = await kit.submit({ ...own, args: bytesOf(3) });
    const other = { ...own, idHash: "other", args: bytesOf(9) };
    assert.deepEqual(await kit.submit(other), { ...first, answer: "conflict" });
    const claim = await kit.one();
    assert.deepEqual(claim.args, bytesOf(3));
    assert.equal((await kit.submit(own)).state, "running");
    await kit.end(claim);
    await kit.reopen();
    assert.deepEqual(await kit.submit(own), { ...first, answer: "existing", state: "completed" });
    assert.equal((await kit.submit(other)).answer, "conflict");
    assert.equal((await kit.take()).length, 0);
  });

  Deno.test(`${name}: an id of the caller is free again when its job was removed, and no sooner`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 10, cancelledMs: KEPT_MS, discardedMs: KEPT_MS };
    await kit.submit({ ...own, retention });
    await kit.end(await kit.one());
    kit.clock.advance(9);
    await kit.sweep();
    assert.equal((await kit.submit(own)).answer, "existing");
    kit.clock.advance(1);
    await kit.sweep();
    const again = { ...own, idHash: "other", args: bytesOf(7) };
    assert.equal((await kit.submit(again)).answer, "created");
    const claim = await kit.one();
    assert.deepEqual([claim.job.id, claim.args], [own.id, bytesOf(7)]);
    assert.deepEqual((await kit.get(own.id)).attempts, []);
  });

  Deno.test(`${name}: an id of the caller that a job without a hash has is a conflict`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    assert.equal((await kit.submit({ id, idHash: "h" })).answer, "conflict");
    await assert.rejects(kit.store.submit([newJob(own), newJob({ id })]), REFUSED);
    // Nothing of the refused submission is left.
    assert.equal((await kit.submit(own)).answer, "created");
  });

  Deno.test(`${name}: a batch with an id that a job has names no id of the caller`, async () => {
    await using kit = await JobKit.open(driver);
    const known = await kit.submit();
    await kit.submit(own);
    const jobs = [newJob(own), newJob({ id: known.id })];
    const error = await kit.store.submit(jobs).then(() => undefined, (it) => it);
    assert.deepEqual(error.issues.map(({ path }: { path: string }) => path), ["jobs[1].id"]);
  });

  Deno.test(`${name}: an id of the caller beside unique keys: the job that stands is answered`, async () => {
    await using kit = await JobKit.open(driver);
    const unique = { key: "u", mode: "replace" } as const;
    await kit.submit({ ...own, unique });
    const second = { id: "second", idHash: "s", unique, args: bytesOf(5) };
    const replaced = await kit.submit(second);
    assert.deepEqual([replaced.answer, replaced.id], ["replaced", own.id]);
    // The id stays with the submission that has made the job.
    assert.equal((await kit.submit({ ...own, unique })).answer, "existing");
    assert.deepEqual((await kit.one()).args, bytesOf(5));
    assert.equal((await kit.submit(second)).answer, "created");
  });

  Deno.test(`${name}: an id of the caller and an idempotency key are refused together`, async () => {
    await using kit = await JobKit.open(driver);
    const idempotency = { key: "k", hash: "h", ttlMs: 1_000 };
    await assert.rejects(kit.submit({ ...own, idempotency }), REFUSED);
    await assert.rejects(kit.submit({ ...own, idHash: "" }), REFUSED);
  });

  Deno.test(`${name}: jobs of one submission keep the hash of their own ids`, async () => {
    await using kit = await JobKit.open(driver);
    const jobs = newJobs(6, (i) => i % 2 === 0 ? {} : { id: `own-${i}`, idHash: `h${i}` });
    await kit.store.submit(jobs);
    const again = await kit.store.submit(jobs.filter(({ idHash }) => idHash !== undefined));
    assert.deepEqual(again.map(({ answer }) => answer), ["existing", "existing", "existing"]);
    const swapped = await kit.submit({ id: "own-1", idHash: "h3" });
    assert.equal(swapped.answer, "conflict");
  });
}
