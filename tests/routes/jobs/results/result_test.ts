import assert from "node:assert/strict";
import type { ToolInfo } from "../../../../src/tools/mod.ts";
import { type JobClient, jobClient } from "../job_client.ts";

const PICTURE: ToolInfo = {
  name: "picture",
  runsIn: "worker",
  pool: "default",
  description: "",
  inputSchema: { type: "object" },
  streams: false,
  idempotent: false,
  mediaType: "image/png",
};

/** Submits a job and ends it; returns the path of its result. */
async function completed(jobs: JobClient, result: unknown, tool = "add"): Promise<string> {
  const id = await jobs.submit({ tool });
  await jobs.complete(await jobs.claim(), result);
  return `/v1/jobs/${id}/result`;
}

Deno.test("GET /v1/jobs/:id/result answers the result as a call does", async () => {
  await using jobs = jobClient();
  const path = await completed(jobs, { n: 2n ** 70n });
  const answer = await jobs.request(path);
  assert.equal(answer.headers.get("content-type"), "application/json");
  assert.equal(await answer.text(), '{"result":{"n":1180591620717411303424}}');
});

Deno.test("GET /v1/jobs/:id/result writes a large result in another thread", async () => {
  await using jobs = jobClient();
  const bytes = new Uint8Array(400_000).fill(7);
  const { body } = await jobs.send("GET", await completed(jobs, [bytes, 1]));
  assert.deepEqual(body, { result: [{ $snakeden: "bytes", base64: bytes.toBase64() }, 1] });
});

Deno.test("GET /v1/jobs/:id/result answers bytes to a client that names them", async () => {
  const tools = { find: () => PICTURE };
  await using jobs = jobClient({ namespaces: { tools } });
  const path = await completed(jobs, new Uint8Array([1, 2]), "picture");
  for (
    const [accept, type] of [
      ["application/octet-stream", "application/octet-stream"],
      ["image/png", "image/png"],
      ["image/*, application/json;q=0.5", "image/png"],
    ] as const
  ) {
    const answer = await jobs.request(path, { headers: { accept } });
    assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, type]);
    assert.equal(answer.headers.get("content-security-policy"), "sandbox");
    assert.deepEqual(await answer.bytes(), new Uint8Array([1, 2]));
  }
  for (const accept of ["*/*", "application/json", "application/json, image/png;q=0.5"]) {
    const { body } = await jobs.send("GET", path, undefined, { accept });
    assert.deepEqual(body, { result: { $snakeden: "bytes", base64: "AQI=" } });
  }
  const refused = await jobs.send("GET", path, undefined, { accept: "image/jpeg" });
  assert.deepEqual([refused.status, refused.body.code], [406, "not_acceptable"]);
  assert.match(refused.body.detail, /image\/png or application\/octet-stream/);
});

Deno.test("GET /v1/jobs/:id/result answers the elements of an array, with its shape", async () => {
  await using jobs = jobClient();
  const path = await completed(jobs, new Float32Array([1, 2, 3]));
  const answer = await jobs.request(path, { headers: { accept: "application/octet-stream" } });
  assert.equal(answer.headers.get("snakeden-dtype"), "<f4");
  assert.equal(answer.headers.get("snakeden-shape"), "3");
  assert.equal((await answer.bytes()).byteLength, 12);
});

Deno.test("GET /v1/jobs/:id/result is refused if the client takes only bytes, and there are none", async () => {
  await using jobs = jobClient();
  const path = await completed(jobs, 5);
  const accept = "application/octet-stream";
  const refused = await jobs.send("GET", path, undefined, { accept });
  assert.equal(refused.status, 406);
  const both = await jobs.send("GET", path, undefined, { accept: `${accept}, */*;q=0.1` });
  assert.deepEqual(both.body, { result: 5 });
});

Deno.test("GET /v1/jobs/:id/result answers 409 before the end", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "add" });
  for (const state of ["available", "running"]) {
    const { status, body } = await jobs.send("GET", `/v1/jobs/${id}/result`);
    assert.deepEqual([status, body.code, body.retryable], [409, "job_unfinished", true]);
    assert.equal(body.details.state, state);
    if (state === "available") await jobs.claim();
  }
});

Deno.test("GET /v1/jobs/:id/result answers the error of a failed job with its status", async () => {
  await using jobs = jobClient({ config: { errors: { traceback: false } } });
  const python = { type: "ValueError", message: "no", traceback: "File x" };
  const errors = [
    ["python_exception", 500],
    ["worker_crashed", 502],
    ["deadline_exceeded", 504],
    ["invalid_arguments", 422],
    ["pool_saturated", 429],
    ["host_lost", 502],
  ] as const;
  for (const [code, wanted] of errors) {
    const id = await jobs.submit({ tool: "add" });
    const details = code === "python_exception" ? { python } : { a: 1 };
    await jobs.fail(await jobs.claim(), { code, message: "it went wrong", details });
    const { status, body } = await jobs.send("GET", `/v1/jobs/${id}/result`);
    assert.deepEqual([status, body.code, body.detail], [wanted, code, "it went wrong"]);
    assert.equal(body.details.jobId, id);
    if (code !== "python_exception") continue;
    assert.deepEqual(body.python, { type: "ValueError", message: "no" });
  }
});

Deno.test("GET /v1/jobs/:id/result answers cancelled for a cancelled job", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "add" });
  await jobs.send("POST", `/v1/jobs/${id}/cancel`, { reason: "enough" });
  const { status, body } = await jobs.send("GET", `/v1/jobs/${id}/result`);
  assert.deepEqual([status, body.code], [499, "cancelled"]);
  assert.match(body.detail, /enough/);
});
