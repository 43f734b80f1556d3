import assert from "node:assert/strict";
import { DirectoryBlobs } from "../../../src/blobs/directory_blobs.ts";
import { parseConfig } from "../../../src/config/mod.ts";
import { hasJobsAside, openBlobs, openJobStore, openStore } from "../../../src/host/store/mod.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { newRunId, tempDir } from "../../kv/open_store.ts";
import { put, readAll } from "../../store/blobs/blob_kit.ts";
import { assertSame, bytesOf } from "../../store/samples.ts";

Deno.test("openBlobs() opens those of the data directory", async () => {
  await using dir = await tempDir();
  const config = parseConfig({ dataDir: dir.path });
  await using blobs = await openBlobs(config, { required: true });
  assert.ok(blobs instanceof DirectoryBlobs);
  assert.ok((await Deno.stat(`${dir.path}/blobs/incoming`)).isDirectory);
});

Deno.test("openBlobs() leaves the directory alone while another host has it", async () => {
  await using dir = await tempDir();
  const config = parseConfig({ dataDir: dir.path });
  await using first = await openBlobs(config, { required: true });
  await using writer = await first.create();
  await writer.write(bytesOf(1_000));
  await using _store = (await openStore(config, { runId: newRunId(), required: true })).store;
  const second = await openStore(config, { runId: newRunId(), required: false });
  await using _second = second.store;
  await using beside = await openBlobs(config, { ...second, required: false });
  assert.ok(!(beside instanceof DirectoryBlobs));
  using held = await put(beside, bytesOf(10));
  assertSame(await readAll(beside, held), bytesOf(10));
  using finished = await writer.finish();
  assertSame(await readAll(first, finished), bytesOf(1_000));
});

Deno.test("openBlobs() says why the directory cannot be opened, or throws it if it must", async () => {
  await using dir = await tempDir();
  await using log = new LogSink();
  await Deno.writeTextFile(`${dir.path}/blobs`, "a file where a directory should be");
  const config = parseConfig({ dataDir: dir.path });
  await using blobs = await openBlobs(config, { required: false });
  assert.ok(!(blobs instanceof DirectoryBlobs));
  assert.match(await log.text(), /blobs are kept in memory: Cannot open the blobs in /);
  await assert.rejects(openBlobs(config, { required: true }), { code: "startup_failed" });
});

Deno.test("hasJobsAside() is true as long as a database of jobs that was moved aside is there", async () => {
  await using dir = await tempDir();
  await using _log = new LogSink();
  const config = parseConfig({ dataDir: dir.path });
  assert.equal(hasJobsAside(config), false);
  await Deno.mkdir(`${dir.path}/store`);
  await Deno.writeTextFile(`${dir.path}/store/jobs.sqlite`, "garbage".repeat(1_000));
  for (let start = 0; start < 2; start++) {
    const store = await openJobStore(config, { required: true });
    assert.ok(!(store instanceof Error));
    await store[Symbol.asyncDispose]();
    assert.equal(hasJobsAside(config), true);
  }
});
