/** Batches over HTTP, and in the client. */
import assert from "node:assert/strict";
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
