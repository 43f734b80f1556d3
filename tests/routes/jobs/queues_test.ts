import assert from "node:assert/strict";
import { jobClient } from "./job_client.ts";

const CONFIG = { jobs: { queues: [{ name: "mail", concurrency: 2 }] } };

async function declared(): Promise<ReturnType<typeof jobClient>> {
  const jobs = jobClient({ config: CONFIG });
  await jobs.store.declareQueues([{ name: "default" }, { name: "mail", concurrency: 2 }]);
  return jobs;
}

Deno.test("GET /v1/queues shows the queues and the number of their jobs", async () => {
  await using jobs = await declared();
  await jobs.submit({ tool: "add", queue: "mail" });
  const { status, body } = await jobs.send("GET", "/v1/queues");
  assert.equal(status, 200);
  assert.deepEqual(body.queues.map((it: { name: string }) => it.name), ["default", "mail"]);
  const { counts, ...mail } = (await jobs.send("GET", "/v1/queues/mail")).body;
  assert.deepEqual(mail, {
    name: "mail",
    paused: false,
    draining: false,
    concurrency: 2,
    left: 1,
  });
  assert.deepEqual([counts.available, counts.running], [1, 0]);
});

Deno.test("PATCH /v1/queues/:name pauses a queue, and changes its limit", async () => {
  await using jobs = await declared();
  const id = await jobs.submit({ tool: "add", queue: "mail" });
  const change = { paused: true, concurrency: 5 };
  const { status, body } = await jobs.send("PATCH", "/v1/queues/mail", change);
  assert.deepEqual([status, body.paused, body.concurrency], [200, true, 5]);
  const { waitingFor } = (await jobs.send("GET", `/v1/jobs/${id}`)).body;
  assert.deepEqual([waitingFor.reason, waitingFor.queue], ["paused", "mail"]);
  const back = await jobs.send("PATCH", "/v1/queues/mail", { paused: false, concurrency: null });
  assert.deepEqual([back.body.paused, back.body.concurrency], [false, 2]);
  assert.equal((await jobs.claim()).job.id, id);
});

Deno.test("PATCH /v1/queues/:name drains a queue, which refuses submissions with 503", async () => {
  await using jobs = await declared();
  await jobs.submit({ tool: "add", queue: "mail" });
  const { body } = await jobs.send("PATCH", "/v1/queues/mail", { draining: true });
  assert.deepEqual([body.draining, body.left], [true, 1]);
  const job = { tool: "add", queue: "mail" };
  for (const [path, sent] of [["/v1/jobs", job], ["/v1/jobs/batch", [job]]] as const) {
    const refused = await jobs.send("POST", path, sent);
    assert.deepEqual([refused.status, refused.body.code], [503, "queue_draining"]);
    assert.equal(refused.body.retryable, true);
    assert.match(refused.body.detail, /"mail" is draining/);
  }
});

Deno.test("PATCH /v1/queues/:name names every field that is wrong", async () => {
  await using jobs = await declared();
  const wrong = { paused: "yes", draining: 1, concurrency: 0 };
  const { status, body } = await jobs.send("PATCH", "/v1/queues/mail", wrong);
  assert.equal(status, 400);
  assert.deepEqual(body.errors.map((it: { path: string }) => it.path), [
    "paused",
    "draining",
    "concurrency",
  ]);
  const unknown = await jobs.send("PATCH", "/v1/queues/mail", { pause: true });
  assert.match(unknown.body.errors[0].message, /did you mean "paused"/);
});

Deno.test("GET /v1/queues/:name answers 404 with similar names", async () => {
  await using jobs = await declared();
  for (const [method, body] of [["GET", undefined], ["PATCH", { paused: true }]] as const) {
    const answer = await jobs.send(method, "/v1/queues/mial", body);
    assert.deepEqual([answer.status, answer.body.code], [404, "unknown_queue"]);
    assert.match(answer.body.detail, /did you mean "mail"/);
  }
});
