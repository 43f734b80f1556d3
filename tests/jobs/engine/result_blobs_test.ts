/** Results that are blobs: how the engine writes them, and removes those that nothing names. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { SnakedenError } from "../../../src/errors.ts";
import { type BlobRef, type Blobs, memoryBlobs } from "../../../src/store/mod.ts";
import { HostProcess } from "../../fixtures/host.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { until } from "../../fixtures/until.ts";
import { listOf, put, readAll, tempDir } from "../../store/blobs/blob_kit.ts";
import { assertSame, bytesOf } from "../../store/samples.ts";
import { makeOld, openIn } from "./blob_place.ts";
import { EngineFixture, LEASE_MS } from "./engine_fixture.ts";

const HOLDER = fileURLToPath(new URL("blob_holder.ts", import.meta.url));
const LONG = bytesOf(300_000);

/** Runs the next job to its end with this result. */
async function complete(it: EngineFixture, result = LONG): Promise<string> {
  const [id = ""] = await it.submit();
  (await it.running(id)).succeed(result);
  await it.reaches(id, "completed");
  return id;
}

async function hashesOf(blobs: Blobs): Promise<string[]> {
  return (await listOf(blobs)).map(({ sha256 }) => sha256);
}

/** Waits until there are so many blobs, while the time passes. */
async function untilBlobs(it: EngineFixture, count: number): Promise<void> {
  await until(async () => {
    await it.pass(1_000);
    return (await listOf(it.blobs)).length === count;
  }, `${count} blobs`);
}

async function blobOf(it: EngineFixture, id: string): Promise<BlobRef> {
  const result = await it.store.result(id);
  assert.ok(result !== undefined && "sha256" in result, "a blob");
  return result;
}

Deno.test("JobEngine writes a result over 256 KiB as a blob, and a shorter one with the job", async () => {
  await using it = await EngineFixture.open();
  const short = await complete(it, bytesOf(256 * 1024));
  assertSame(await it.store.result(short) as Uint8Array, bytesOf(256 * 1024));
  assert.deepEqual(await listOf(it.blobs), []);
  const long = await complete(it, bytesOf(256 * 1024 + 1));
  const ref = await blobOf(it, long);
  assertSame(await readAll(it.blobs, ref), bytesOf(256 * 1024 + 1));
  assert.equal((await it.get(long)).resultBytes, 256 * 1024 + 1);
});

Deno.test("JobEngine keeps equal results once, and removes them with the last job", async () => {
  await using it = await EngineFixture.open();
  const [first, second] = [await complete(it), await complete(it)];
  assert.deepEqual(await blobOf(it, first), await blobOf(it, second));
  assert.equal((await listOf(it.blobs)).length, 1);
  for (const [id, left] of [[first, 1], [second, 0]] as const) {
    await it.store.retry({ ids: [id] });
    (await it.running(id)).succeed(bytesOf(10));
    await it.reaches(id, "completed");
    await it.pass(3_000);
    await untilBlobs(it, left);
  }
});

Deno.test("JobEngine keeps a long result with its job if no blob can be written", async () => {
  await using log = new LogSink();
  const blobs = memoryBlobs();
  blobs.create = () => Promise.reject(new SnakedenError("store_failed", "the disk is full"));
  await using it = await EngineFixture.open({ blobs });
  const id = await complete(it);
  assertSame(await it.store.result(id) as Uint8Array, LONG);
  assert.match(await log.text(), /a result of 300000 bytes is kept with its job: the disk is full/);
});

Deno.test("JobEngine holds a blob until its end is written, however long the store is away", async () => {
  let isDown = true;
  await using it = await EngineFixture.open({
    seen: (store) =>
      new Proxy(store, {
        get: (target, key) => {
          if (key === "finish" && isDown) return () => Promise.reject(new Error("away"));
          const found = Reflect.get(target, key);
          return typeof found === "function" ? found.bind(target) : found;
        },
      }),
  });
  const [id = ""] = await it.submit();
  (await it.running(id)).succeed(LONG);
  await untilBlobs(it, 1);
  const [sha256 = ""] = await hashesOf(it.blobs);
  const isNamed = async (): Promise<boolean> => (await it.store.areNamed([sha256]))[0] ?? false;
  assert.equal(await it.blobs.remove(sha256, isNamed), false);
  isDown = false;
  await it.pass(3_000);
  await it.reaches(id, "completed");
  assertSame(await readAll(it.blobs, await blobOf(it, id)), LONG);
});

Deno.test("JobEngine removes the blob of an end that is given up, and of one that was lost", async () => {
  for (const answer of ["away", "lost"]) {
    await using it = await EngineFixture.open({
      seen: (store) =>
        new Proxy(store, {
          get: (target, key) => {
            if (key === "finish") {
              return answer === "away"
                ? () => Promise.reject(new Error("away"))
                : () => Promise.resolve([{ answer: "lost" }]);
            }
            if (key === "extend" && answer === "away") {
              return () => Promise.reject(new Error("away"));
            }
            const found = Reflect.get(target, key);
            return typeof found === "function" ? found.bind(target) : found;
          },
        }),
    });
    const seen = new Set<string>();
    const create = it.blobs.create.bind(it.blobs);
    it.blobs.create = () => {
      seen.add("created");
      return create();
    };
    const [id = ""] = await it.submit();
    (await it.running(id)).succeed(LONG);
    await until(() => seen.has("created"), "the blob to be written");
    await it.pass(LEASE_MS + 3_000);
    await untilBlobs(it, 0);
  }
});

Deno.test("JobEngine removes old blobs without a name at its start, and no other", async () => {
  await using dir = await tempDir();
  const { store, blobs } = await openIn(dir.path);
  await using _blobs = blobs;
  const hashes: string[] = [];
  for (const seed of [1, 2, 3]) {
    using held = await put(blobs, bytesOf(1_000, seed));
    hashes.push(held.sha256);
  }
  const [old = "", named = "", young = ""] = hashes;
  for (const it of [old, named]) await makeOld(dir.path, it);
  await store.declareQueues([{ name: "default" }]);
  {
    await using keeping = await EngineFixture.open({ store, blobs, scansBlobs: false });
    const [id = ""] = await keeping.submit();
    await keeping.running(id);
    await keeping.pass(2_000);
    assert.equal((await listOf(blobs)).length, 3);
    await store.finish([{
      token: keeping.held.get(id)?.run.claim.token ?? "",
      outcome: { type: "completed", result: { sha256: named, bytes: 1_000 } },
    }]);
  }
  const next = await openIn(dir.path);
  await using _next = next.blobs;
  await using it = await EngineFixture.open({ store: next.store, blobs: next.blobs });
  await until(async () => (await listOf(it.blobs)).length === 2, "the old one to go");
  assert.deepEqual((await hashesOf(it.blobs)).sort(), [named, young].sort());
});

Deno.test("a host that is killed between a blob and the end leaves a blob that the next starts remove", async () => {
  await using dir = await tempDir();
  {
    await using host = new HostProcess(["run", "-A", "--no-check", HOLDER, dir.path]);
    await until(() => {
      if (host.ended) throw new Error(host.stdout + host.stderr);
      return host.stdout.includes("between");
    }, "the blob to be written");
    host.kill("SIGKILL");
    await host.finished();
  }
  const { store, blobs } = await openIn(dir.path);
  await using _blobs = blobs;
  const [orphan = "", ...others] = await hashesOf(blobs);
  assert.deepEqual(others, []);
  assert.deepEqual(await store.areNamed([orphan]), [false]);
  await makeOld(dir.path, orphan);
  const othersEnded = Promise.resolve();
  await using it = await EngineFixture.open({ store, blobs, othersEnded, pool: "main" });
  await until(async () => (await listOf(blobs)).length === 0, "the orphan to go");
  (await it.running("job")).succeed(LONG);
  await it.reaches("job", "completed");
  assertSame(await readAll(blobs, await blobOf(it, "job")), LONG);
});
