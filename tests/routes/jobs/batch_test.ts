import assert from "node:assert/strict";
import { MAX_BATCH } from "../../../src/jobs/mod.ts";
import { MAX_BATCH as BATCH_OVER_HTTP } from "../../../src/routes/calls/mod.ts";
import type { JobStore } from "../../../src/store/mod.ts";
import { Traffic } from "../../../src/routes/mod.ts";
import { nextTurn, until } from "../../fixtures/until.ts";
import { argsOf, type JobClient, jobClient } from "./job_client.ts";

const LINES = { "content-type": "application/x-ndjson" };
const encoder = new TextEncoder();

/** The lines of an answer, as JSON. */
// deno-lint-ignore no-explicit-any
function linesOf(text: string): any[] {
  return text.split("\n").filter((it) => it !== "").map((it) => JSON.parse(it));
}

function jobLines(count: number): string {
  return Array.from({ length: count }, (_, i) => `{"tool":"add","args":{"i":${i}}}\n`).join("");
}

async function countOf(jobs: JobClient): Promise<number> {
  const counts = await jobs.store.counts();
  return counts.reduce((sum, { count }) => sum + count, 0);
}

/** A body that the test writes piece by piece. */
function openBody(): {
  readonly body: ReadableStream<Uint8Array>;
  readonly write: (text: string) => void;
  readonly close: () => void;
  readonly cancelled: () => boolean;
} {
  let isCancelled = false;
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (it) => void (controller = it),
    cancel: () => void (isCancelled = true),
  });
  return {
    body,
    write: (text) => controller?.enqueue(encoder.encode(text)),
    close: () => controller?.close(),
    cancelled: () => isCancelled,
  };
}

Deno.test("POST /v1/jobs/batch submits a list, and answers each job in order", async () => {
  await using jobs = jobClient();
  const known = await jobs.submit({ tool: "add", idempotencyKey: "k" });
  const unique = await jobs.submit({ tool: "add", unique: { key: "u" } });
  const { status, body } = await jobs.send("POST", "/v1/jobs/batch", [
    { tool: "add", args: { a: { $snakeden: "bytes", base64: "AQ==" } }, priority: 1 },
    { tool: "add", idempotencyKey: "k" },
    { tool: "sub", idempotencyKey: "k" },
    { tool: "add", unique: { key: "u" } },
  ]);
  assert.equal(status, 200);
  assert.deepEqual(body.jobs.slice(1), [
    { id: known, answer: "existing" },
    { id: known, answer: "conflict" },
    { id: unique, answer: "dropped" },
  ]);
  assert.equal(body.jobs[0].answer, "created");
  const claim = await jobs.claim();
  assert.equal(claim.job.id, body.jobs[0].id);
  assert.deepEqual(argsOf(claim), { a: new Uint8Array([1]) });
});

Deno.test("POST /v1/jobs/batch names every wrong job of a list, and submits none", async () => {
  await using jobs = jobClient();
  const { status, body } = await jobs.send("POST", "/v1/jobs/batch", [
    { tool: "add" },
    { tool: "add", args: { a: { $snakeden: "what" } } },
    { tool: "add", delayMs: -1, maxAttempts: 0 },
    { tool: "add" },
    { tool: "unknown" },
  ]);
  assert.equal(status, 400);
  assert.deepEqual(body.errors.map((it: { path: string }) => it.path).sort(), [
    "[1].args",
    "[2].delayMs",
    "[2].maxAttempts",
    "[4].tool",
  ]);
  assert.match(body.detail, /3 of 5 jobs are wrong, and none was submitted/);
  assert.equal(await countOf(jobs), 0);
});

Deno.test("POST /v1/jobs/batch reads a large list in another thread", async () => {
  await using jobs = jobClient();
  const text = "x".repeat(20_000);
  const list = Array.from({ length: 20 }, (_, i) => ({ tool: "add", args: { i, text } }));
  const { status, body } = await jobs.send("POST", "/v1/jobs/batch", list);
  assert.deepEqual([status, body.jobs.length], [200, 20]);
  assert.deepEqual(argsOf(await jobs.claim()), { i: 0, text });
  const wrong = list.map((it, i) => i % 7 === 3 ? { ...it, args: { n: { $snakeden: 1 } } } : it);
  const refused = await jobs.send("POST", "/v1/jobs/batch", wrong);
  assert.deepEqual(refused.body.errors.map((it: { path: string }) => it.path), [
    "[3].args",
    "[10].args",
    "[17].args",
  ]);
  const metadata = { a: "x".repeat(60_000) };
  const long = list.map((it) => ({ ...it, metadata }));
  const tooLong = await jobs.send("POST", "/v1/jobs/batch", long);
  assert.equal(tooLong.status, 400);
  assert.match(tooLong.body.detail, /at most 1048576 characters beside the arguments/);
});

Deno.test("POST /v1/jobs/batch refuses what is no list of at most 1,000 jobs", async () => {
  await using jobs = jobClient();
  for (const body of [{ tool: "add" }, Array.from({ length: 1_001 }, () => ({ tool: "add" }))]) {
    const answer = await jobs.send("POST", "/v1/jobs/batch", body);
    assert.equal(answer.status, 400);
    assert.match(answer.body.detail, /allowed: a list of at most 1000 jobs; for more/);
  }
  assert.deepEqual((await jobs.send("POST", "/v1/jobs/batch", [])).body, { jobs: [] });
  const typed = await jobs.send("POST", "/v1/jobs/batch", "x", { "content-type": "text/csv" });
  assert.equal(typed.status, 415);
});

Deno.test("a batch over HTTP is as long as one that a host submits all or none", () => {
  assert.equal(BATCH_OVER_HTTP, MAX_BATCH);
});

Deno.test("POST /v1/jobs/batch refuses an idempotency key for all jobs", async () => {
  await using jobs = jobClient();
  const headers = { "idempotency-key": "k" };
  const { status, body } = await jobs.send("POST", "/v1/jobs/batch", [{ tool: "add" }], headers);
  assert.deepEqual([status, body.errors[0].path], [400, "idempotency-key"]);
  assert.equal(await countOf(jobs), 0);
});

Deno.test("POST /v1/jobs/batch submits lines in parts, and answers a line for each", async () => {
  const parts: number[] = [];
  const wrap = (store: JobStore): JobStore => {
    const submit = store.submit.bind(store);
    return Object.assign(store, {
      submit: (list: Parameters<JobStore["submit"]>[0]) => {
        parts.push(list.length);
        return submit(list);
      },
    });
  };
  await using jobs = jobClient({ wrap });
  const body = `\n${jobLines(2_500)}  \r\n{"tool":"add","args":{"i":2500}}`;
  const answer = await jobs.post("/v1/jobs/batch", body, LINES);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "application/x-ndjson");
  const lines = linesOf(await answer.text());
  assert.deepEqual(parts, [1_000, 1_000, 501]);
  assert.equal(lines.length, 2_501);
  assert.equal(new Set(lines.map((it) => it.id)).size, 2_501);
  assert.deepEqual(new Set(lines.map((it) => it.answer)), new Set(["created"]));
  const last = await jobs.store.args(lines[2_500].id);
  assert.ok(last !== undefined && new TextDecoder().decode(last).includes("2500"));
});

Deno.test("POST /v1/jobs/batch ends lines with a problem, and says how many were submitted", async () => {
  await using jobs = jobClient();
  const wrong =
    '{"tool":"add","delayMs":-1}\n{"tool"\n{"tool":"add","args":{"a":{"$snakeden":"x"}}}\n';
  const body = jobLines(1_500) + wrong + jobLines(1_500);
  const lines = linesOf(await (await jobs.post("/v1/jobs/batch", body, LINES)).text());
  assert.equal(lines.length, 1_001);
  const { problem, submitted } = lines[1_000];
  assert.equal(submitted, 1_000);
  assert.deepEqual([problem.code, problem.status], ["invalid_input", 400]);
  assert.deepEqual(problem.errors.map((it: { path: string }) => it.path), [
    "[1500].delayMs",
    "[1501]",
    "[1502].args",
  ]);
  assert.match(problem.errors[1].message, /^it is not JSON/);
  assert.equal(await countOf(jobs), 1_000);
});

Deno.test("POST /v1/jobs/batch answers a first part that is refused with its status", async () => {
  await using jobs = jobClient();
  const answer = await jobs.post("/v1/jobs/batch", '{"tool":"add","delayMs":-1}\n', LINES);
  assert.equal(answer.status, 400);
  assert.equal((await answer.json()).errors[0].path, "[0].delayMs");
  const long = await jobs.post("/v1/jobs/batch", `{"tool":"${"x".repeat(1_100_000)}"}`, LINES);
  assert.equal(long.status, 413);
  assert.match((await long.json()).detail, /line 1: it has more than 1048576 bytes/);
  const coded = await jobs.post("/v1/jobs/batch", "x", { ...LINES, "content-encoding": "gzip" });
  assert.equal(coded.status, 415);
  await coded.body?.cancel();
});

Deno.test("POST /v1/jobs/batch answers no lines with none", async () => {
  await using jobs = jobClient();
  const answer = await jobs.post("/v1/jobs/batch", "\n\n", LINES);
  assert.deepEqual([answer.status, await answer.text()], [200, ""]);
});

Deno.test("POST /v1/jobs/batch answers a part while the client still sends", async () => {
  await using jobs = jobClient();
  const { body, write, close } = openBody();
  const posted = jobs.post("/v1/jobs/batch", body, LINES);
  write(jobLines(1_000));
  const reader = (await posted).body?.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader?.read() ?? {};
  assert.equal(linesOf(value).length, 1_000);
  write(jobLines(1));
  close();
  assert.equal(linesOf((await reader?.read())?.value ?? "").length, 1);
  assert.equal((await reader?.read())?.done, true);
});

Deno.test("POST /v1/jobs/batch reads no further when the store is slow", async () => {
  const { promise: written, resolve: write } = Promise.withResolvers<void>();
  const wrap = (store: JobStore): JobStore => {
    const submit = store.submit.bind(store);
    return Object.assign(store, {
      submit: async (list: Parameters<JobStore["submit"]>[0]) => {
        await written;
        return await submit(list);
      },
    });
  };
  await using jobs = jobClient({ wrap });
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (pulled++ === 10) return controller.close();
      controller.enqueue(encoder.encode(jobLines(500)));
    },
  }, { highWaterMark: 0 });
  // Of a body without a length, the server keeps some that it has read.
  const length = String(10 * jobLines(500).length);
  const posted = jobs.post("/v1/jobs/batch", body, { ...LINES, "content-length": length });
  // One part is being written, and the next one is read.
  await until(() => pulled >= 4, "the second part");
  for (let i = 0; i < 20; i++) await nextTurn();
  assert.equal(pulled, 4);
  write();
  const lines = linesOf(await (await posted).text());
  assert.equal(lines.length, 5_000);
});

Deno.test("POST /v1/jobs/batch stops reading when the client leaves", async () => {
  await using jobs = jobClient();
  const { body, write, cancelled } = openBody();
  const posted = jobs.post("/v1/jobs/batch", body, LINES);
  write(jobLines(1_000));
  const reader = (await posted).body?.getReader();
  await reader?.read();
  await reader?.cancel();
  assert.equal(cancelled(), true);
  assert.equal(await countOf(jobs), 1_000);
});

Deno.test("POST /v1/jobs/batch gives up on a client that sends nothing", async () => {
  const limits = { bodyTimeoutMs: 1_000 };
  await using jobs = jobClient({ config: { limits } });
  using traffic = new Traffic({ ...jobs.engine.config.limits, bodyTimeoutMs: 0 });
  await using late = jobClient({ app: { traffic } });
  const { body, write } = openBody();
  const posted = late.post("/v1/jobs/batch", body, LINES);
  write(jobLines(1_000));
  const answer = await posted;
  traffic.check();
  const lines = linesOf(await answer.text());
  assert.equal(lines.length, 1_001);
  assert.deepEqual([lines[1_000].problem.code, lines[1_000].submitted], [
    "request_incomplete",
    1_000,
  ]);
});

Deno.test("POST /v1/jobs/batch disconnects a reader that takes nothing for too long", async () => {
  await using first = jobClient();
  using traffic = new Traffic({ ...first.engine.config.limits, answerTimeoutMs: 0 });
  await using jobs = jobClient({ app: { traffic } });
  const { body, write, cancelled } = openBody();
  const posted = jobs.post("/v1/jobs/batch", body, LINES);
  write(jobLines(1_000));
  const answer = await posted;
  assert.equal(traffic.answers.time.isEmpty, false);
  traffic.check();
  await assert.rejects(answer.text(), /Nobody reads the response/);
  assert.equal(cancelled(), true);
  assert.equal(traffic.answers.time.isEmpty, true);
});
