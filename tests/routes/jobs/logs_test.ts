import assert from "node:assert/strict";
import type { Claim, RunLines, StoredLine } from "../../../src/store/mod.ts";
import { Traffic } from "../../../src/routes/mod.ts";
import { EventReader } from "../event_reader.ts";
import { type JobClient, jobClient } from "./job_client.ts";

const AT = Date.parse("2026-01-02T03:04:05.678Z");

function lines(first: number, ...given: readonly Partial<StoredLine>[]): RunLines {
  const body = given.map((it) =>
    `${JSON.stringify({ at: AT, source: "stdout", text: "", ...it })}\n`
  );
  return { first, lines: given.length, body: new TextEncoder().encode(body.join("")) };
}

async function write({ store }: JobClient, { token }: Claim, logs: RunLines): Promise<void> {
  assert.deepEqual(await store.extend([{ token, leaseMs: 60_000, logs: [logs] }]), ["held"]);
}

async function started(jobs: JobClient): Promise<{ readonly id: string; readonly claim: Claim }> {
  const id = await jobs.submit({ tool: "count" });
  return { id, claim: await jobs.claim() };
}

const MIXED: readonly Partial<StoredLine>[] = [
  { source: "host", level: "info", text: "attempt 1" },
  { text: 'with "quotes",\nand two lines' },
  { source: "log", level: "warning", logger: "app", text: "careful" },
];

Deno.test("GET /v1/jobs/:id/logs follows the lines until the end of the job", async () => {
  await using jobs = jobClient();
  const { id, claim } = await started(jobs);
  await write(jobs, claim, lines(1, ...MIXED));
  await using events = new EventReader(await jobs.request(`/v1/jobs/${id}/logs`));
  const seen = [await events.next(), await events.next(), await events.next()];
  assert.deepEqual(seen.map((it) => [it?.["id"], it?.["event"]]), [
    ["1", "line"],
    ["2", "line"],
    ["3", "line"],
  ]);
  const at = "2026-01-02T03:04:05.678Z";
  assert.deepEqual(seen.map((it) => JSON.parse(it?.["data"] ?? "")), [
    { n: 1, run: 1, at, source: "host", level: "info", text: "attempt 1" },
    { n: 2, run: 1, at, source: "stdout", text: 'with "quotes",\nand two lines' },
    { n: 3, run: 1, at, source: "log", level: "warning", logger: "app", text: "careful" },
  ]);
  await write(jobs, claim, lines(4, { text: "later" }));
  assert.equal((await events.next())?.["id"], "4");
  await jobs.complete(claim, 1);
  assert.deepEqual(await events.next(), { event: "end", data: '{"state":"completed"}' });
  assert.equal(await events.next(), undefined);
});

Deno.test("GET /v1/jobs/:id/logs goes on behind last-event-id, and answers 204 behind the end", async () => {
  await using jobs = jobClient();
  const { id, claim } = await started(jobs);
  await write(jobs, claim, lines(1, { text: "a" }, { text: "b" }, { text: "c" }));
  await jobs.complete(claim, 1);
  const at = (lastEventId: string): Promise<Response> =>
    jobs.request(`/v1/jobs/${id}/logs`, { headers: { "last-event-id": lastEventId } });
  await using events = new EventReader(await at("2"));
  assert.equal((await events.next())?.["id"], "3");
  assert.equal((await events.next())?.["event"], "end");
  assert.equal((await at("3")).status, 204);
  await using beyond = new EventReader(await at("4"));
  assert.deepEqual(await beyond.next(), { event: "reset", data: "{}" });
  assert.equal((await beyond.next())?.["id"], "1");
});

Deno.test("GET /v1/jobs/:id/logs answers text and NDJSON, and the last lines", async () => {
  await using jobs = jobClient();
  const { id, claim } = await started(jobs);
  await write(jobs, claim, lines(1, ...MIXED));
  const read = async (query: string): Promise<readonly [string | null, string]> => {
    const response = await jobs.request(`/v1/jobs/${id}/logs?${query}`);
    assert.equal(response.status, 200);
    return [response.headers.get("content-type"), await response.text()];
  };
  const at = "2026-01-02T03:04:05.678Z";
  assert.deepEqual(await read("follow=false"), [
    "text/plain; charset=utf-8",
    `${at} host info: attempt 1\n${at} stdout: with "quotes",\nand two lines\n` +
    `${at} log warning app: careful\n`,
  ]);
  assert.deepEqual(await read("follow=false&tail=1"), [
    "text/plain; charset=utf-8",
    `${at} log warning app: careful\n`,
  ]);
  assert.equal((await read("follow=false&tail=0"))[1], "");
  const [type, text] = await read("follow=false&format=ndjson");
  assert.equal(type, "application/x-ndjson; charset=utf-8");
  assert.deepEqual(text.trimEnd().split("\n").map((it) => JSON.parse(it).n), [1, 2, 3]);
  await jobs.complete(claim, 1);
  assert.equal((await read("format=text&tail=1"))[1], `${at} log warning app: careful\n`);
  assert.match(
    (await read("follow=false&format=sse&tail=1"))[1],
    /^id: 2\n\nid: 3\nevent: line\n.*end/s,
  );
});

Deno.test("GET /v1/jobs/:id/logs refuses what is wrong, and names it", async () => {
  await using jobs = jobClient();
  const { id } = await started(jobs);
  const wrong: readonly (readonly [query: string, path: string])[] = [
    ["follow=perhaps", "follow"],
    ["format=xml", "format"],
    ["tail=-1", "tail"],
    ["tail=1&tail=2", "tail"],
    ["lines=3", "lines"],
  ];
  for (const [query, path] of wrong) {
    const { status, body } = await jobs.send("GET", `/v1/jobs/${id}/logs?${query}`);
    assert.deepEqual([status, body.code], [400, "invalid_input"], query);
    assert.ok(JSON.stringify(body).includes(path));
  }
  const headers = { "last-event-id": "x" };
  assert.equal((await jobs.request(`/v1/jobs/${id}/logs`, { headers })).status, 400);
  const { status, body } = await jobs.send("GET", "/v1/jobs/nobody/logs");
  assert.deepEqual([status, body.code], [404, "unknown_job"]);
});

Deno.test("GET /v1/jobs/:id/logs shows only lines of Snakeden where output is hidden", async () => {
  await using jobs = jobClient({ config: { errors: { output: false } } });
  const { id, claim } = await started(jobs);
  await write(jobs, claim, lines(1, { text: "secret" }));
  await write(jobs, claim, lines(2, ...MIXED));
  await jobs.complete(claim, 1);
  const response = await jobs.request(`/v1/jobs/${id}/logs?format=ndjson`);
  const text = await response.text();
  assert.deepEqual(text.trimEnd().split("\n").map((it) => JSON.parse(it).text), ["attempt 1"]);
});

Deno.test("GET /v1/jobs/:id/logs ends what it reads when its reader leaves", async () => {
  await using jobs = jobClient();
  const { id, claim } = await started(jobs);
  await write(jobs, claim, lines(1, { text: "a" }));
  const events = new EventReader(await jobs.request(`/v1/jobs/${id}/logs`));
  assert.equal((await events.next())?.["id"], "1");
  await events[Symbol.asyncDispose]();
  // The store would wait for a reader that is still there.
  await jobs.complete(claim, 1);
});

Deno.test("GET /v1/jobs/:id/logs cuts off a reader that takes nothing for too long", async () => {
  await using first = jobClient();
  using traffic = new Traffic({ ...first.engine.config.limits, answerTimeoutMs: 0 });
  await using jobs = jobClient({ app: { traffic } });
  const { id, claim } = await started(jobs);
  await write(jobs, claim, lines(1, { text: "a" }));
  await write(jobs, claim, lines(2, { text: "b" }));
  for (const query of ["", "?format=text", "?follow=false"]) {
    const reader = (await jobs.request(`/v1/jobs/${id}/logs${query}`)).body?.getReader();
    await reader?.read();
    assert.equal(traffic.answers.time.isEmpty, false);
    traffic.check();
    await assert.rejects(async () => await reader?.read(), /Nobody reads the events/);
    assert.equal(traffic.answers.time.isEmpty, true);
  }
  await jobs.complete(claim, 1);
});

Deno.test("GET /v1/jobs/:id/logs says at its end that the job was removed meanwhile", async () => {
  await using jobs = jobClient();
  const { id, claim } = await started(jobs);
  await write(jobs, claim, lines(1, { text: "a" }));
  await using events = new EventReader(await jobs.request(`/v1/jobs/${id}/logs`));
  assert.equal((await events.next())?.["id"], "1");
  await jobs.complete(claim, 1);
  jobs.store.get = () => Promise.resolve(undefined);
  assert.deepEqual(await events.next(), { event: "end", data: '{"gone":true}' });
  assert.equal(await events.next(), undefined);
});

Deno.test("GET /v1/jobs/:id/logs tells where the last lines begin, and goes on there", async () => {
  await using jobs = jobClient();
  const { id, claim } = await started(jobs);
  const path = `/v1/jobs/${id}/logs?tail=1`;
  await using first = new EventReader(await jobs.request(path));
  assert.deepEqual(await first.next(), { id: "0" });
  await write(jobs, claim, lines(1, ...MIXED));
  const headers = { "last-event-id": "0" };
  await using again = new EventReader(await jobs.request(path, { headers }));
  assert.equal((await again.next())?.["id"], "1");
});
