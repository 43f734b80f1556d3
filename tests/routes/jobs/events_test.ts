import assert from "node:assert/strict";
import type { Claim } from "../../../src/store/mod.ts";
import { Traffic } from "../../../src/routes/mod.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { microtasks } from "../../fixtures/until.ts";
import { EventReader } from "../event_reader.ts";
import { frameOf, type JobClient, jobClient } from "./job_client.ts";

async function follow(jobs: JobClient, id: string, lastEventId?: string): Promise<EventReader> {
  const headers: HeadersInit = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
  return new EventReader(await jobs.request(`/v1/jobs/${id}/events`, { headers }));
}

async function sendChunks(
  jobs: JobClient,
  claim: Claim,
  values: readonly unknown[],
): Promise<void> {
  const chunks = values.map(frameOf);
  await jobs.store.extend([{ token: claim.token, leaseMs: 60_000, chunks }]);
}

interface Seen {
  readonly event: string | undefined;
  readonly id: string | undefined;
  // deno-lint-ignore no-explicit-any
  readonly data: any;
}

async function next(events: EventReader): Promise<Seen | undefined> {
  const block = await events.next();
  if (block === undefined) return undefined;
  return { event: block["event"], id: block["id"], data: JSON.parse(block["data"] ?? "null") };
}

Deno.test("GET /v1/jobs/:id/events tells the state, progress, chunks and the end", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "count" });
  await using events = await follow(jobs, id);
  const state = await next(events);
  assert.deepEqual([state?.event, state?.id, state?.data.state], ["state", undefined, "available"]);
  const claim = await jobs.claim();
  jobs.feed.emit(id, { type: "state", state: "running" });
  assert.equal((await next(events))?.data.state, "running");
  jobs.feed.emit(id, { type: "progress", progress: { done: 0.5, text: "a\nb" } });
  assert.deepEqual(await next(events), {
    event: "progress",
    id: undefined,
    data: { done: 0.5, text: "a\nb" },
  });
  await sendChunks(jobs, claim, [{ n: 2n ** 70n }, new Uint8Array([1])]);
  const chunk = await events.next();
  assert.equal(chunk?.["data"], '{"run":1,"value":{"n":1180591620717411303424}}');
  const bytes = await next(events);
  assert.deepEqual([bytes?.event, bytes?.data.value.base64], ["chunk", "AQ=="]);
  assert.ok(Number(chunk?.["id"]) < Number(bytes?.id));
  await jobs.complete(claim, "done");
  const end = await next(events);
  assert.deepEqual([end?.event, end?.data.state, end?.data.result], ["end", "completed", "done"]);
  assert.ok(Number(end?.id) > Number(bytes?.id));
  assert.equal(await events.next(), undefined);
  assert.equal(jobs.feed.hasListeners(id), false);
});

Deno.test("GET /v1/jobs/:id/events goes on after Last-Event-ID", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "count" });
  const claim = await jobs.claim();
  await sendChunks(jobs, claim, [0, 1, 2]);
  let last: string;
  {
    await using events = await follow(jobs, id);
    await next(events);
    await next(events);
    last = (await next(events))?.id ?? "";
  }
  await jobs.complete(claim, null);
  await using events = await follow(jobs, id, last);
  assert.equal((await next(events))?.event, "state");
  assert.equal((await next(events))?.data.value, 2);
  assert.equal((await next(events))?.event, "end");
});

Deno.test("GET /v1/jobs/:id/events answers 204 to a client that has seen the end", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "count" });
  const claim = await jobs.claim();
  await sendChunks(jobs, claim, [0]);
  await jobs.complete(claim, null);
  const ids: string[] = [];
  {
    await using events = await follow(jobs, id);
    for (let it = await next(events); it !== undefined; it = await next(events)) {
      if (it.id !== undefined) ids.push(it.id);
    }
  }
  assert.equal(ids.length, 2);
  const headers = { "last-event-id": ids[1] ?? "" };
  assert.equal((await jobs.request(`/v1/jobs/${id}/events`, { headers })).status, 204);
  await using events = await follow(jobs, id, ids[0]);
  assert.equal((await next(events))?.event, "state");
  assert.equal((await next(events))?.event, "end");
});

Deno.test("GET /v1/jobs/:id/events says reset if chunks are gone", async () => {
  await using jobs = jobClient({ config: { jobs: { maxChunks: 2 } } });
  const id = await jobs.submit({ tool: "count" });
  const claim = await jobs.claim();
  await sendChunks(jobs, claim, [0, 1, 2, 3]);
  await using events = await follow(jobs, id);
  assert.equal((await next(events))?.event, "state");
  const reset = await next(events);
  assert.deepEqual([reset?.event, reset?.data], ["reset", {}]);
  assert.ok(reset?.id !== undefined);
  assert.equal((await next(events))?.data.value, 2);
});

Deno.test("GET /v1/jobs/:id/events writes a large chunk on one line", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "count" });
  const bytes = new Uint8Array(400_000).fill(3);
  await sendChunks(jobs, await jobs.claim(), [{ bytes }]);
  await using events = await follow(jobs, id);
  await next(events);
  assert.equal((await next(events))?.data.value.bytes.base64, bytes.toBase64());
});

Deno.test("GET /v1/jobs/:id/events refuses a Last-Event-ID that is none", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "count" });
  for (const given of ["what", "-1", "1.5", "9".repeat(16)]) {
    const headers = { "last-event-id": given };
    const { status, body } = await jobs.send("GET", `/v1/jobs/${id}/events`, undefined, headers);
    assert.deepEqual([status, body.errors[0].path], [400, "last-event-id"]);
  }
  assert.equal(jobs.feed.hasListeners(id), false);
});

Deno.test("GET /v1/jobs/:id/events sends heartbeats while nothing happens", async () => {
  await using jobs = jobClient({ config: { limits: { heartbeatMs: 100 } } });
  await using events = await follow(jobs, await jobs.submit({ tool: "count" }));
  await events.next();
  assert.equal(await events.block(), ": heartbeat");
  assert.equal(await events.block(), ": heartbeat");
});

Deno.test("GET /v1/jobs/:id/events holds and logs nothing after a client has left", async () => {
  await using log = new LogSink();
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "count" });
  const reader = (await jobs.request(`/v1/jobs/${id}/events`)).body?.getReader();
  await reader?.read();
  const waiting = reader?.read();
  await microtasks();
  assert.equal(jobs.feed.hasListeners(id), true);
  await reader?.cancel();
  assert.equal((await waiting)?.done, true);
  await microtasks();
  assert.equal(jobs.feed.hasListeners(id), false);
  assert.equal(await log.text(), "");
});

Deno.test("HEAD /v1/jobs/:id/events ends at once, and holds nothing", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "count" });
  const answer = await jobs.request(`/v1/jobs/${id}/events`, { method: "HEAD" });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
  assert.equal(await answer.text(), "");
  assert.equal(jobs.feed.hasListeners(id), false);
});

Deno.test("GET /v1/jobs/:id/events disconnects a reader that takes nothing for too long", async () => {
  await using first = jobClient();
  using traffic = new Traffic({ ...first.engine.config.limits, answerTimeoutMs: 0 });
  await using jobs = jobClient({ app: { traffic } });
  const id = await jobs.submit({ tool: "count" });
  const reader = (await jobs.request(`/v1/jobs/${id}/events`)).body?.getReader();
  await reader?.read();
  assert.equal(traffic.answers.time.isEmpty, false);
  traffic.check();
  await assert.rejects(async () => await reader?.read(), /Nobody reads the events/);
  await microtasks();
  assert.equal(jobs.feed.hasListeners(id), false);
});
