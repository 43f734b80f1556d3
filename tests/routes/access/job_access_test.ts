/** Tests what a program may do with the token of its job. */
import assert from "node:assert/strict";
import type { SubmitOptions } from "../../../src/jobs/submission/mod.ts";
import { createApp } from "../../../src/routes/mod.ts";
import { JOB_ROUTES } from "../../../src/routes/access/mod.ts";
import { type JobClient, jobClient, type JobClientOptions } from "../jobs/job_client.ts";
import { memoryEngine } from "../memory_engine.ts";

const KEY = "the-key-of-the-house-1";

interface Held extends JobClient {
  readonly jobId: string;
  readonly token: string;
  /** Sends a request with the token. */
  ask(method: string, path: string, body?: unknown): ReturnType<JobClient["send"]>;
}

/** A client with the token of a job that waits. */
async function held(options: JobClientOptions = {}, depth = 0): Promise<Held> {
  const jobs = jobClient(options);
  const { job } = await jobs.engine.jobs.encoded().submission({ tool: "add" });
  const token = tokensOf(jobs).mint({ jobId: job.id, attempt: 1, depth });
  const headers = { authorization: `Bearer ${token}` };
  return Object.assign(jobs, {
    jobId: job.id,
    token,
    ask: (method: string, path: string, body?: unknown) => jobs.send(method, path, body, headers),
  });
}

function tokensOf({ engine }: JobClient): ReturnType<typeof engine.jobs.encoded>["tokens"] {
  return engine.jobs.encoded().tokens;
}

for (const apiKey of [undefined, KEY]) {
  const name = apiKey === undefined ? "without an API key" : "with an API key";

  Deno.test(`the token of a job opens the routes of its list, and no other, ${name}`, async () => {
    await using jobs = await held({ config: apiKey === undefined ? {} : { apiKey } });
    const app = createApp(memoryEngine(), { version: "1" });
    const routes = app.openAPIRegistry.definitions
      .flatMap((it) => it.type === "route" ? [it.route] : []);
    assert.ok(routes.length > 50, `only ${routes.length} routes`);
    const open: string[] = [];
    for (const { method, path } of routes) {
      // The pages and the health checks need no key, so a token takes nothing from them.
      if (!path.startsWith("/v1/")) continue;
      const asked = method.toUpperCase();
      const answer = await jobs.request(path.replace("{id}", jobs.jobId), {
        method: asked,
        headers: { authorization: `Bearer ${jobs.token}`, "content-type": "application/json" },
        ...(asked === "GET" ? {} : { body: "{}" }),
      });
      if (answer.status === 403) {
        const body = await answer.json();
        assert.equal(body.code, "forbidden");
        assert.match(body.detail, new RegExp(`the token of the job ${jobs.jobId}, with which`));
      } else {
        await answer.body?.cancel();
        open.push(`${asked} ${path}`);
      }
    }
    assert.deepEqual(open.sort(), JOB_ROUTES.map((it) => `${it.method} ${it.path}`).sort());
  });

  Deno.test(`a token whose attempt has ended is refused, ${name}`, async () => {
    await using jobs = await held({ config: apiKey === undefined ? {} : { apiKey } });
    const call = { tool: "add", args: { a: 1 } };
    assert.equal((await jobs.ask("POST", "/v1/execute", call)).status, 200);
    tokensOf(jobs).revoke(jobs.jobId, 1);
    const { status, body, headers } = await jobs.ask("POST", "/v1/execute", call);
    assert.deepEqual([status, body.code], [401, "unauthenticated"]);
    assert.match(body.detail, /token of a job whose attempt has ended.*SNAKEDEN_TOKEN/);
    assert.match(headers.get("www-authenticate") ?? "", /^Bearer/);
    const wrong = { authorization: `Bearer snakeden-job-${"A".repeat(43)}` };
    assert.equal((await jobs.send("GET", "/v1/tools", undefined, wrong)).status, 401);
    assert.equal(jobs.engine.calls.length, 1);
  });
}

Deno.test("an API key still opens everything on a host that has given tokens", async () => {
  await using jobs = await held({ config: { apiKey: KEY } });
  const send = (key: string): ReturnType<JobClient["send"]> =>
    jobs.send("GET", "/v1/pools", undefined, { authorization: `Bearer ${key}` });
  assert.equal((await send(KEY)).status, 200);
  assert.equal((await send("another-key")).status, 401);
  assert.equal((await jobs.send("GET", "/v1/pools")).status, 401);
  assert.equal((await send(jobs.token)).status, 403);
});

Deno.test("the token of a job reads and cancels the job and its children, and no others", async () => {
  await using jobs = await held();
  const child = await jobs.ask("POST", "/v1/jobs", { tool: "add", args: { a: 1 } });
  assert.equal(child.status, 201);
  assert.equal(child.body.parentId, jobs.jobId);
  const other = await jobs.submit({ tool: "add" });
  const paths = ["", "/logs?follow=false", "/artifacts"];
  for (const id of [jobs.jobId, child.body.id, encodeURIComponent(child.body.id)]) {
    for (const path of paths) {
      assert.equal((await jobs.ask("GET", `/v1/jobs/${id}${path}`)).status, 200, path);
    }
    assert.equal((await jobs.ask("HEAD", `/v1/jobs/${id}`)).status, 200);
    assert.equal((await jobs.ask("GET", `/v1/jobs/${id}/result`)).status, 409);
  }
  for (const path of [...paths, "/result", "/events"]) {
    const { status, body } = await jobs.ask("GET", `/v1/jobs/${other}${path}`);
    assert.deepEqual([status, body.code], [403, "forbidden"], path);
  }
  assert.equal((await jobs.ask("POST", `/v1/jobs/${other}/cancel`, {})).status, 403);
  assert.equal((await jobs.send("GET", `/v1/jobs/${other}`)).body.state, "available");
  const cancelled = await jobs.ask("POST", `/v1/jobs/${child.body.id}/cancel`, {});
  assert.deepEqual([cancelled.status, cancelled.body.state], [200, "cancelled"]);
  assert.equal((await jobs.ask("GET", "/v1/jobs/missing")).body.code, "unknown_job");
  assert.equal((await jobs.ask("GET", "/v1/jobs/%E0%A4%A")).status, 404);
});

Deno.test("every way of submitting with the token of a job makes children of it", async () => {
  await using jobs = await held({}, 2);
  const token = { authorization: `Bearer ${jobs.token}` };
  const ids: string[] = [];
  ids.push((await jobs.ask("POST", "/v1/jobs", { tool: "add" })).body.id);
  ids.push((await jobs.ask("PUT", "/v1/jobs/own-id", { tool: "add" })).body.id);
  const list = await jobs.ask("POST", "/v1/jobs/batch", [{ tool: "add" }, { tool: "add" }]);
  ids.push(...list.body.jobs.map((it: { id: string }) => it.id));
  const lines = await jobs.request("/v1/jobs/batch", {
    method: "POST",
    headers: { ...token, "content-type": "application/x-ndjson" },
    body: '{"tool":"add"}\n{"tool":"add"}\n',
  });
  ids.push(...(await lines.text()).trim().split("\n").map((it) => JSON.parse(it).id));
  const later = await jobs.send("POST", "/v1/execute", { tool: "add" }, {
    ...token,
    prefer: "respond-async",
  });
  ids.push(later.body.id);
  const batch = { kind: "batch", tool: "add", inputs: [{}] };
  ids.push((await jobs.ask("POST", "/v1/jobs", batch)).body.id);
  const long = { ...batch, inputs: Array(10_001).fill({}) };
  ids.push((await jobs.ask("POST", "/v1/jobs", long)).body.id);
  ids.push((await jobs.ask("POST", "/v1/jobs/batch", [long])).body.jobs[0].id);
  assert.equal(ids.length, 10);
  for (const id of ids) {
    const row = await jobs.store.get(id);
    assert.deepEqual(row?.options["parent"], { id: jobs.jobId, depth: 3 }, id);
  }
});

Deno.test("a job submits no script below jobs.scripts.maxDepth, but still calls", async () => {
  await using jobs = await held({}, 3);
  const script = { kind: "batch", tool: "add", inputs: [{}] };
  const { status, body } = await jobs.ask("POST", "/v1/jobs", script);
  assert.deepEqual([status, body.code], [508, "call_depth_exceeded"]);
  assert.match(body.detail, /number 5 of a row of jobs.*at most 4 .*jobs\.scripts\.maxDepth/);
  const batch = await jobs.ask("POST", "/v1/jobs/batch", [{ tool: "add" }, script]);
  assert.deepEqual([batch.status, batch.body.errors[0].path], [400, "[1].kind"]);
  assert.equal((await jobs.ask("POST", "/v1/jobs", { tool: "add" })).status, 201);
  // Without its token there is no parent.
  assert.equal((await jobs.send("POST", "/v1/jobs", script)).status, 201);
  await using above = await held({}, 2);
  assert.equal((await above.ask("POST", "/v1/jobs", script)).status, 201);
});

Deno.test("no key of a submission leads a token to the job of another one", async () => {
  await using jobs = await held();
  const job = { tool: "add", idempotencyKey: "nightly" };
  await jobs.submit(job);
  assert.equal((await jobs.ask("POST", "/v1/jobs", job)).body.code, "idempotency_conflict");
  await jobs.send("PUT", "/v1/jobs/known", { tool: "add" });
  const known = await jobs.ask("PUT", "/v1/jobs/known", { tool: "add" });
  assert.equal(known.body.code, "idempotency_conflict");
  const own = { tool: "add", idempotencyKey: "of the script" };
  const first = await jobs.ask("POST", "/v1/jobs", own);
  const again = await jobs.ask("POST", "/v1/jobs", own);
  assert.deepEqual([again.status, again.body.id], [200, first.body.id]);
  const unique = { tool: "add", unique: { key: "k", mode: "replace" } };
  const refused = await jobs.ask("POST", "/v1/jobs", unique);
  assert.deepEqual([refused.status, refused.body.errors[0].path], [400, "unique"]);
  assert.match(refused.body.detail, /a job of others may have the key/);
  const batch = await jobs.ask("POST", "/v1/jobs/batch", [{ tool: "add" }, unique]);
  assert.equal(batch.body.errors[0].path, "[1].unique");
});

Deno.test("a job whose attempt ends while its submission is under way is not submitted", async () => {
  await using jobs = await held();
  const { submission, tokens } = memberOf(jobs);
  const holder = tokens.check(jobs.token);
  assert.ok(holder !== undefined);
  const options: SubmitOptions = { parent: tokens.parentFor(holder) };
  tokens.revoke(jobs.jobId, 1);
  await assert.rejects(submission({ tool: "add" }, options), { code: "cancelled" });
  assert.equal((await jobs.send("GET", "/v1/jobs")).body.jobs.length, 1);
});

function memberOf({ engine }: JobClient): Pick<
  ReturnType<typeof engine.jobs.encoded>,
  "submission" | "tokens"
> {
  const jobs = engine.jobs.encoded();
  return { submission: jobs.submission.bind(jobs), tokens: jobs.tokens };
}
