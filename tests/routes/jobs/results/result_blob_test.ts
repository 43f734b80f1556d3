import assert from "node:assert/strict";
import { NdArray } from "../../../../src/bridge/mod.ts";
import { StoredBlob } from "../../../../src/jobs/mod.ts";
import { UnreadAnswers } from "../../../../src/routes/http/mod.ts";
import {
  blobJsonResponse,
  openResultBlob,
} from "../../../../src/routes/jobs/results/result_blob.ts";
import { type JobClient, jobClient } from "../job_client.ts";

/** A text over the length from which a result is a blob. */
const LONG = "é".repeat(200_000);
const BYTES = Uint8Array.from({ length: 400_000 }, (_, i) => i * 7);
const OCTETS = { accept: "application/octet-stream" };

/** Submits a job and ends it; returns the path of its result. */
async function completed(jobs: JobClient, result: unknown): Promise<string> {
  const id = await jobs.submit({ tool: "add" });
  await jobs.complete(await jobs.claim(), result);
  assert.ok(!(await jobs.store.result(id) instanceof Uint8Array), "a blob");
  return `/v1/jobs/${id}/result`;
}

/** Counts the bytes that are read of blobs. */
function countReads(jobs: JobClient): () => number {
  let read = 0;
  const open = jobs.blobs.open.bind(jobs.blobs);
  jobs.blobs.open = async (ref, range) => {
    const stream = await open(ref, range);
    return stream?.pipeThrough(
      new TransformStream({
        transform: (chunk, controller) => {
          read += chunk.length;
          controller.enqueue(chunk);
        },
      }),
    );
  };
  return () => read;
}

Deno.test("GET /v1/jobs/:id/result of a blob answers the same JSON as that of a row", async () => {
  await using jobs = jobClient();
  for (const result of [LONG, { text: LONG, n: 2n ** 70n }, [LONG, null]]) {
    const path = await completed(jobs, result);
    const answer = await jobs.request(path);
    const text = await answer.text();
    assert.equal(answer.headers.get("content-type"), "application/json");
    const bytes = new TextEncoder().encode(text).length;
    assert.equal(answer.headers.get("content-length"), String(bytes));
    if (typeof result === "string") assert.equal(text, JSON.stringify({ result }));
    assert.equal(JSON.stringify(JSON.parse(text).result).length > 200_000, true);
    const head = await jobs.request(path, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), String(bytes));
    assert.equal(await head.text(), "");
  }
});

Deno.test("blobJsonResponse() reads a blob while it is sent", async () => {
  await using jobs = jobClient();
  const id = (await completed(jobs, "x".repeat(20_000_000))).split("/")[3] ?? "";
  const ref = await jobs.store.result(id);
  assert.ok(ref !== undefined && "sha256" in ref);
  const read = countReads(jobs);
  const stored = new StoredBlob(ref, { jobId: id, blobs: jobs.blobs });
  const { blob, layout: { json: part } } = await openResultBlob(stored);
  assert.ok(part !== undefined);
  const limits = { maxUnreadBytes: 1_000, maxResultBytes: 1_000, answerTimeoutMs: 0 };
  const traffic = { answers: new UnreadAnswers(limits) };
  const response = await blobJsonResponse(new Request("http://h/"), { blob, part, traffic });
  const reader = response.body?.getReader();
  for (let i = 0; i < 3; i++) await reader?.read();
  assert.ok(read() < 4_000_000, `${read()} bytes were read`);
  await reader?.cancel();
});

Deno.test("GET /v1/jobs/:id/result of a blob writes arrays in JSON anew", async () => {
  await using jobs = jobClient();
  const path = await completed(jobs, [BYTES, 1]);
  const { body } = await jobs.send("GET", path);
  assert.deepEqual(body, { result: [{ $snakeden: "bytes", base64: BYTES.toBase64() }, 1] });
});

Deno.test("GET /v1/jobs/:id/result of a blob answers its bytes, and any part of them", async () => {
  await using jobs = jobClient();
  const path = await completed(jobs, BYTES);
  const whole = await jobs.request(path, { headers: OCTETS });
  assert.equal(whole.status, 200);
  assert.equal(whole.headers.get("content-security-policy"), "sandbox");
  assert.equal(whole.headers.get("vary"), "accept");
  assert.equal(whole.headers.get("content-length"), String(BYTES.length));
  assert.deepEqual(await whole.bytes(), BYTES);
  const etag = whole.headers.get("etag") ?? "";
  assert.match(etag, /^"[0-9a-f]{64}"$/);
  const read = countReads(jobs);
  const headers = { ...OCTETS, range: "bytes=100-199", "if-range": etag };
  const part = await jobs.request(path, { headers });
  assert.equal(part.status, 206);
  assert.equal(part.headers.get("content-range"), `bytes 100-199/${BYTES.length}`);
  assert.deepEqual(await part.bytes(), BYTES.slice(100, 200));
  assert.ok(read() < 3_000, `${read()} bytes were read`);
  const known = await jobs.request(path, { headers: { ...OCTETS, "if-none-match": etag } });
  assert.deepEqual([known.status, await known.text()], [304, ""]);
  const range = { ...OCTETS, range: `bytes=${BYTES.length}-` };
  const behind = await jobs.send("GET", path, undefined, range);
  assert.deepEqual([behind.status, behind.body.code], [416, "range_not_satisfiable"]);
  assert.equal(behind.headers.get("content-range"), `bytes */${BYTES.length}`);
});

Deno.test("GET /v1/jobs/:id/result of a blob answers the elements of an array, with its shape", async () => {
  await using jobs = jobClient();
  const elements = new Float64Array(100_000).map((_, i) => i / 3);
  const path = await completed(jobs, new NdArray("<f8", [100, 1_000], elements));
  const answer = await jobs.request(path, { headers: OCTETS });
  assert.equal(answer.headers.get("snakeden-dtype"), "<f8");
  assert.equal(answer.headers.get("snakeden-shape"), "100,1000");
  assert.deepEqual(new Float64Array(await answer.arrayBuffer()), elements);
});

Deno.test("GET /v1/jobs/:id/result of a blob is refused if the client takes only bytes, and there are none", async () => {
  await using jobs = jobClient();
  for (const result of [LONG, [BYTES, BYTES], { a: BYTES }]) {
    const path = await completed(jobs, result);
    const { status, body } = await jobs.send("GET", path, undefined, OCTETS);
    assert.deepEqual([status, body.code], [406, "not_acceptable"]);
  }
});

Deno.test("GET /v1/jobs/:id/result says that the blob is missing, and the job is shown all the same", async () => {
  await using jobs = jobClient({ config: { jobs: { inlineResultBytes: 1024 * 1024 } } });
  for (const result of [LONG, BYTES]) {
    const path = await completed(jobs, result);
    const job = path.replace("/result", "");
    assert.equal("result" in (await jobs.send("GET", job)).body, true);
    for await (const { sha256 } of jobs.blobs.list()) {
      await jobs.blobs.remove(sha256, () => Promise.resolve(false));
    }
    const { status, body } = await jobs.send("GET", path);
    assert.deepEqual([status, body.code, body.retryable], [500, "store_failed", false]);
    assert.match(
      body.detail,
      /the result of the job .*: its blob [0-9a-f]{64} of \d+ bytes is missing/,
    );
    const shown = (await jobs.send("GET", job)).body;
    assert.deepEqual([shown.state, shown.result, shown.resultUrl], ["completed", undefined, path]);
  }
});
