import assert from "node:assert/strict";
import { EventReader } from "../event_reader.ts";
import { frameOf, jobClient } from "./job_client.ts";

const EVENTS = { accept: "text/event-stream", "content-type": "application/json" };

Deno.test("PUT /v1/jobs/:id makes one job of the same body, also when it has ended", async () => {
  await using jobs = jobClient();
  const body = { tool: "add", args: { a: 1 } };
  const first = await jobs.send("PUT", "/v1/jobs/import-7", body);
  assert.deepEqual([first.status, first.body.id], [201, "import-7"]);
  assert.equal(first.headers.get("location"), "/v1/jobs/import-7");
  assert.equal(first.headers.get("snakeden-submit"), "created");
  await jobs.complete(await jobs.claim(), 5);
  for (const same of [body, { ...body, id: "import-7" }]) {
    const again = await jobs.send("PUT", "/v1/jobs/import-7", same);
    assert.deepEqual([again.status, again.body.state, again.body.result], [200, "completed", 5]);
    assert.equal(again.headers.get("snakeden-submit"), "existing");
  }
  const posted = await jobs.send("POST", "/v1/jobs", { ...body, id: "import-7" });
  assert.deepEqual([posted.status, posted.body.id], [200, "import-7"]);
  const other = await jobs.send("PUT", "/v1/jobs/import-7", { tool: "add" });
  assert.deepEqual([other.status, other.body.code], [409, "idempotency_conflict"]);
  assert.equal(other.body.details.jobId, "import-7");
});

Deno.test("PUT /v1/jobs/:id refuses an id that is none, another one in the body, and a key", async () => {
  await using jobs = jobClient();
  const pathsOf = async (path: string, body: object, headers = {}): Promise<string[]> => {
    const answer = await jobs.send("PUT", path, body, headers);
    assert.equal(answer.status, 400);
    return answer.body.errors.map((it: { path: string }) => it.path);
  };
  assert.deepEqual(await pathsOf("/v1/jobs/a%20b", { tool: "add" }), ["id"]);
  assert.deepEqual(await pathsOf(`/v1/jobs/${"x".repeat(129)}`, { tool: "add" }), ["id"]);
  assert.deepEqual(await pathsOf("/v1/jobs/a", { tool: "add", id: "b" }), ["id"]);
  const key = { "idempotency-key": "k" };
  assert.deepEqual(await pathsOf("/v1/jobs/a", { tool: "add" }, key), ["idempotencyKey"]);
  assert.deepEqual((await jobs.send("GET", "/v1/jobs")).body.jobs, []);
});

Deno.test("a submission that prefers events is answered with those of its job, until its end", async () => {
  for (const [method, path] of [["POST", "/v1/jobs"], ["PUT", "/v1/jobs/mine"]] as const) {
    await using jobs = jobClient();
    const body = JSON.stringify({ tool: "count" });
    // A position that was seen is not one of a job that was just made.
    const headers = { ...EVENTS, "last-event-id": "3" };
    const answer = await jobs.request(path, { method, headers, body });
    assert.equal(answer.status, 201);
    assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
    assert.equal(answer.headers.get("snakeden-submit"), "created");
    const location = answer.headers.get("location") ?? "";
    await using events = new EventReader(answer);
    const state = JSON.parse((await events.next())?.["data"] ?? "");
    assert.deepEqual([`/v1/jobs/${state.id}`, state.state], [location, "available"]);
    const claim = await jobs.claim();
    const chunks = [0, 1].map(frameOf);
    await jobs.store.extend([{ token: claim.token, leaseMs: 60_000, chunks }]);
    const first = await events.next();
    assert.deepEqual([first?.["event"], first?.["data"]], ["chunk", '{"run":1,"value":0}']);
    await events.next();
    await jobs.complete(claim, null);
    const end = await events.next();
    assert.deepEqual([end?.["event"], JSON.parse(end?.["data"] ?? "").state], ["end", "completed"]);
    assert.equal(await events.next(), undefined);

    const resumed = await jobs.request(`${location}/events`, {
      headers: { "last-event-id": first?.["id"] ?? "" },
    });
    await using rest = new EventReader(resumed);
    assert.equal((await rest.next())?.["event"], "state");
    assert.equal((await rest.next())?.["data"], '{"run":1,"value":1}');
  }
});

Deno.test("PUT that prefers events goes on after Last-Event-ID, and answers 204 after the end", async () => {
  await using jobs = jobClient();
  const put = (lastEventId: string): Promise<Response> =>
    Promise.resolve(jobs.request("/v1/jobs/mine", {
      method: "PUT",
      headers: { ...EVENTS, "last-event-id": lastEventId },
      body: JSON.stringify({ tool: "count" }),
    }));
  assert.equal((await jobs.send("PUT", "/v1/jobs/mine", { tool: "count" })).status, 201);
  const claim = await jobs.claim();
  const chunks = [0, 1].map(frameOf);
  await jobs.store.extend([{ token: claim.token, leaseMs: 60_000, chunks }]);
  await jobs.complete(claim, null);
  const answer = await put("1");
  assert.equal(answer.status, 200);
  await using events = new EventReader(answer);
  assert.equal((await events.next())?.["event"], "state");
  const chunk = await events.next();
  assert.equal(chunk?.["data"], '{"run":1,"value":1}');
  const end = await events.next();
  assert.equal((await put(end?.["id"] ?? "")).status, 204);
  const wrong = await put("x");
  assert.equal(wrong.status, 400);
  await wrong.body?.cancel();
});

Deno.test("a submission that is refused is a problem, also for a client that prefers events", async () => {
  await using jobs = jobClient();
  const answer = await jobs.request("/v1/jobs", {
    method: "POST",
    headers: EVENTS,
    body: JSON.stringify({ tool: "unknown" }),
  });
  assert.equal(answer.status, 404);
  assert.match(answer.headers.get("content-type") ?? "", /problem\+json/);
  await answer.body?.cancel();
  const both = { accept: "application/json, text/event-stream;q=0.5" };
  const json = await jobs.send("POST", "/v1/jobs", { tool: "add" }, both);
  assert.deepEqual([json.status, json.body.state], [201, "available"]);
});
