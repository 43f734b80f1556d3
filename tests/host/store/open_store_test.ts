import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/mod.ts";
import { openStore } from "../../src/host/open_store.ts";
import { newRunId, tempDir } from "../kv/open_store.ts";

Deno.test("openStore() opens the store of the data directory, and one in memory for a second host", async () => {
  await using dir = await tempDir();
  const config = parseConfig({ dataDir: dir.path });
  await using first = await openStore(config, { runId: newRunId(), required: true });
  assert.equal((await first.report()).state, "open");
  await using second = await openStore(config, { runId: newRunId(), required: false });
  assert.equal((await second.report()).state, "in memory");
  const third = openStore(config, { runId: newRunId(), required: true });
  await assert.rejects(third, { name: "StoreInUseError", code: "startup_failed", retryable: true });
});

Deno.test("openStore() keeps records in memory if the store cannot be opened, unless it is required", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/store`, "a file where a directory should be");
  const config = parseConfig({ dataDir: dir.path });
  await using store = await openStore(config, { runId: newRunId(), required: false });
  assert.equal((await store.report()).state, "in memory");
  const required = openStore(config, { runId: newRunId(), required: true });
  await assert.rejects(required, { code: "startup_failed", message: /^Cannot open the store in / });
});
