/** Batches whose outputs are damaged, in queues that drain, and in several pools at once. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { JobHandle } from "../../../mod.ts";
import { ADAPTERS, startDen, tempDir } from "../../fixtures/host.ts";
import { until } from "../../fixtures/until.ts";

const ADAPTER = "batch_meets";

/** Changes the file of each blob. */
async function changeBlobs(
  dataDir: string,
  change: (path: string) => Promise<void>,
): Promise<void> {
  const blobs = join(dataDir, "blobs");
  for await (const { name: folder } of Deno.readDir(blobs)) {
    if (folder.length !== 2) continue;
    for await (const { name } of Deno.readDir(join(blobs, folder))) {
      await change(join(blobs, folder, name));
    }
  }
}

const DAMAGES: readonly (readonly [string, (path: string) => Promise<void>])[] = [
  ["gone", (path) => Deno.remove(path)],
  ["cut short", async (path) => {
    await Deno.chmod(path, 0o600);
    await Deno.truncate(path, 100_000);
  }],
  ["of other bytes", async (path) => {
    await Deno.chmod(path, 0o600);
    const bytes = await Deno.readFile(path);
    bytes[150_000] = 0x79;
    await Deno.writeFile(path, bytes);
  }],
];

for (const [how, damage] of DAMAGES) {
  Deno.test(`a batch whose first outputs are ${how} makes no result file, and says why`, async () => {
    await using dir = await tempDir();
    await using den = await startDen({ adapter: ADAPTER, size: 1 }, {
      dataDir: join(dir.path, "data"),
    });
    const path = join(dir.path, "go-on");
    const batch = await den.jobs.submit({
      kind: "batch",
      tool: "long_after",
      inputs: [{ chars: 200_000 }, { chars: 10, path }],
      resultFile: true,
      maxAttempts: 1,
    });
    await until(
      async () => (await Array.fromAsync(batch.results({ follow: false }))).length === 1,
      "the first item is written",
    );
    await changeBlobs(join(dir.path, "data"), damage);
    await Deno.writeTextFile(path, "");
    const { state, error, resultFile } = await batch.done();
    assert.deepEqual([state, error?.code, resultFile], ["discarded", "store_failed", undefined]);
    assert.match(error?.message ?? "", /blob .* (is missing or damaged|its bytes are not those)/);
    assert.deepEqual((await den.jobs.artifacts(batch.id)).items, []);
    // What was read before cannot be taken back, but nobody takes it for all of the result.
    await assert.rejects(Array.fromAsync(batch.results()), { code: "store_failed" });
    await assert.rejects(batch.result(), { code: "store_failed" });
  });
}

Deno.test("a queue that drains runs its batch to the end with all items, and takes no other", async () => {
  await using dir = await tempDir();
  await using den = await startDen({ adapter: ADAPTER, size: 1 }, {
    jobs: { queues: [{ name: "bulk" }] },
  });
  const path = join(dir.path, "go-on");
  const input = {
    kind: "batch",
    tool: "long_after",
    queue: "bulk",
    inputs: [{ chars: 1 }, { chars: 2, path }, ...Array(200).fill({ chars: 3 })],
  } as const;
  const batch = await den.jobs.submit(input);
  await until(async () => (await batch.refresh()).items?.done === 1, "one item has ended");
  await den.queues.update("bulk", { draining: true });
  await assert.rejects(den.jobs.submit(input), { code: "queue_draining" });
  // A long list has no file then.
  const long = { ...input, inputs: Array(10_001).fill({ chars: 1 }) };
  await assert.rejects(den.jobs.submit(long), { code: "queue_draining" });
  assert.deepEqual((await den.files.list()).items, []);
  assert.equal((await den.queues.get("bulk")).left, 1);
  await Deno.writeTextFile(path, "");
  assert.deepEqual(await batch.result(), { done: 202, failed: 0, total: 202 });
  assert.equal((await den.queues.get("bulk")).left, 0);
  await assert.rejects(batch.retry(), { code: "queue_draining" });
});

Deno.test("batches in two pools run at once, each with the items of its own", async () => {
  await using dir = await tempDir();
  const pools = ["left", "right"].map((name) => ({
    name,
    size: 1,
    adapter: ADAPTER,
    modulePaths: [ADAPTERS],
  }));
  await using den = await startDen({}, { pools });
  // Each item waits until its partner in the other pool runs.
  const inputsOf = (mine: string, other: string): object[] =>
    Array.from({ length: 20 }, (_, i) => ({
      mine: join(dir.path, `${mine}-${i}`),
      other: join(dir.path, `${other}-${i}`),
    }));
  const submit = (pool: string, other: string): Promise<JobHandle> =>
    den.jobs.submit({ kind: "batch", tool: "meet", pool, inputs: inputsOf(pool, other) });
  const batches = await Promise.all([submit("left", "right"), submit("right", "left")]);
  for (const [i, name] of ["left", "right"].entries()) {
    const batch = batches[i] ?? assert.fail();
    const results = await Array.fromAsync(batch.results<string>());
    assert.deepEqual(
      results.map((it) => "result" in it ? it.result : it.error),
      Array.from({ length: 20 }, (_, item) => `${name}-${item}`),
    );
    assert.deepEqual((await batch.done()).pool, name);
  }
});
