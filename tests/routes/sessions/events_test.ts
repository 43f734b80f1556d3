import assert from "node:assert/strict";
import { LogSink } from "../../fixtures/log_sink.ts";
import { Traffic } from "../../../src/routes/mod.ts";
import { EventReader } from "../event_reader.ts";
import { microtasks } from "../../fixtures/until.ts";
import { type Client, clientOf, type MemoryEngine, memoryEngine } from "../memory_engine.ts";
import { openSessions } from "../../sessions/opened_sessions.ts";

async function opened(): Promise<{ engine: MemoryEngine; client: Client }> {
  const engine = memoryEngine({ config: { limits: { heartbeatMs: 100 } } });
  await engine.sessions.open("s1");
  return { engine, client: clientOf(engine) };
}

async function follow(client: Client, lastEventId?: string): Promise<EventReader> {
  const headers: HeadersInit = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
  return new EventReader(await client.request("/v1/sessions/s1/events", { headers }));
}

Deno.test("GET /v1/sessions/:id/events reports changes, and goes on after Last-Event-ID", async () => {
  const { engine, client } = await opened();
  const { variables } = await engine.sessions.get("s1");
  let last: string;
  {
    await using events = await follow(client);
    const { version } = await variables.set("a", 1);
    await variables.delete("a");
    const greeting = await events.next();
    assert.ok(greeting?.["id"] !== undefined && greeting["event"] === undefined);
    const set = await events.next();
    assert.deepEqual([set?.["event"], JSON.parse(set?.["data"] ?? "")], ["set", {
      name: "a",
      version,
    }]);
    last = set?.["id"] ?? "";
    assert.equal((await events.next())?.["event"], "deleted");
  }
  await variables.set("b", 2);
  await using events = await follow(client, last);
  await events.next();
  assert.deepEqual([(await events.next())?.["event"], (await events.next())?.["data"]], [
    "deleted",
    '{"name":"b","version":3}',
  ]);
});

Deno.test("GET /v1/sessions/:id/events goes on after the id that comes before the first event", async () => {
  const { engine, client } = await opened();
  let id: string;
  {
    await using events = await follow(client);
    id = (await events.next())?.["id"] ?? "";
  }
  await (await engine.sessions.get("s1")).variables.set("a", 1);
  await using events = await follow(client, id);
  await events.next();
  assert.equal((await events.next())?.["event"], "set");
});

Deno.test("GET /v1/sessions/:id/events says reset for an id that is too old, or of another session", async () => {
  const { engine, client } = await opened();
  const { variables } = await engine.sessions.get("s1");
  const start = await variables.position();
  for (let i = 0; i < 1_000; i++) await variables.set("x", i);
  for (const id of [start, "another.5"]) {
    await using events = await follow(client, id);
    await events.next();
    const reset = await events.next();
    assert.deepEqual([reset?.["event"], reset?.["data"]], ["reset", "{}"]);
    await variables.set("y", 1);
    assert.equal((await events.next())?.["event"], "set");
  }
});

Deno.test("GET /v1/sessions/:id/events sends heartbeats while nothing changes", async () => {
  const { client } = await opened();
  await using events = await follow(client);
  await events.next();
  assert.equal(await events.block(), ": heartbeat");
  assert.equal(await events.block(), ": heartbeat");
});

Deno.test("GET /v1/sessions/:id/events ends with the session", async () => {
  const { engine, client } = await opened();
  await using events = await follow(client);
  await events.next();
  await engine.sessions.delete("s1");
  assert.deepEqual(await events.next(), { event: "ended", data: "{}" });
  assert.equal(await events.next(), undefined);
  assert.equal((await client.request("/v1/sessions/s1/events")).status, 404);
});

Deno.test("GET /v1/sessions/:id/events ends without an error when the host stops", async () => {
  await using it = openSessions();
  await it.sessions.open("s1");
  const client = clientOf(memoryEngine({ sessions: it.sessions }));
  await using events = await follow(client);
  await events.next();
  const next = events.next();
  await it.store[Symbol.asyncDispose]();
  assert.equal(await next, undefined);
});

Deno.test("GET /v1/sessions/:id/events logs nothing about a client that leaves", async () => {
  await using log = new LogSink();
  const { engine, client } = await opened();
  {
    await using events = await follow(client);
    await events.next();
    void events.next();
  }
  // The wait of the client that has left is over when another one gets the next change.
  await using events = await follow(client);
  await events.next();
  await (await engine.sessions.get("s1")).variables.set("a", 1);
  await events.next();
  assert.equal(await log.text(), "");
});

Deno.test("GET /v1/sessions/:id/events refuses a Last-Event-ID that is none", async () => {
  const { client } = await opened();
  const headers = { "last-event-id": "what is this" };
  const answer = await client.request("/v1/sessions/s1/events", { headers });
  assert.equal(answer.status, 400);
  const { detail, errors } = await answer.json();
  assert.match(detail, /last-event-id: given "what is this"; allowed: the position/);
  assert.equal(errors[0].path, "last-event-id");
});

Deno.test("HEAD /v1/sessions/:id/events ends at once", async () => {
  const { client } = await opened();
  const answer = await client.request("/v1/sessions/s1/events", { method: "HEAD" });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
  assert.equal(await answer.text(), "");
});

Deno.test("GET /v1/sessions/:id/events logs no error when a client leaves", async () => {
  await using log = new LogSink();
  const { client } = await opened();
  const reader = (await client.request("/v1/sessions/s1/events")).body?.getReader();
  await reader?.read();
  const next = reader?.read();
  await microtasks();
  await reader?.cancel();
  assert.equal((await next)?.done, true);
  await microtasks();
  assert.equal(await log.text(), "");
});

Deno.test("GET /v1/sessions/:id/events disconnects a reader that takes nothing for too long", async () => {
  const { engine } = await opened();
  using traffic = new Traffic({ ...engine.config.limits, answerTimeoutMs: 0 });
  const answer = await clientOf(engine, { traffic }).request("/v1/sessions/s1/events");
  const reader = answer.body?.getReader();
  await reader?.read();
  assert.equal(traffic.answers.time.isEmpty, false);
  traffic.check();
  assert.equal(traffic.answers.time.isEmpty, true);
  await assert.rejects(async () => await reader?.read(), /Nobody reads the events/);
});
