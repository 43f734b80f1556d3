import assert from "node:assert/strict";
import { memoryStore } from "../../src/store/mod.ts";
import { newRunId, openStore, registryOver, tempDir } from "../kv/open_store.ts";

const WORKER = { workerId: "default-1", incarnation: "default-1.x" };

Deno.test("ProcessRegistry.reserve() has stored the row when it resolves, and activate() adds pid and start time", async () => {
  await using dir = await tempDir();
  const runId = newRunId();
  {
    await using store = await openStore(dir.path, runId);
    const registry = registryOver(store, {
      runId,
      startTimeOf: () => Promise.resolve("boot/12"),
    });
    await registry.reserve(WORKER);
    // As if the host was killed here: nothing is asked to be written any more.
  }
  {
    await using store = await openStore(dir.path, runId);
    const [row] = store.deadProcesses;
    assert.equal(row?.state, "reserved");
    assert.equal(row?.pid, undefined);
    const registry = registryOver(store, {
      runId,
      startTimeOf: () => Promise.resolve("boot/12"),
    });
    await registry.reserve(WORKER);
    registry.activate(WORKER.incarnation, 77);
    await registry[Symbol.asyncDispose]();
    assert.deepEqual(registry.list().map(({ pid }) => pid), [77]);
  }
  await using store = await openStore(dir.path);
  const [row] = store.deadProcesses;
  assert.deepEqual([row?.state, row?.pid, row?.group, row?.startTime], [
    "active",
    77,
    77,
    "boot/12",
  ]);
});

Deno.test("ProcessRegistry.release() removes the row, even while the start time is being read", async () => {
  await using dir = await tempDir();
  {
    await using store = await openStore(dir.path);
    const asked = Promise.withResolvers<string | undefined>();
    const registry = registryOver(store, { startTimeOf: () => asked.promise });
    await registry.reserve(WORKER);
    registry.activate(WORKER.incarnation, 77);
    registry.release(WORKER.incarnation);
    registry.release(WORKER.incarnation);
    asked.resolve("boot/12");
    await registry[Symbol.asyncDispose]();
    assert.deepEqual(registry.list(), []);
  }
  await using store = await openStore(dir.path);
  assert.deepEqual(store.deadProcesses, []);
});

Deno.test("ProcessRegistry records a process whose start time is unknown", async () => {
  const registry = registryOver(memoryStore());
  await registry.reserve(WORKER);
  registry.activate(WORKER.incarnation, 77);
  await registry[Symbol.asyncDispose]();
  const [row] = registry.list();
  assert.deepEqual([row?.pid, row?.startTime], [77, undefined]);
});

Deno.test("ProcessRegistry keeps its rows in memory if they cannot be written", async () => {
  await using dir = await tempDir();
  const store = await openStore(dir.path);
  const registry = registryOver(store);
  await store[Symbol.asyncDispose]();
  await registry.reserve(WORKER);
  registry.activate(WORKER.incarnation, 77);
  await registry[Symbol.asyncDispose]();
  assert.deepEqual(registry.list().map(({ state }) => state), ["active"]);
  registry.release(WORKER.incarnation);
  await registry[Symbol.asyncDispose]();
  assert.deepEqual(registry.list(), []);
});

Deno.test("ProcessRegistry ignores processes that it has not reserved", async () => {
  await using registry = registryOver(memoryStore());
  registry.activate("unknown", 77);
  registry.release("unknown");
  assert.deepEqual(registry.list(), []);
});
