import assert from "node:assert/strict";
import { SnakedenError } from "../../../mod.ts";
import { parseConfig } from "../../../src/config/mod.ts";
import { openJobStore } from "../../../src/host/store/open_job_store.ts";
import { openStore } from "../../../src/host/store/open_store.ts";
import { newRunId, tempDir } from "../../kv/open_store.ts";

Deno.test("openJobStore() declares the queues of the configuration, and the default one", async () => {
  await using dir = await tempDir();
  const queues = [{ name: "mail", concurrency: 2, rateLimit: { limit: 5, periodMs: 1_000 } }];
  const config = parseConfig({ dataDir: dir.path, jobs: { queues } });
  const store = await openJobStore(config, { required: true });
  assert.ok(!(store instanceof SnakedenError));
  await using _store = store;
  assert.deepEqual(
    (await store.queues()).map(({ name, concurrency, rate }) => ({ name, concurrency, rate })),
    [
      { name: "default", concurrency: undefined, rate: undefined },
      { name: "mail", concurrency: 2, rate: { limit: 5, periodMs: 1_000 } },
    ],
  );
});

Deno.test("openJobStore() names the host that has the data directory, and a way to reach it", async () => {
  await using dir = await tempDir();
  const config = parseConfig({ dataDir: dir.path });
  const runId = newRunId();
  await using _first = (await openStore(config, { runId, required: true })).store;
  const second = await openStore(config, { runId: newRunId(), required: false });
  await using _second = second.store;
  const error = await openJobStore(config, { ...second, required: false });
  assert.ok(error instanceof SnakedenError);
  assert.deepEqual([error.code, error.details], ["store_unavailable", { pid: Deno.pid, runId }]);
  assert.ok(error.message.includes(`process id ${Deno.pid} (run ${runId})`), error.message);
  assert.match(error.message, /SNAKEDEN_URL/);
});

Deno.test("openJobStore() says why jobs cannot be stored", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/store`, "a file where a directory should be");
  const config = parseConfig({ dataDir: dir.path });
  const opened = await openStore(config, { runId: newRunId(), required: false });
  await using _store = opened.store;
  const error = await openJobStore(config, { ...opened, required: false });
  assert.ok(error instanceof SnakedenError);
  assert.equal(error.code, "store_unavailable");
  assert.match(error.message, /cannot be stored: Cannot open the store in /);
});

Deno.test("openJobStore() says why the database of jobs cannot be opened, or throws it if it must", async () => {
  await using dir = await tempDir();
  await Deno.mkdir(`${dir.path}/store/jobs.sqlite`, { recursive: true });
  const config = parseConfig({ dataDir: dir.path });
  const error = await openJobStore(config, { required: false });
  assert.ok(error instanceof SnakedenError);
  assert.equal(error.code, "store_unavailable");
  const required = openJobStore(config, { required: true });
  await assert.rejects(required, { code: "startup_failed", message: /jobs\.sqlite/ });
});
