/** Long results of jobs in a real server, with the permissions of `deno task serve`. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenClient } from "../../src/client/mod.ts";
import { ADAPTERS, ServerProcess, tempDir } from "../fixtures/host.ts";
import { listOf } from "../store/blobs/blob_kit.ts";
import { openDirectoryBlobs } from "../../src/blobs/mod.ts";

const MIB = 1024 ** 2;

async function serve(dir: string): Promise<ServerProcess> {
  const path = join(dir, "snakeden.config.json");
  const pools = [{ name: "default", adapter: "values_echo", modulePaths: [ADAPTERS], size: 1 }];
  await Deno.writeTextFile(path, JSON.stringify({ pools }));
  return await ServerProcess.start({ dataDir: dir, env: { SNAKEDEN_CONFIG: path } });
}

Deno.test("long results outlive a kill of the server, byte for byte, in JSON, in bytes and in parts", async () => {
  await using dir = await tempDir();
  const text = "é".repeat(MIB);
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const long = new Uint8Array(50 * bytes.length).map((_, i) => bytes[i % bytes.length] ?? 0);
  const ids: string[] = [];
  {
    await using server = await serve(dir.path);
    const client = new SnakedenClient({ baseUrl: server.url });
    for (const value of [text, long, long]) {
      const job = await client.jobs.submit({ tool: "echo", args: { value } });
      await job.done();
      ids.push(job.id);
    }
    server.kill("SIGKILL");
    await server.finished();
  }
  const [first = "", second = "", third = ""] = ids;
  await using server = await serve(dir.path);
  const client = new SnakedenClient({ baseUrl: server.url });
  assert.equal(await client.jobs.result(first), text);
  assert.deepEqual(await client.jobs.result(third), long);
  const headers = { accept: "application/octet-stream" };
  const url = `${server.url}/v1/jobs/${second}/result`;
  const whole = await fetch(url, { headers });
  assert.deepEqual(await whole.bytes(), long);
  const etag = whole.headers.get("etag") ?? "";
  const range = `bytes=${long.length - 1_000}-`;
  const part = await fetch(url, { headers: { ...headers, range, "if-range": etag } });
  assert.equal(part.status, 206);
  assert.deepEqual(await part.bytes(), long.slice(-1_000));
  const head = await fetch(url, { method: "HEAD", headers });
  assert.equal(head.headers.get("content-length"), String(long.length));
  server.kill("SIGTERM");
  await server.finished();
  await using blobs = await openDirectoryBlobs(join(dir.path, "blobs"));
  assert.equal((await listOf(blobs)).length, 2);
});
