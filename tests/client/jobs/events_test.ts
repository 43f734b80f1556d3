import assert from "node:assert/strict";
import type { JobEvent } from "../../../src/client/mod.ts";
import { clientOf, events, type FakeHost, fakeHost, problem } from "../fake_host.ts";
import { completedJson, errorOf, jobJson, json } from "./recorded.ts";

const STATE = `event: state\ndata: ${JSON.stringify(jobJson({ state: "running" }))}\n\n`;
const DONE = `event: state\ndata: ${completedJson("[0,1,2]")}\n\n`;
const END = `id: 9\nevent: end\ndata: ${completedJson("[0,1,2]")}\n\n`;
const PROGRESS = `event: progress\ndata: {"fraction":0.5}\n\n`;

function chunk(id: number, value = String(id), run = 1): string {
  return `id: ${id}\nevent: chunk\ndata: {"run":${run},"value":${value}}\n\n`;
}

/** Returns what a reader sees of events, in short. */
function short(event: JobEvent): string {
  switch (event.type) {
    case "state":
      return event.job.state;
    case "progress":
      return JSON.stringify(event.progress);
    case "chunk":
      return `${event.id}:${event.run}:${JSON.stringify(event.value)}`;
    case "reset":
      return `reset ${event.id}`;
    case "end":
      return `end ${event.id}`;
  }
}

async function read(list: AsyncIterable<JobEvent>): Promise<string[]> {
  const shown: string[] = [];
  for await (const event of list) shown.push(short(event));
  return shown;
}

Deno.test("events() yields the state, reports, chunks with their values, and the end", async () => {
  const large = '{"$snakeden":"bytes","base64":"AQI="}';
  await using host = fakeHost(() =>
    events(
      `: ping\n\n${STATE}${PROGRESS}${chunk(1, large)}event: later\ndata: 1\n\n${END}`,
      "breaks",
    )
  );
  await using client = clientOf([host.url]);
  const list: JobEvent[] = [];
  for await (const event of client.jobs.events("j")) list.push(event);
  assert.deepEqual(list.map(({ type }) => type), ["state", "progress", "chunk", "end"]);
  assert.deepEqual(list[2], { type: "chunk", id: 1, run: 1, value: new Uint8Array([1, 2]) });
  assert.deepEqual(list[3]?.type === "end" && list[3].job.result, [0, 1, 2]);
  assert.equal(host.requests[0]?.headers.get("last-event-id"), null);
});

Deno.test("events() goes on behind the last chunk after each cut, and yields none twice", async (t) => {
  for (const end of ["breaks", "closes"] as const) {
    await t.step(end, async () => {
      const parts = [
        STATE + chunk(1) + chunk(2),
        // A host that sends too much.
        STATE + chunk(2) + chunk(3),
        STATE,
        `${STATE}id: 7\nevent: reset\ndata: {}\n\n` + chunk(8, "8", 2),
        DONE + END,
      ];
      const seen: (string | null)[] = [];
      await using host = fakeHost(({ headers }) => {
        seen.push(headers.get("last-event-id"));
        return events(parts[seen.length - 1] ?? "", end);
      });
      await using client = clientOf([host.url]);
      assert.deepEqual(
        await read(client.jobs.events("j")),
        ["running", "1:1:1", "2:1:2", "3:1:3", "reset 7", "8:2:8", "completed", "end 9"],
      );
      assert.deepEqual(seen, [null, "2", "3", "3", "8"]);
    });
  }
});

Deno.test("events() goes on through refusals of a host that restarts, at the same host", async () => {
  let count = 0;
  await using host = fakeHost(() => {
    count++;
    if (count === 1) return events(STATE + chunk(1), "breaks");
    return count < 4 ? problem(503, "shutting_down") : events(STATE + END, "closes");
  });
  await using other = fakeHost(() => problem(404, "unknown_job", { retryable: false }));
  await using client = clientOf([host.url, other.url]);
  assert.deepEqual(await read(client.jobs.events("j")), ["running", "1:1:1", "end 9"]);
  assert.equal(other.requests.length, 0);
});

Deno.test("events() behind the end yields the state alone, as the library does", async () => {
  await using host = fakeHost(({ url }) =>
    url.endsWith("/events") ? new Response(null, { status: 204 }) : json(completedJson("1"))
  );
  await using client = clientOf([host.url]);
  assert.deepEqual(await read(client.jobs.events("j", { after: 9 })), ["completed"]);
  assert.equal(host.requests[0]?.headers.get("last-event-id"), "9");
});

Deno.test("events() throws what the first answer says, and what no host sends", async (t) => {
  const page = new Headers({ "content-type": "text/html" });
  const cases: [string, () => Response, string][] = [
    ["no job", () => problem(404, "unknown_job", { retryable: false }), "unknown_job"],
    ["a page", () => new Response("<p>", { headers: page }), "unexpected_answer"],
    ["no JSON", () => events("event: state\ndata: {\n\n", "closes"), "unexpected_answer"],
    ["no state", () => events('event: state\ndata: {"id":"j"}\n\n', "closes"), "unexpected_answer"],
    ["no id", () => events("event: chunk\ndata: {}\n\n", "closes"), "unexpected_answer"],
    [
      "no value",
      () => events('id: 1\nevent: chunk\ndata: {"run":1}\n\n', "closes"),
      "unexpected_answer",
    ],
    [
      "no job at the end",
      () => events("id: 1\nevent: end\ndata: 1\n\n", "closes"),
      "unexpected_answer",
    ],
  ];
  for (const [name, answer, code] of cases) {
    await t.step(name, async () => {
      await using host = fakeHost(answer);
      await using client = clientOf([host.url]);
      assert.equal((await errorOf(read(client.jobs.events("j")))).code, code);
      assert.equal(host.requests.length, 1);
    });
  }
});

/** A host whose events stay open; `left` resolves when a reader has gone. */
function openHost(): FakeHost & { readonly left: Promise<void> } {
  let leave = (): void => {};
  const left = new Promise<void>((resolve) => leave = resolve);
  const host = fakeHost(() =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(STATE)),
        cancel: leave,
      }),
      { headers: { "content-type": "text/event-stream" } },
    )
  );
  return Object.assign(host, { left });
}

Deno.test("leaving the loop ends the request", async () => {
  await using host = openHost();
  await using client = clientOf([host.url]);
  for await (const _ of client.jobs.events("j")) break;
  await host.left;
});

Deno.test("a signal ends the events with its reason", async () => {
  await using host = openHost();
  await using client = clientOf([host.url]);
  const controller = new AbortController();
  const reason = new Error("enough");
  const list = client.jobs.events("j", { signal: controller.signal });
  await list.next();
  const next = list.next();
  controller.abort(reason);
  await assert.rejects(next, reason);
  await host.left;
  await assert.rejects(read(client.jobs.events("j", { signal: controller.signal })), reason);
});

Deno.test("logs() of the last lines misses none if the first connection is cut before a line", async () => {
  const line = (n: number): string =>
    `id: ${n}\nevent: line\ndata: {"n":${n},"run":1,"at":"2026-01-02T03:04:05.678Z",` +
    `"source":"stdout","text":"${n}"}\n\n`;
  for (const start of [0, 4]) {
    const parts = [`id: ${start}\n\n`, line(5) + line(6) + 'event: end\ndata: {"state":"x"}\n\n'];
    await using host = fakeHost(() => events(parts.shift() ?? "", "breaks"));
    await using client = clientOf([host.url]);
    const lines = await Array.fromAsync(client.jobs.logs("j", { tail: 3 }));
    assert.deepEqual(lines.map(({ n }) => n), [5, 6]);
    const asked = host.requests.map(({ url, headers }) => [
      new URL(url).searchParams.get("tail"),
      headers.get("last-event-id"),
    ]);
    assert.deepEqual(asked, [["3", null], [null, String(start)]]);
  }
});

Deno.test("logs() throws if the job was removed while its log was read", async () => {
  await using host = fakeHost(() => events('event: end\ndata: {"gone":true}\n\n', "closes"));
  await using client = clientOf([host.url]);
  await assert.rejects(Array.fromAsync(client.jobs.logs("j")), { code: "unknown_job" });
});
