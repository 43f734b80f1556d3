import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/mod.ts";
import { Files } from "../../src/files/mod.ts";
import { OpenUploads } from "../../src/files/open_uploads.ts";
import { until } from "../fixtures/until.ts";
import { FileKit, someBytes } from "./file_kit.ts";

const LIMITS = { maxFiles: 10, maxTotalBytes: 1_000_000, maxUploads: 2, maxFileBytes: 500_000 };
const NONE = { files: 0, bytes: 0 };

/** Places for two files, and their clock. */
function places(): { readonly uploads: OpenUploads; readonly pass: (ms: number) => void } {
  let now = 0;
  const uploads = new OpenUploads(LIMITS, { now: () => now });
  return { uploads, pass: (ms) => void (now += ms) };
}

Deno.test("OpenUploads gives the place of a slow file to the next one, and never that of a fast one", () => {
  const { uploads, pass } = places();
  const [slow, fast] = [uploads.begin(undefined), uploads.begin(undefined)];
  slow.receive();
  fast.receive();
  for (let second = 1; second <= 10; second++) {
    assert.throws(() => uploads.begin(undefined), { code: "server_busy" });
    pass(1_000);
    slow.take(1, NONE);
    fast.take(1_001, NONE);
  }
  pass(500);
  const next = uploads.begin(undefined);
  assert.equal((slow.signal.reason as { code: string }).code, "server_busy");
  assert.ok(!fast.signal.aborted);
  assert.throws(() => uploads.begin(undefined), { code: "server_busy" });
  // The end of one that has lost its place gives no place back.
  slow[Symbol.dispose]();
  assert.throws(() => uploads.begin(undefined), { code: "server_busy" });
  next[Symbol.dispose]();
  next[Symbol.dispose]();
  uploads.begin(undefined)[Symbol.dispose]();
});

Deno.test("OpenUploads counts no fast bytes for a later trickle", () => {
  const { uploads, pass } = places();
  const [first] = [uploads.begin(undefined), uploads.begin(undefined)];
  first.receive();
  first.take(400_000, NONE);
  pass(9_999);
  assert.throws(() => uploads.begin(undefined), { code: "server_busy" });
  pass(1);
  uploads.begin(undefined);
  assert.ok(first.signal.aborted);
});

Deno.test("OpenUploads leaves a slow file its place while nobody needs it, or its bytes are there", () => {
  const { uploads, pass } = places();
  const [slow, whole] = [uploads.begin(undefined), uploads.begin(undefined)];
  slow[Symbol.dispose]();
  const again = uploads.begin(undefined);
  again.receive();
  whole.receive();
  whole.received();
  pass(3_600_000);
  again.take(1, NONE);
  assert.ok(!again.signal.aborted);
  uploads.begin(undefined);
  assert.ok(again.signal.aborted);
  assert.ok(!whole.signal.aborted);
});

Deno.test("Files.add() fails with shutting_down if the host stops while its source is silent", async () => {
  await using kit = await FileKit.open({ driver: "directory" });
  const stop = new AbortController();
  const files = new Files({
    store: { files: kit.store, blobs: kit.blobs },
    config: parseConfig({}).files,
    maxFileBytes: 1_000,
    signal: stop.signal,
  });
  let isClosed = false;
  const source = new ReadableStream<Uint8Array>({
    start: (it) => it.enqueue(someBytes(10)),
    cancel: () => void (isClosed = true),
  });
  const adding = assert.rejects(files.add(source), { code: "shutting_down", retryable: true });
  await until(() => source.locked, "the source is read");
  stop.abort();
  await adding;
  assert.ok(isClosed);
  assert.deepEqual(await kit.hashes(), []);
  await assert.rejects(files.add(someBytes(1)), { code: "shutting_down" });
});
