import assert from "node:assert/strict";
import { jobSchema } from "../../../src/routes/jobs/job_schema.ts";
import { prefersLater } from "../../../src/routes/http/mod.ts";
import { argsOf, jobClient } from "./job_client.ts";

const LATER = { prefer: "respond-async" };

Deno.test("POST /v1/execute answers 202 with a job to a client that prefers that", async () => {
  await using jobs = jobClient();
  const call = { tool: "add", args: { n: 1 }, priority: 2, timeoutMs: 50, sessionId: "s1" };
  const { status, headers, body } = await jobs.send("POST", "/v1/execute", call, LATER);
  assert.equal(status, 202);
  assert.equal(headers.get("preference-applied"), "respond-async");
  assert.equal(headers.get("location"), `/v1/jobs/${body.id}`);
  assert.deepEqual(jobSchema.parse(body), body);
  assert.deepEqual([body.tool, body.priority, body.sessionId], ["add", 2, "s1"]);
  assert.deepEqual(jobs.engine.calls, []);
  const claim = await jobs.claim();
  assert.deepEqual([claim.job.id, argsOf(claim)], [body.id, { n: 1 }]);
  assert.equal(claim.job.options["timeoutMs"], 50);
});

Deno.test("POST /v1/execute answers later for forms and for fields in the query", async () => {
  await using jobs = jobClient();
  const form = new FormData();
  form.append("a", "text");
  const answer = await jobs.request("/v1/execute?tool=add&priority=1", {
    method: "POST",
    body: form,
    headers: LATER,
  });
  assert.equal(answer.status, 202);
  assert.equal((await answer.json()).priority, 1);
  assert.deepEqual(argsOf(await jobs.claim()), { a: "text" });
});

Deno.test("POST /v1/execute answers the same job later for a known idempotency key", async () => {
  await using jobs = jobClient();
  const headers = { ...LATER, "idempotency-key": "k" };
  const first = await jobs.send("POST", "/v1/execute", { tool: "add" }, headers);
  const second = await jobs.send("POST", "/v1/execute", { tool: "add" }, headers);
  assert.deepEqual([second.status, second.body.id], [202, first.body.id]);
  assert.equal(second.headers.get("snakeden-submit"), "existing");
});

Deno.test("POST /v1/execute refuses options later that a job does not have", async () => {
  await using jobs = jobClient();
  for (const [field, value] of [["arrays", "list"], ["idempotent", true], ["timeoutMs", 0.5]]) {
    const call = { tool: "add", [String(field)]: value };
    const { status, body } = await jobs.send("POST", "/v1/execute", call, LATER);
    assert.deepEqual([status, body.errors[0].path], [400, field]);
  }
});

Deno.test("POST /v1/execute ignores the preference for events and input streams", async () => {
  await using jobs = jobClient();
  const events = await jobs.post("/v1/execute", { tool: "add" }, {
    ...LATER,
    accept: "text/event-stream",
  });
  assert.deepEqual([events.status, events.headers.has("preference-applied")], [200, false]);
  await events.text();
  const input = await jobs.post("/v1/execute?tool=add&input=a", "1\n", {
    ...LATER,
    "content-type": "application/x-ndjson",
  });
  assert.equal(input.headers.has("preference-applied"), false);
  await input.body?.cancel();
  assert.deepEqual((await jobs.send("GET", "/v1/jobs")).body.jobs, []);
});

Deno.test("prefersLater() finds respond-async among the preferences", () => {
  for (const it of ["respond-async", "wait=5, Respond-Async", "respond-async; a=b, wait=5"]) {
    assert.equal(prefersLater(it), true, it);
  }
  for (const it of [undefined, "", "wait=5", "respond-asynchronous", "x; respond-async"]) {
    assert.equal(prefersLater(it), false, `${it}`);
  }
});
