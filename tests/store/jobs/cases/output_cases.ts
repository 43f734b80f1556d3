import assert from "node:assert/strict";
import type {
  HoldAnswer,
  JsonObject,
  OutputPart,
  StoredOutput,
} from "../../../../src/store/mod.ts";
import { nextTurn, until } from "../../../fixtures/until.ts";
import type { JobDriver } from "../conformance.ts";
import { bytesOf, COMPLETED, ERROR, JobKit } from "../job_kit.ts";

const OUTPUTS = { type: "completed", result: { outputs: true } } as const;
const BLOB = { sha256: "ab".repeat(32), bytes: 100_000 };

/** Registers the cases 71 to 73. */
export function testOutputs(driver: JobDriver): void {
  testWriting(driver);
  testGoingOn(driver);
  testFollowing(driver);
}

function testWriting(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 71 outputs come back in order, inline and as blobs, and are the result`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const { token } = await kit.one();
    const parts = [part(1), { items: 7, body: BLOB }, part(2), part(0)];
    await write(kit, token, parts.slice(0, 3), { next: 3 });
    await kit.store.finish([{ token, outcome: OUTPUTS, outputs: parts.slice(3) }]);
    const bytes = [1, 2, 0].map((it) => bytesOf(it).byteLength).reduce((a, b) => a + b);
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(partsOf(await outputsOf(kit, id)), parts);
      assert.deepEqual(await kit.store.result(id), { outputs: true });
      assert.equal((await kit.get(id)).resultBytes, BLOB.bytes + bytes);
      await kit.reopen();
    }
  });

  Deno.test(`${name}: 71 a job without outputs has none, and may have them as its result`, async () => {
    await using kit = await JobKit.open(driver);
    const plain = await kit.submit();
    await kit.end(await kit.one());
    assert.deepEqual(await outputsOf(kit, plain.id), []);
    assert.deepEqual(await outputsOf(kit, "none"), []);
    const { id } = await kit.submit();
    const { token } = await kit.one();
    await write(kit, token, [], { next: 0 });
    await kit.end({ token }, OUTPUTS);
    assert.deepEqual(await kit.store.result(id), { outputs: true });
    assert.equal((await kit.get(id)).resultBytes, 0);
  });

  Deno.test(`${name}: 71 a claim that was lost writes no outputs and no checkpoint`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const first = await kit.one();
    await write(kit, first.token, [part(1)], { next: 1 });
    kit.clock.advance(15_001);
    await kit.sweep();
    const second = await kit.one();
    const [answer] = await write(kit, first.token, [part(2)], { next: 2 });
    assert.equal(answer, "lost");
    const [end] = await kit.store.finish([
      { token: first.token, outcome: COMPLETED, outputs: [part(2)], checkpoint: { next: 2 } },
    ]);
    assert.equal(end?.answer, "lost");
    assert.deepEqual(second.checkpoint, { next: 1 });
    assert.deepEqual(partsOf(await outputsOf(kit, id)), [part(1)]);
  });

  Deno.test(`${name}: 71 the same end given twice adds its outputs once`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const { token } = await kit.one();
    const end = { token, outcome: OUTPUTS, outputs: [part(1)] };
    await kit.store.finish([end]);
    await kit.store.finish([end, end]);
    assert.deepEqual(partsOf(await outputsOf(kit, id)), [part(1)]);
  });

  Deno.test(`${name}: 71 the blobs of outputs are named until their job begins anew, or goes`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 10, cancelledMs: 10, discardedMs: 10 };
    const other = { sha256: "cd".repeat(32), bytes: 70_000 };
    const { id } = await kit.submit({ retention });
    const named = (): Promise<readonly boolean[]> =>
      kit.store.areNamed([BLOB.sha256, other.sha256]);
    const first = await kit.one();
    await write(kit, first.token, [{ items: 1, body: BLOB }, { items: 1, body: BLOB }]);
    await kit.end(first, OUTPUTS);
    await kit.reopen();
    assert.deepEqual(await named(), [true, false]);
    await kit.store.retry({ ids: [id] });
    assert.deepEqual(await named(), [false, false]);
    const second = await kit.one();
    await kit.store.finish([
      { token: second.token, outcome: OUTPUTS, outputs: [{ items: 1, body: other }] },
    ]);
    assert.deepEqual((await kit.store.sweep()).unusedBlobs, [BLOB.sha256]);
    assert.deepEqual(await named(), [false, true]);
    kit.clock.advance(11);
    assert.deepEqual((await kit.store.sweep()).unusedBlobs, [other.sha256]);
    assert.deepEqual(await named(), [false, false]);
  });

  Deno.test(`${name}: 71 outputs go with their job`, async () => {
    await using kit = await JobKit.open(driver);
    const retention = { completedMs: 10, cancelledMs: 10, discardedMs: 10 };
    const { id } = await kit.submit({ retention });
    const { token } = await kit.one();
    await kit.store.finish([{ token, outcome: OUTPUTS, outputs: [part(1)] }]);
    kit.clock.advance(11);
    await kit.sweep();
    assert.equal(await kit.store.get(id), undefined);
    await kit.submit({ id });
    assert.deepEqual(await outputsOf(kit, id), []);
  });
}

function testGoingOn(driver: JobDriver): void {
  const { name } = driver;
  const ends = {
    lost: async (kit: JobKit, _: string) => {
      kit.clock.advance(20_000);
      await kit.sweep();
    },
    returned: (kit: JobKit, token: string) =>
      kit.end({ token }, { type: "returned", hasBegun: true }),
    failed: (kit: JobKit, token: string) => kit.fail({ token }, 0),
    abandoned: (kit: JobKit, _: string) => kit.store.abandon("host-1"),
    "cancelled and retried": async (kit: JobKit, token: string, id: string) => {
      await kit.end({ token }, { type: "cancelled" });
      await kit.store.retry({ ids: [id] });
    },
    "discarded and retried": async (kit: JobKit, token: string, id: string) => {
      await kit.end({ token }, { type: "failed", error: ERROR, retryInMs: null });
      await kit.store.retry({ ids: [id] });
    },
  };
  for (const [how, end] of Object.entries(ends)) {
    Deno.test(`${name}: 72 a job that was ${how} goes on behind its checkpoint`, async () => {
      await using kit = await JobKit.open(driver);
      const { id } = await kit.submit();
      const first = await kit.one();
      assert.equal("checkpoint" in first, false);
      await write(kit, first.token, [part(1)], { next: 1, done: { a: [1, "é"] } });
      await write(kit, first.token, [part(2)]);
      await end(kit, first.token, id);
      await kit.reopen();
      const second = await kit.one();
      assert.deepEqual(second.checkpoint, { next: 1, done: { a: [1, "é"] } });
      await kit.store.finish([{ token: second.token, outcome: OUTPUTS, outputs: [part(3)] }]);
      assert.deepEqual(partsOf(await outputsOf(kit, id)), [part(1), part(2), part(3)]);
    });
  }

  Deno.test(`${name}: 72 claims of several jobs come with their own checkpoints`, async () => {
    await using kit = await JobKit.open(driver);
    for (const id of ["c-0", "c-1", "c-2"]) await kit.submit({ id });
    for (const { token, job } of await kit.take({ slots: 3 })) {
      if (job.id !== "c-1") await write(kit, token, [], { of: job.id });
      await kit.fail({ token }, 0);
    }
    await kit.submit({ id: "c-3" });
    const claims = await kit.take({ slots: 4 });
    assert.deepEqual(
      claims.map(({ job, checkpoint }) => [job.id, checkpoint]),
      [["c-0", { of: "c-0" }], ["c-1", undefined], ["c-2", { of: "c-2" }], ["c-3", undefined]],
    );
  });

  Deno.test(`${name}: 72 a completed job that is retried begins anew`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const { token } = await kit.one();
    await write(kit, token, [part(1), part(2)], { next: 2 });
    await kit.end({ token }, OUTPUTS);
    const before = await outputsOf(kit, id);
    await kit.store.retry({ ids: [id] });
    const reset = [{ kind: "reset", seq: before.at(-1)?.seq ?? -1 }];
    assert.deepEqual(await outputsOf(kit, id), reset);
    assert.equal(await kit.store.result(id), undefined);
    const second = await kit.one();
    assert.equal("checkpoint" in second, false);
    await kit.store.finish([{ token: second.token, outcome: OUTPUTS, outputs: [part(3)] }]);
    const after = await outputsOf(kit, id);
    assert.deepEqual(partsOf(after), [part(3)]);
    assert.ok((after.at(-1)?.seq ?? 0) > (before.at(-1)?.seq ?? Infinity));
    assert.deepEqual(await outputsOf(kit, id, before.at(-1)?.seq), after.slice(1));
  });

  Deno.test(`${name}: 72 a job that is replaced while it waits for an attempt begins anew`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit({ unique: { key: "k", mode: "drop" } });
    const { token } = await kit.one();
    await write(kit, token, [part(1)], { next: 1 });
    await kit.fail({ token }, 0);
    const replaced = await kit.submit({ unique: { key: "k", mode: "replace" } });
    assert.deepEqual([replaced.answer, replaced.id], ["replaced", id]);
    assert.deepEqual(partsOf(await outputsOf(kit, id)), []);
    assert.equal("checkpoint" in await kit.one(), false);
  });
}

function testFollowing(driver: JobDriver): void {
  const { name } = driver;

  Deno.test(`${name}: 73 a reader follows the outputs to the end of the job, over several runs`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const seen: StoredOutput[] = [];
    let hasEnded = false;
    const reading = (async () => {
      for await (const it of follow(kit, id, new AbortController().signal)) seen.push(it);
      hasEnded = true;
    })();
    for (let run = 1; run <= 3; run++) {
      const { token } = await kit.one();
      await write(kit, token, [part(run)], { run });
      await until(() => seen.length === run, `part ${run}`);
      assert.equal(hasEnded, false);
      if (run < 3) await kit.fail({ token }, 0);
      else await kit.end({ token }, OUTPUTS);
    }
    await reading;
    assert.deepEqual(partsOf(seen), [part(1), part(2), part(3)]);
    for (const [i, { seq }] of seen.entries()) {
      assert.deepEqual(await outputsOf(kit, id, seq), seen.slice(i + 1));
    }
  });

  Deno.test(`${name}: 73 many parts of outputs are read in pages`, async () => {
    await using kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const { token } = await kit.one();
    const parts = Array.from({ length: 700 }, (_, i) => part(i));
    await write(kit, token, parts);
    assert.deepEqual(partsOf(await outputsOf(kit, id)), parts);
  });

  Deno.test(`${name}: 73 a reader of outputs ends with its signal, and with the store`, async () => {
    const kit = await JobKit.open(driver);
    const { id } = await kit.submit();
    const reason = new Error("enough");
    const controller = new AbortController();
    const reading = (async () => {
      for await (const _ of follow(kit, id, controller.signal));
    })();
    reading.catch(() => {});
    await nextTurn();
    controller.abort(reason);
    await assert.rejects(reading, reason);
    const other = (async () => {
      for await (const _ of follow(kit, id, new AbortController().signal));
    })();
    other.catch(() => {});
    await nextTurn();
    await kit[Symbol.asyncDispose]();
    await assert.rejects(other, { code: "shutting_down" });
  });
}

/** Returns a part whose items and bytes are those of a number. */
function part(seed: number): OutputPart {
  return { items: seed, body: bytesOf(seed, seed) };
}

function write(
  kit: JobKit,
  token: string,
  outputs: readonly OutputPart[],
  checkpoint?: JsonObject,
): Promise<readonly HoldAnswer[]> {
  const news = { outputs, ...(checkpoint !== undefined && { checkpoint }) };
  return kit.store.extend([{ token, leaseMs: 15_000, ...news }]);
}

function follow(kit: JobKit, id: string, signal: AbortSignal): AsyncIterable<StoredOutput> {
  return kit.store.outputs(id, 0, { signal, follow: true });
}

async function outputsOf(kit: JobKit, id: string, after = 0): Promise<StoredOutput[]> {
  const { signal } = new AbortController();
  return await Array.fromAsync(kit.store.outputs(id, after, { signal, follow: false }));
}

function partsOf(outputs: readonly StoredOutput[]): OutputPart[] {
  return outputs.flatMap((it) => it.kind === "part" ? [{ items: it.items, body: it.body }] : []);
}
