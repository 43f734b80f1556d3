import assert from "node:assert/strict";
import { Traffic } from "../../../src/routes/mod.ts";
import { microtasks } from "../../fixtures/until.ts";
import { type JobClient, jobClient } from "./job_client.ts";

async function idsOf(jobs: JobClient, query: string): Promise<string[]> {
  const { status, body } = await jobs.send("GET", `/v1/jobs?${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body.jobs.map((it: { id: string }) => it.id);
}

Deno.test("GET /v1/jobs lists jobs by state, queue, kind, tool, tag and time", async () => {
  await using jobs = jobClient({ config: { jobs: { queues: [{ name: "mail" }] } } });
  const a = await jobs.submit({ tool: "add", tags: ["x", "y,z"] });
  const b = await jobs.submit({ tool: "sub", tags: ["x"], queue: "mail" });
  const c = await jobs.submit({ tool: "mul", delayMs: 60_000 });
  assert.deepEqual(await idsOf(jobs, ""), [c, b, a]);
  assert.deepEqual(await idsOf(jobs, "state=scheduled"), [c]);
  assert.deepEqual(await idsOf(jobs, "state=scheduled,available&tool=mul&tool=add"), [c, a]);
  assert.deepEqual(await idsOf(jobs, "tool=add%2Csub&kind=call"), [b, a]);
  assert.deepEqual(await idsOf(jobs, "queue=mail"), [b]);
  assert.deepEqual(await idsOf(jobs, "tag=x"), [b, a]);
  assert.deepEqual(await idsOf(jobs, "tag=x,y%2Cz"), [a]);
  assert.deepEqual(await idsOf(jobs, "tag=x&tag=y%2cz"), [a]);
  assert.deepEqual(await idsOf(jobs, "q=x"), [b, a]);
  assert.deepEqual(await idsOf(jobs, "q=y%2Cz+add"), [a]);
  assert.deepEqual(await idsOf(jobs, `q=${c}%20MU&state=scheduled`), [c]);
  assert.deepEqual(await idsOf(jobs, "createdFrom=2001-01-01&createdBefore=2001-01-02"), []);
});

Deno.test("GET /v1/jobs pages by a cursor, which belongs to its choice", async () => {
  await using jobs = jobClient();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift(await jobs.submit({ tool: "add" }));
  const first = await jobs.send("GET", "/v1/jobs?limit=3&tool=add");
  assert.equal(first.body.jobs.length, 3);
  const { cursor } = first.body;
  const query = `limit=3&tool=add&cursor=${encodeURIComponent(cursor)}`;
  const second = await jobs.send("GET", `/v1/jobs?${query}`);
  assert.equal(second.body.cursor, undefined);
  const found = [...first.body.jobs, ...second.body.jobs].map((it: { id: string }) => it.id);
  assert.deepEqual(found, ids);
  for (const other of ["tool=sub", "tool=add&state=running", ""]) {
    const path = `/v1/jobs?${other}&cursor=${encodeURIComponent(cursor)}`;
    const { status, body } = await jobs.send("GET", path);
    assert.deepEqual([status, body.errors[0].path], [400, "cursor"], other);
  }
});

const WRONG_QUERIES: Readonly<Record<string, string>> = {
  "state=done": "state",
  "queue=": "queue",
  "tag=x,": "tag",
  "createdFrom=yesterday": "createdFrom",
  "createdBefore=2001-01-01&createdBefore=2001-01-01": "createdBefore",
  "q=": "q",
  "q=+": "q",
  [`q=${"x".repeat(201)}`]: "q",
  "q=a&q=b": "q",
  "limit=0": "limit",
  "limit=1001": "limit",
  "limit=ten": "limit",
  "cursor=nonsense": "cursor",
  "stat=running": "stat",
  "%00=%ff": "\0",
};

for (const [query, path] of Object.entries(WRONG_QUERIES)) {
  Deno.test(`GET /v1/jobs?${query.slice(0, 40)} is refused by its field`, async () => {
    await using jobs = jobClient();
    const { status, body } = await jobs.send("GET", `/v1/jobs?${query}`);
    assert.equal(status, 400);
    assert.deepEqual(body.errors.map((it: { path: string }) => it.path), [path]);
  });
}

Deno.test("GET /v1/jobs/:id shows a job, with its result as a call answers it", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "add" });
  const waiting = (await jobs.send("GET", `/v1/jobs/${id}`)).body;
  assert.deepEqual([waiting.state, waiting.waitingFor.reason], ["available", "position"]);
  await jobs.complete(await jobs.claim(), { n: 2n ** 70n, b: new Uint8Array([1]) });
  const answer = await jobs.request(`/v1/jobs/${id}`);
  const text = await answer.text();
  assert.match(text, /"n":1180591620717411303424,/);
  const body = JSON.parse(text);
  assert.deepEqual(body.result.b, { $snakeden: "bytes", base64: "AQ==" });
  assert.deepEqual([body.state, body.done, body.attempts[0].outcome], [
    "completed",
    true,
    "completed",
  ]);
});

Deno.test("GET /v1/jobs/:id names the path of a long result", async () => {
  await using jobs = jobClient({ config: { jobs: { inlineResultBytes: 100 } } });
  const id = await jobs.submit({ tool: "add" });
  await jobs.complete(await jobs.claim(), "x".repeat(1_000));
  const { body } = await jobs.send("GET", `/v1/jobs/${id}`);
  assert.deepEqual([body.result, body.resultUrl], [undefined, `/v1/jobs/${id}/result`]);
  assert.equal((await jobs.send("GET", body.resultUrl)).body.result.length, 1_000);
});

Deno.test("GET /v1/jobs/:id writes a large result in another thread", async () => {
  await using jobs = jobClient({ config: { jobs: { inlineResultBytes: 1_000_000 } } });
  const id = await jobs.submit({ tool: "add" });
  const result = { b: new Uint8Array(300_000), text: "x" };
  await jobs.complete(await jobs.claim(), result);
  const { body } = await jobs.send("GET", `/v1/jobs/${id}`);
  assert.deepEqual(body.result.b, { $snakeden: "bytes", base64: result.b.toBase64() });
  assert.equal(body.done, true);
});

Deno.test("GET /v1/jobs/:id?wait= answers when the job has ended", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "add" });
  const asked = jobs.send("GET", `/v1/jobs/${id}?wait=60`);
  await jobs.complete(await jobs.claim(), 1);
  jobs.feed.emit(id, { type: "state", state: "completed" });
  assert.equal((await asked).body.state, "completed");
});

Deno.test("GET /v1/jobs/:id?wait= answers the job as it is after that time", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "add" });
  for (const wait of ["0", "0.01"]) {
    const { status, body } = await jobs.send("GET", `/v1/jobs/${id}?wait=${wait}`);
    assert.deepEqual([status, body.state], [200, "available"]);
  }
  for (const query of ["wait=61", "wait=-1", "wait=NaN", "wait=", "wait=1&wait=1", "wiat=1"]) {
    const { status, body } = await jobs.send("GET", `/v1/jobs/${id}?${query}`);
    assert.deepEqual([status, body.code], [400, "invalid_input"], query);
  }
});

Deno.test("GET /v1/jobs/:id?wait= holds nothing after its client has left", async () => {
  await using first = jobClient();
  using traffic = new Traffic(first.engine.config.limits);
  await using jobs = jobClient({ app: { traffic } });
  const id = await jobs.submit({ tool: "add" });
  const leaving = new AbortController();
  const asked = jobs.request(`/v1/jobs/${id}?wait=60`, { signal: leaving.signal });
  await microtasks();
  assert.equal(jobs.feed.hasListeners(id), true);
  leaving.abort();
  await (await asked).body?.cancel();
  assert.equal(jobs.feed.hasListeners(id), false);
});

Deno.test("the routes of a job answer 404 for an unknown id, and 400 for what is no id", async () => {
  await using jobs = jobClient();
  const calls = [
    ["GET", ""],
    ["GET", "?wait=1"],
    ["GET", "/result"],
    ["GET", "/events"],
    ["POST", "/cancel"],
    ["POST", "/retry"],
  ] as const;
  for (const [method, path] of calls) {
    const unknown = await jobs.send(method, `/v1/jobs/nobody${path}`);
    assert.deepEqual([unknown.status, unknown.body.code], [404, "unknown_job"], method + path);
    for (const id of ["%20", "a%2Fb", "x".repeat(129), "%C3%A4"]) {
      const none = await jobs.send(method, `/v1/jobs/${id}${path}`);
      assert.deepEqual([none.status, none.body.errors?.[0].path], [400, "id"], id + path);
    }
  }
});

Deno.test("POST /v1/jobs/:id/cancel cancels with a reason of the body or of the query", async () => {
  await using jobs = jobClient();
  const cases = [
    [undefined, "", undefined],
    [{ reason: "body" }, "", "body"],
    [undefined, "?reason=query", "query"],
  ] as const;
  for (const [sent, query, reason] of cases) {
    const id = await jobs.submit({ tool: "add" });
    const { status, body } = await jobs.send("POST", `/v1/jobs/${id}/cancel${query}`, sent);
    assert.deepEqual([status, body.state, body.cancelReason], [200, "cancelled", reason]);
  }
});

Deno.test("POST /v1/jobs/:id/cancel refuses a reason in the body and in the query", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "add" });
  const path = `/v1/jobs/${id}/cancel?reason=query`;
  const { status, body } = await jobs.send("POST", path, { reason: "body" });
  assert.deepEqual([status, body.errors[0].path], [400, "reason"]);
  assert.equal((await jobs.send("GET", `/v1/jobs/${id}`)).body.state, "available");
});

Deno.test("POST /v1/jobs/:id/cancel stops a running job", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "add" });
  await jobs.claim();
  const { body } = await jobs.send("POST", `/v1/jobs/${id}/cancel`);
  assert.deepEqual([body.state, body.cancelling], ["running", true]);
  assert.deepEqual(jobs.stops, [id]);
});

Deno.test("POST /v1/jobs/:id/cancel refuses a reason that is none", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "add" });
  const cases = [[{ reason: 1 }, "reason"], [{ reason: "x".repeat(1_001) }, "reason"], [
    { resaon: "x" },
    "resaon",
  ], [[], ""]] as const;
  for (const [sent, path] of cases) {
    const { status, body } = await jobs.send("POST", `/v1/jobs/${id}/cancel`, sent);
    assert.deepEqual([status, body.errors[0].path], [400, path]);
  }
  assert.equal((await jobs.send("GET", `/v1/jobs/${id}`)).body.state, "available");
});

Deno.test("POST /v1/jobs/:id/retry makes a job run again, but not a running one", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "add", maxAttempts: 1 });
  await jobs.fail(await jobs.claim(), { code: "internal", message: "no" });
  const { status, body } = await jobs.send("POST", `/v1/jobs/${id}/retry`);
  assert.deepEqual([status, body.state, body.attempts.length], [200, "available", 1]);
  await jobs.claim();
  const running = await jobs.send("POST", `/v1/jobs/${id}/retry`);
  assert.deepEqual([running.status, running.body.code], [409, "job_running"]);
});

Deno.test("POST /v1/jobs/cancel and /v1/jobs/retry change the jobs of a choice", async () => {
  await using jobs = jobClient();
  await jobs.submit({ tool: "add", tags: ["x"] });
  const id = await jobs.submit({ tool: "sub", tags: ["x"] });
  await jobs.submit({ tool: "sub" });
  const choice = { tag: "x", tool: ["sub", "mul"], state: "available" };
  const cancelled = await jobs.send("POST", "/v1/jobs/cancel?reason=why", choice);
  assert.deepEqual([cancelled.status, cancelled.body], [200, { count: 1 }]);
  const { body } = await jobs.send("GET", `/v1/jobs/${id}`);
  assert.deepEqual([body.state, body.cancelReason], ["cancelled", "why"]);
  const retried = await jobs.send("POST", "/v1/jobs/retry", { state: "cancelled" });
  assert.deepEqual(retried.body, { count: 1 });
  const reason = { tool: "add", reason: "because" };
  assert.deepEqual((await jobs.send("POST", "/v1/jobs/cancel", reason)).body, { count: 1 });
});

Deno.test("POST /v1/jobs/cancel and /v1/jobs/retry take words, and refuse 1 MB of them", async () => {
  await using jobs = jobClient();
  const a = await jobs.submit({ tool: "add", tags: ["tenant:a"] });
  await jobs.submit({ tool: "add", tags: ["tenant:b"] });
  for (const path of ["/v1/jobs/cancel", "/v1/jobs/retry"]) {
    assert.deepEqual((await jobs.send("POST", path, { q: "tenant:a" })).body, { count: 1 });
    const { status, body } = await jobs.send("POST", path, { q: "x".repeat(10_000) });
    assert.deepEqual([status, body.errors[0].path], [400, "q"]);
    assert.match(body.detail, /allowed: a text of 1 to 200 characters/);
    const huge = await jobs.send("POST", path, { q: "x".repeat(1024 * 1024) });
    assert.deepEqual([huge.status, huge.body.code], [413, "body_too_large"]);
  }
  assert.deepEqual(await idsOf(jobs, "state=available&q=tenant:a"), [a]);
});

Deno.test("POST /v1/jobs/cancel and /v1/jobs/retry refuse an empty or a wrong choice", async () => {
  await using jobs = jobClient();
  await jobs.submit({ tool: "add" });
  for (const verb of ["cancel", "retry"]) {
    for (const [choice, path] of [[{}, ""], [{ stat: "x" }, "stat"], [{ state: "x" }, "state"]]) {
      const { status, body } = await jobs.send("POST", `/v1/jobs/${verb}`, choice);
      assert.deepEqual([status, body.errors[0].path], [400, path]);
    }
  }
  const reason = await jobs.send("POST", "/v1/jobs/retry", { tool: "add", reason: "x" });
  assert.equal(reason.status, 400);
  assert.equal((await idsOf(jobs, "state=available")).length, 1);
});

Deno.test("GET /v1/jobs/:id shows no traceback where the configuration hides them", async () => {
  const error = {
    code: "python_exception",
    message: "ValueError: no",
    details: { python: { type: "ValueError", message: "no", traceback: "File x" }, pid: 7 },
  };
  for (const traceback of [true, false]) {
    await using jobs = jobClient({ config: { errors: { traceback } } });
    const id = await jobs.submit({ tool: "add" });
    await jobs.fail(await jobs.claim(), error);
    const { body } = await jobs.send("GET", `/v1/jobs/${id}`);
    for (const shown of [body.error, body.attempts[0].error]) {
      assert.equal(shown.details.python.traceback, traceback ? "File x" : undefined);
      assert.equal(shown.details.python.type, "ValueError");
      assert.equal(shown.details.pid, undefined);
    }
    const [listed] = (await jobs.send("GET", "/v1/jobs")).body.jobs;
    assert.equal(listed.error.details.python.traceback, traceback ? "File x" : undefined);
  }
});
