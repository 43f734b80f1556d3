/** Batches over HTTP, and in the client. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenClient } from "../../src/client/mod.ts";
import { API_KEY, serveSuite } from "../client/served.ts";

const POOLS = (folder: string): Record<string, unknown> => ({
  pools: [{ name: "default", size: 2, adapter: "batch_work", modulePaths: [folder] }],
});

Deno.test("a served batch is submitted, followed and read by ranges, and the client has the same", async () => {
  const adapters = new URL("../fixtures/adapters", import.meta.url).pathname;
  await using served = await serveSuite(POOLS(adapters));
  const { url } = served;
  const headers = { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" };
  const post = (body: unknown): Promise<Response> =>
    fetch(`${url}/v1/jobs`, { method: "POST", headers, body: JSON.stringify(body) });
  const inputs = Array.from({ length: 500 }, (_, key) => ({ key, seconds: 0.001 }));
  const submitted = await (await post({ kind: "batch", tool: "square", inputs })).json();
  const result = `${url}/v1/jobs/${submitted.id}/result`;
  const text = await (await fetch(`${result}?follow=true`, { headers })).text();
  const lines = text.trimEnd().split("\n").map((it) => JSON.parse(it));
  assert.deepEqual(
    lines.toSorted((a, b) => a.index - b.index),
    inputs.map(({ key }) => ({ index: key, result: key * key })),
  );
  const whole = await fetch(result, { headers });
  assert.deepEqual([whole.headers.get("content-type"), await whole.text()], [
    "application/x-ndjson",
    text,
  ]);
  const part = await fetch(result, { headers: { ...headers, range: "bytes=10-29" } });
  assert.deepEqual([part.status, await part.text(), part.headers.get("content-range")], [
    206,
    text.slice(10, 30),
    `bytes 10-29/${text.length}`,
  ]);
  const job = await (await fetch(`${url}/v1/jobs/${submitted.id}`, { headers })).json();
  assert.deepEqual(job.items, { done: 500, failed: 0, total: 500 });
  assert.equal(job.resultBytes, text.length);
  const wrong = await post({ kind: "batch", tool: "square", inputs: [{}, 1] });
  assert.deepEqual([wrong.status, (await wrong.text()).match(/inputs.\d+./)?.[0]], [
    400,
    "inputs[1]",
  ]);

  await using den = new SnakedenClient({ baseUrl: url, apiKey: API_KEY });
  const file = await den.files.add(new TextEncoder().encode("a,b\n1,2\n3,4\n5\n"));
  const batch = await den.jobs.submit({
    kind: "batch",
    tool: "total",
    inputsFile: file.id,
    format: "csv",
    args: { plus: 1 },
  });
  const results = await Array.fromAsync(batch.results<number>());
  const found = results.toSorted((a, b) => a.index - b.index)
    .map((it) => "error" in it ? it.error.code : it.result);
  assert.deepEqual(found, [4, 8, "invalid_input"]);
  const bytes = await den.jobs.submit({
    kind: "batch",
    tool: "bytes_length",
    inputs: [new Uint8Array([7])],
    input: "data",
  });
  assert.deepEqual(await Array.fromAsync(bytes.results()), [
    { index: 0, result: new Uint8Array([7, 7]) },
  ]);
});

Deno.test("the result of a batch that has ended has a tag, and is read in parts", async () => {
  const adapters = new URL("../fixtures/adapters", import.meta.url).pathname;
  await using served = await serveSuite(POOLS(adapters));
  await using den = new SnakedenClient({ baseUrl: served.url, apiKey: API_KEY });
  const inputs = Array.from({ length: 300 }, (_, key) => ({ key }));
  const batch = await den.jobs.submit({ kind: "batch", tool: "square", inputs });
  await batch.done();
  const get = (headers: Record<string, string>, method = "GET"): Promise<Response> =>
    fetch(`${served.url}/v1/jobs/${batch.id}/result`, {
      method,
      headers: { authorization: `Bearer ${API_KEY}`, ...headers },
    });
  const whole = await get({});
  const text = await whole.text();
  const etag = whole.headers.get("etag") ?? "";
  assert.match(etag, /^"/);
  const parts: [Record<string, string>, number, string][] = [
    [{ "if-none-match": etag }, 304, ""],
    [{ range: "bytes=-9" }, 206, text.slice(-9)],
    [{ range: `bytes=${text.length - 5}-` }, 206, text.slice(-5)],
    [{ range: "bytes=3-7", "if-range": etag }, 206, text.slice(3, 8)],
    [{ range: "bytes=3-7", "if-range": '"another"' }, 200, text],
    [{ range: "bytes=0-3,9-12" }, 200, text],
    [{ range: "lines=0-3" }, 200, text],
  ];
  for (const [headers, status, body] of parts) {
    const answer = await get(headers);
    assert.deepEqual([answer.status, await answer.text()], [status, body], JSON.stringify(headers));
  }
  const outside = await get({ range: `bytes=${text.length}-` });
  assert.deepEqual([outside.status, outside.headers.get("content-range")], [
    416,
    `bytes */${text.length}`,
  ]);
  await outside.body?.cancel();
  const head = await get({}, "HEAD");
  assert.deepEqual([head.status, head.headers.get("content-length")], [200, String(text.length)]);
  // A completed batch starts over, so its result is another one.
  await batch.retry();
  await batch.done();
  const other = await get({ range: "bytes=3-7", "if-range": etag });
  assert.equal(other.status, 200);
  assert.equal((await other.text()).trimEnd().split("\n").length, 300);
});

Deno.test("a part of the result whose blob is gone is an error for each reader", async () => {
  const adapters = new URL("../fixtures/adapters", import.meta.url).pathname;
  await using served = await serveSuite(POOLS(adapters));
  await using den = new SnakedenClient({ baseUrl: served.url, apiKey: API_KEY });
  const inputs = Array.from({ length: 3 }, () => ({ chars: 200_000 }));
  const batch = await den.jobs.submit({ kind: "batch", tool: "long_text", inputs });
  await batch.done();
  const blobs = join(served.folder, "data", "blobs");
  for await (const entry of Deno.readDir(blobs)) {
    if (entry.name.length !== 2) continue;
    for await (const { name } of Deno.readDir(join(blobs, entry.name))) {
      await Deno.remove(join(blobs, entry.name, name));
    }
  }
  const lost = { code: "store_failed", message: /blob .* is missing or damaged; retry the job/ };
  await assert.rejects(Array.fromAsync(batch.results()), lost);
  const answer = await fetch(`${served.url}/v1/jobs/${batch.id}/result`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  });
  assert.deepEqual([answer.status, (await answer.json()).code], [500, "store_failed"]);
  const copied = await den.jobs.submit({
    kind: "batch",
    tool: "long_text",
    inputs,
    resultFile: true,
  });
  assert.equal((await copied.done()).state, "completed");
});
