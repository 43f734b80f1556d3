import assert from "node:assert/strict";
import type { Job, JobEvent } from "../../../src/jobs/mod.ts";
import { jobEvents } from "../../../src/jobs/follow/job_events.ts";
import { JobFixture, stored } from "../job_fixture.ts";

/** Returns the events up to the end, in short. */
async function shortOf(events: AsyncIterable<JobEvent>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const event of events) all.push(short(event));
  return all;
}

function short(event: JobEvent): unknown {
  switch (event.type) {
    case "state":
    case "end":
      return `${event.type} ${event.job.state}`;
    case "chunk":
      return event.value;
    case "progress":
      return event.progress;
    case "reset":
      return "reset";
  }
}

Deno.test("a job is iterated: its state, chunks, progress and end, each once and in order", async () => {
  await using host = await JobFixture.open();
  const job = await host.jobs.submit({ tool: "train" });
  const events = host.jobs.events(job.id);
  assert.equal(short((await events.next()).value as JobEvent), "state available");
  const running = events.next();
  const claim = await host.claim();
  assert.equal(short((await running).value as JobEvent), "state running");
  const { token } = claim;
  await host.store.extend([{ token, leaseMs: 60_000, chunks: [stored("a"), stored("b")] }]);
  assert.equal(short((await events.next()).value as JobEvent), "a");
  assert.equal(short((await events.next()).value as JobEvent), "b");
  host.feed.emit(job.id, { type: "progress", progress: "half" });
  host.feed.emit(job.id, { type: "progress", progress: "more" });
  assert.equal(short((await events.next()).value as JobEvent), "more");
  await host.finish(claim, { type: "completed", result: stored(1) });
  assert.deepEqual(await shortOf(events), ["end completed"]);
});

Deno.test("Jobs.events() misses no change that comes while it reads the job", async () => {
  await using host = await JobFixture.open();
  const job = await host.jobs.submit({ tool: "train" });
  const events = host.jobs.events(job.id);
  const first = events.next();
  host.feed.emit(job.id, { type: "progress", progress: "early" });
  assert.equal(short((await first).value as JobEvent), "state available");
  assert.equal(short((await events.next()).value as JobEvent), "early");
  await events.return();
});

Deno.test("Jobs.events() goes on behind a position, and ends at once behind the end", async () => {
  await using host = await JobFixture.open();
  const job = await host.jobs.submit({ tool: "train" });
  const claim = await host.claim();
  const chunks = ["a", "b", "c"].map(stored);
  await host.store.extend([{ token: claim.token, leaseMs: 60_000, chunks }]);
  await host.finish(claim, { type: "completed", result: stored(1) });
  const seen: JobEvent[] = [];
  for await (const event of job) seen.push(event);
  assert.deepEqual(seen.map(short), ["state completed", "a", "b", "c", "end completed"]);
  const ids = seen.flatMap((event) => "id" in event ? [event.id] : []);
  assert.deepEqual(await shortOf(job.events({ after: ids[1] ?? 0 })), [
    "state completed",
    "c",
    "end completed",
  ]);
  assert.deepEqual(await shortOf(job.events({ after: ids[3] ?? 0 })), ["state completed"]);
});

Deno.test("Jobs.events() leaves no listener behind, and ends with its signal", async () => {
  await using host = await JobFixture.open();
  const job = await host.jobs.submit({ tool: "train" });
  for await (const _ of job) break;
  assert.equal(host.feed.hasListeners(job.id), false);
  const leaving = new AbortController();
  const events = host.jobs.events(job.id, { signal: leaving.signal });
  await events.next();
  const next = events.next();
  leaving.abort(new Error("left"));
  await assert.rejects(next, /left/);
  assert.equal(host.feed.hasListeners(job.id), false);
  await assert.rejects(host.jobs.events("nobody").next(), /There is no job "nobody"/);
});

Deno.test("Jobs.events() misses no state between its first look at the job and the next news", async () => {
  await using host = await JobFixture.open();
  const { job } = await host.jobs.submit({ tool: "add" });
  const running: Job = { ...job, state: "running" };
  const ended = Promise.withResolvers<void>();
  const events = jobEvents(job.id, {
    deps: {
      feed: host.feed,
      get: (id) => {
        // The claim is told while the answer with the state before it is under way.
        host.feed.emit(id, { type: "state", state: "running" });
        return Promise.resolve(job);
      },
      find: () => Promise.resolve(running),
      stored: () => ({
        [Symbol.asyncIterator]: () => ({
          next: async (): Promise<IteratorReturnResult<undefined>> => {
            await ended.promise;
            return { done: true, value: undefined };
          },
        }),
      }),
      decode: (it) => it,
    },
    options: {},
  });
  assert.equal(short((await events.next()).value as JobEvent), "state available");
  assert.equal(short((await events.next()).value as JobEvent), "state running");
  ended.resolve();
  await events.return();
});

Deno.test("Jobs.logs() throws if the job was removed while its log was read", async () => {
  await using host = await JobFixture.open();
  const { id } = await host.jobs.submit({ tool: "train" });
  const claim = await host.claim();
  const lines = host.jobs.logs(id);
  const line = lines.next();
  const body = new TextEncoder().encode('{"at":1,"source":"stdout","text":"a"}\n');
  const logs = [{ first: 1, lines: 1, body }];
  await host.store.extend([{ token: claim.token, leaseMs: 60_000, logs }]);
  assert.equal((await line).value?.text, "a");
  await host.finish(claim, { type: "completed", result: stored(1) });
  host.store.get = () => Promise.resolve(undefined);
  await assert.rejects(lines.next(), { code: "unknown_job" });
});

Deno.test("Jobs.events() throws if the job is removed before its end is shown", async () => {
  await using host = await JobFixture.open();
  const { id } = await host.jobs.submit({ tool: "train" });
  const events = host.jobs.events(id);
  await events.next();
  host.store.get = () => Promise.resolve(undefined);
  await host.complete(1);
  await assert.rejects(events.next(), { code: "unknown_job" });
});
