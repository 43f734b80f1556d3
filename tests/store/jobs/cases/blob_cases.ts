import assert from "node:assert/strict";
import type { BlobRef, Outcome } from "../../../../src/store/mod.ts";
import type { JobDriver } from "../conformance.ts";
import { bytesOf, JobKit } from "../job_kit.ts";

const REF: BlobRef = { sha256: "a".repeat(64), bytes: 3_000_000_000 };
const OTHER: BlobRef = { sha256: "b".repeat(64), bytes: 300_000 };

function completed(result: BlobRef): Outcome {
  return { type: "completed", result };
}

/** The names of blobs: results that are blobs, and what is told when a name goes. */
export function testBlobNames(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 34 a result that is a blob comes back as its name, with its length`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const claim = await kit.one();
    assert.deepEqual(await kit.store.areNamed([REF.sha256]), [false]);
    const chunks = [bytesOf(10), bytesOf(20)];
    const [answer] = await kit.store.finish([{
      token: claim.token,
      outcome: completed(REF),
      chunks,
    }]);
    assert.deepEqual(answer, { answer: "done", state: "completed" });
    assert.deepEqual(await kit.store.result(id), REF);
    assert.deepEqual(await kit.store.areNamed([OTHER.sha256, REF.sha256]), [false, true]);
    await kit.reopen();
    assert.deepEqual(await kit.store.result(id), REF);
    assert.equal((await kit.get(id)).resultBytes, REF.bytes);
    assert.equal((await kit.get(id)).error, undefined);
    const events = await kit.eventsOf(id);
    assert.deepEqual(
      events.flatMap((it) => it.kind === "chunk" ? [[...it.body]] : []),
      chunks.map((it) => [...it]),
    );
    assert.deepEqual(await kit.store.areNamed([OTHER.sha256, REF.sha256]), [false, true]);
    assert.deepEqual(await kit.store.areNamed([]), []);
  });

  Deno.test(`${name}: 34 an end that is written twice names its blob once`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const claim = await kit.one();
    const end = { token: claim.token, outcome: completed(REF) };
    const done = { answer: "done", state: "completed" };
    assert.deepEqual(await kit.store.finish([end, end]), [done, done]);
    assert.deepEqual(await kit.store.finish([end]), [done]);
    await kit.store.retry({ ids: [id] });
    assert.deepEqual(await kit.store.areNamed([REF.sha256]), [false]);
    assert.deepEqual((await kit.sweep()).unusedBlobs, [REF.sha256]);
  });

  Deno.test(`${name}: 34 a lost end names no blob`, async () => {
    await using kit = await JobKit.open(driver);
    await kit.submit();
    const claim = await kit.one();
    await kit.store.abandon("host-1");
    assert.deepEqual(await kit.end(claim, completed(REF)), { answer: "lost" });
    assert.deepEqual(await kit.store.areNamed([REF.sha256]), [false]);
    assert.deepEqual((await kit.sweep()).unusedBlobs, []);
  });

  Deno.test(`${name}: 34 equal results share a blob, and the last one that goes tells of it`, async () => {
    await using kit = await JobKit.open(driver);
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      ids.push((await kit.submit()).id);
      await kit.end(await kit.one(), completed(REF));
    }
    for (const [i, id] of ids.entries()) {
      assert.deepEqual((await kit.sweep()).unusedBlobs, []);
      assert.deepEqual(await kit.store.areNamed([REF.sha256]), [true]);
      assert.deepEqual(await kit.store.retry({ ids: [id] }), {
        answers: [{ id, answer: "retried" }],
      });
      assert.equal(await kit.store.result(id), undefined);
      if (i < 2) await kit.reopen();
    }
    assert.deepEqual(await kit.store.areNamed([REF.sha256]), [false]);
    assert.deepEqual((await kit.sweep()).unusedBlobs, [REF.sha256]);
    assert.deepEqual((await kit.sweep()).unusedBlobs, []);
  });

  Deno.test(`${name}: 34 a retried job takes another blob, or bytes`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit({ maxAttempts: 10 });
    await kit.end(await kit.one(), completed(REF));
    await kit.store.retry({ ids: [id] });
    await kit.end(await kit.one(), completed(OTHER));
    assert.deepEqual(await kit.store.result(id), OTHER);
    assert.deepEqual((await kit.sweep()).unusedBlobs, [REF.sha256]);
    await kit.store.retry({ ids: [id] });
    await kit.end(await kit.one(), { type: "completed", result: bytesOf(5) });
    assert.deepEqual(await kit.store.result(id), bytesOf(5));
    assert.deepEqual((await kit.sweep()).unusedBlobs, [OTHER.sha256]);
  });

  Deno.test(`${name}: 34 a blob that gets a name again before the sweep is not told of`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    await kit.end(await kit.one(), completed(REF));
    await kit.store.retry({ ids: [id] });
    await kit.end(await kit.one(), completed(REF));
    assert.deepEqual((await kit.sweep()).unusedBlobs, []);
    assert.deepEqual(await kit.store.areNamed([REF.sha256]), [true]);
  });

  Deno.test(`${name}: 34 a job that is removed after its time releases its blob`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 1_000, cancelledMs: 1_000, discardedMs: 1_000 };
    for (let i = 0; i < 3; i++) {
      await kit.submit({ retention });
      await kit.end(await kit.one(), completed(i === 2 ? OTHER : REF));
    }
    kit.clock.advance(1_001);
    const { removed, unusedBlobs } = await kit.sweep();
    assert.equal(removed, 3);
    assert.deepEqual(unusedBlobs, [REF.sha256, OTHER.sha256]);
    assert.deepEqual(await kit.store.areNamed([REF.sha256, OTHER.sha256]), [false, false]);
  });
}
