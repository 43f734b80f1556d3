import assert from "node:assert/strict";
import { parseConfig } from "../../../src/config/mod.ts";
import { openStore } from "../../../src/host/store/open_store.ts";
import { newRunId, tempDir } from "../../kv/open_store.ts";

Deno.test("openStore() opens the store of the data directory, and one in memory for a second host", async () => {
  await using dir = await tempDir();
  const config = parseConfig({ dataDir: dir.path });
  const { store: first, problem } = await openStore(config, { runId: newRunId(), required: true });
  await using _first = first;
  assert.equal(problem, undefined);
  assert.equal((await first.report()).state, "open");
  const other = await openStore(config, { runId: newRunId(), required: false });
  await using second = other.store;
  assert.equal(other.problem?.name, "StoreInUseError");
  assert.equal((await second.report()).state, "in memory");
  const third = openStore(config, { runId: newRunId(), required: true });
  await assert.rejects(third, { name: "StoreInUseError", code: "startup_failed", retryable: true });
});

Deno.test("openStore() keeps records in memory if the store cannot be opened, unless it is required", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/store`, "a file where a directory should be");
  const config = parseConfig({ dataDir: dir.path });
  const opened = await openStore(config, { runId: newRunId(), required: false });
  await using store = opened.store;
  assert.match(opened.problem?.message ?? "", /^Cannot open the store in /);
  assert.equal((await store.report()).state, "in memory");
  const required = openStore(config, { runId: newRunId(), required: true });
  await assert.rejects(required, { code: "startup_failed", message: /^Cannot open the store in / });
});
