import assert from "node:assert/strict";
import { configSchema } from "../../src/config/mod.ts";
import type { Den, JobEvent } from "../../src/client/mod.ts";
import { InvalidInputError, PythonError, SnakedenError } from "../../src/errors.ts";
import { callJobSchema } from "../../src/jobs/mod.ts";
import { type FakeCallContext, fakeDen } from "../../src/testing/mod.ts";
import { JOB_FIELDS } from "../../src/testing/fake/fake_job_input.ts";

const TOOLS = {
  add: ({ a, b }: { a: number; b: number }): number => a + b,
  echo: ({ value }: { value: unknown }): unknown => value,
  fails: (): never => {
    throw new RangeError("too far");
  },
  train: function* (_: object, call: FakeCallContext): Generator<number, string> {
    call.progress({ fraction: 0.5 });
    yield 1;
    yield 2;
    return "trained";
  },
  waits: (_: object, { signal }: FakeCallContext): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
};

/** A function of a program under test: it takes the library, the client and the fake. */
async function sumLater(den: Den): Promise<number> {
  const job = await den.jobs.submit({ tool: "add", args: { a: 2, b: 3 }, tags: ["sum"] });
  return await job.result<number>();
}

async function errorOf(work: Promise<unknown>): Promise<SnakedenError> {
  const error = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

async function read(list: AsyncIterable<JobEvent>): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of list) events.push(event);
  return events;
}

Deno.test("a fake den runs jobs at once, and records their calls", async () => {
  const fake = fakeDen(TOOLS);
  assert.equal(await sumLater(fake), 5);
  assert.deepEqual(
    fake.calls.map(({ tool, args, via, state, result }) => ({ tool, args, via, state, result })),
    [{ tool: "add", args: { a: 2, b: 3 }, via: "job", state: "done", result: 5 }],
  );
  const { items: [job] } = await fake.jobs.list();
  assert.ok(job !== undefined);
  const { id, state, done, attempt, maxAttempts, tags, queue, tool } = job;
  assert.deepEqual({ id, state, done, attempt, maxAttempts, tags, queue, tool }, {
    id: "fake-job-1",
    state: "completed",
    done: true,
    attempt: 1,
    maxAttempts: 3,
    tags: ["sum"],
    queue: "default",
    tool: "add",
  });
});

Deno.test("the defaults and the fields of a fake job are those of a host", async () => {
  const { jobs } = configSchema.parse({});
  const job = await fakeDen(TOOLS).jobs.submit({ tool: "add" });
  assert.equal(job.job.maxAttempts, jobs.maxAttempts);
  assert.deepEqual(JOB_FIELDS.toSorted(), Object.keys(callJobSchema.shape).sort());
});

Deno.test("a fake job is available, runs, and is completed with its result", async () => {
  const job = await fakeDen(TOOLS).jobs.submit({
    tool: "echo",
    args: { value: new Map([["a", 1n]]) },
  });
  assert.deepEqual([job.answer, job.job.state, job.job.attempt], ["created", "available", 0]);
  const events = await read(job);
  assert.deepEqual(events.map(({ type }) => type), ["state", "end"]);
  const ended = await job.done();
  assert.deepEqual([ended.state, ended.result], ["completed", { a: 1 }]);
  assert.deepEqual(ended.attempts?.map(({ attempt, outcome }) => [attempt, outcome]), [
    [1, "completed"],
  ]);
  // Each reader gets a copy.
  assert.notEqual(await job.result(), await job.result());
});

Deno.test("a generator's chunks are events, and its result is their list", async () => {
  const { jobs } = fakeDen(TOOLS);
  const job = await jobs.submit({ tool: "train" });
  const events = await read(job);
  const chunks = events.flatMap((it) => it.type === "chunk" ? [[it.id, it.run, it.value]] : []);
  assert.deepEqual(chunks, [[1, 1, 1], [2, 1, 2]]);
  assert.deepEqual(events.filter(({ type }) => type === "progress"), [
    { type: "progress", progress: { fraction: 0.5 } },
  ]);
  assert.deepEqual(await job.result(), [1, 2]);
  const later = await read(jobs.events(job.id, { after: 1 }));
  assert.deepEqual(later.map(({ type }) => type), ["state", "chunk", "end"]);
  assert.deepEqual((await read(jobs.events(job.id, { after: 3 }))).map(({ type }) => type), [
    "state",
  ]);
});

Deno.test("a fake job that fails is tried again, and then discarded with its error", async () => {
  const { jobs } = fakeDen(TOOLS);
  const job = await jobs.submit({ tool: "fails" });
  const error = await errorOf(job.result());
  assert.ok(error instanceof PythonError);
  assert.equal(error.python.type, "RangeError");
  assert.equal(error.details.jobId, job.id);
  const { state, attempt, attempts } = job.job;
  assert.deepEqual([state, attempt, attempts?.map(({ outcome }) => outcome)], [
    "discarded",
    3,
    ["failed", "failed", "failed"],
  ]);
  for (const retry of [{ never: ["RangeError"] }, { never: ["python_exception"] }]) {
    assert.equal((await (await jobs.submit({ tool: "fails", retry })).done()).attempt, 1);
  }
  const refusing = fakeDen({
    refuse: () => {
      throw new SnakedenError("invalid_arguments", "no");
    },
  });
  assert.equal((await (await refusing.jobs.submit({ tool: "refuse" })).done()).attempt, 1);
});

Deno.test("a fake job can be cancelled while it runs, and retried afterwards", async () => {
  const fake = fakeDen(TOOLS);
  const job = await fake.jobs.submit({ tool: "waits" });
  assert.equal((await errorOf(job.retry())).code, "job_running");
  assert.equal((await errorOf(fake.jobs.result(job.id))).code, "job_unfinished");
  assert.equal((await job.cancel({ reason: "no more" })).cancelling, true);
  const ended = await job.done();
  assert.deepEqual([ended.state, ended.cancelReason, ended.error], [
    "cancelled",
    "no more",
    undefined,
  ]);
  assert.equal((await errorOf(job.result())).message, `The job ${job.id} was cancelled: no more`);
  assert.equal(fake.calls[0]?.state, "cancelled");
  assert.equal((await job.retry()).state, "available");
  assert.equal((await job.refresh()).attempt, 2);
  assert.deepEqual(await fake.jobs.cancelMany({ tool: "waits" }), { count: 1 });
  assert.equal((await job.done()).state, "cancelled");
  assert.deepEqual(await fake.jobs.retryMany({ state: "cancelled" }), { count: 1 });
  await job.cancel();
  await job.done();
});

Deno.test("a paused queue keeps its jobs waiting until it is resumed", async () => {
  const { jobs, queues } = fakeDen(TOOLS, { queues: ["mail"] });
  assert.equal((await queues.pause("mail")).paused, true);
  const job = await jobs.submit({ tool: "add", args: { a: 1, b: 1 }, queue: "mail" });
  const waiting = await job.done({ timeoutMs: 1 });
  assert.deepEqual([waiting.state, waiting.waitingFor?.reason], ["available", "paused"]);
  assert.equal((await errorOf(job.result({ timeoutMs: 1 }))).code, "deadline_exceeded");
  assert.equal((await queues.get("mail")).counts.available, 1);
  await queues.resume("mail");
  assert.equal(await job.result(), 2);
  assert.deepEqual((await queues.list()).map(({ name, counts }) => [name, counts.completed]), [
    ["default", 0],
    ["mail", 1],
  ]);
  assert.equal((await queues.update("mail", { concurrency: 2 })).concurrency, 2);
  assert.equal((await queues.update("mail", { concurrency: null })).concurrency, undefined);
  assert.match((await errorOf(queues.get("male"))).message, /did you mean/);
});

Deno.test("a fake queue that drains refuses jobs and retries of ended ones", async () => {
  const { jobs, queues } = fakeDen(TOOLS);
  const ended = await jobs.submit({ tool: "echo", args: { value: 1 } });
  await ended.done();
  assert.equal((await queues.drain("default")).draining, true);
  const job = { tool: "echo", args: { value: 1 } };
  for (const refused of [jobs.submit(job), jobs.submitMany([job]), jobs.retry(ended.id)]) {
    assert.equal((await errorOf(refused)).code, "queue_draining");
  }
  assert.deepEqual(await jobs.retryMany({ state: "completed" }), { count: 0 });
});

Deno.test("idempotency keys and unique keys of fake jobs are those of a host", async () => {
  const { jobs, queues } = fakeDen(TOOLS);
  const first = await jobs.submit({ tool: "echo", args: { value: 1 }, idempotencyKey: "k" });
  const again = await jobs.submit({ tool: "echo", args: { value: 1 }, idempotencyKey: "k" });
  assert.deepEqual([again.id, again.answer], [first.id, "existing"]);
  const other = jobs.submit({ tool: "echo", args: { value: 2 }, idempotencyKey: "k" });
  assert.equal((await errorOf(other)).code, "idempotency_conflict");
  const own = await jobs.submit({ tool: "echo", args: { value: 1 }, id: "mine" });
  const same = await jobs.submit({ tool: "echo", args: { value: 1 }, id: "mine" });
  assert.deepEqual([own.id, own.answer, same.id, same.answer], [
    "mine",
    "created",
    "mine",
    "existing",
  ]);
  const another = jobs.submit({ tool: "echo", args: { value: 2 }, id: "mine" });
  assert.match((await errorOf(another)).message, /the job mine was made by another submission/);
  const [many] = await jobs.submitMany([{ tool: "echo", args: {}, idempotencyKey: "k" }]);
  assert.deepEqual(many, { id: first.id, answer: "conflict" });
  await queues.pause("default");
  const unique = { key: "u" } as const;
  const one = await jobs.submit({ tool: "echo", args: { value: 1 }, unique });
  const two = await jobs.submit({ tool: "echo", args: { value: 2 }, unique });
  const three = await jobs.submit({
    tool: "echo",
    args: { value: 3 },
    unique: { key: "u", mode: "replace" },
  });
  assert.deepEqual([one.answer, two.answer, three.answer], ["created", "dropped", "replaced"]);
  assert.equal(two.id, one.id);
  await queues.resume("default");
  assert.equal(await three.result(), 3);
});

Deno.test("fake jobs are refused as in a host, and a batch as a whole", async () => {
  const { jobs } = fakeDen(TOOLS);
  assert.equal((await errorOf(jobs.submit({ tool: "ad" }))).code, "unknown_tool");
  assert.equal((await errorOf(jobs.submit({ tool: "add", pool: "x" }))).code, "unknown_pool");
  const value = (): void => {};
  assert.equal(
    (await errorOf(jobs.submit({ tool: "echo", args: { value } }))).code,
    "invalid_value",
  );
  const misspelled = { tool: "add", priorty: 1 };
  assert.match((await errorOf(jobs.submit(misspelled))).message, /priorty: .*priority/);
  assert.match(
    (await errorOf(jobs.submit({ tool: "add", queue: "defult" }))).message,
    /queue: there is no queue "defult"; did you mean/,
  );
  const batch = await errorOf(jobs.submitMany([{ tool: "add" }, { tool: "ad" }, misspelled]));
  assert.ok(batch instanceof InvalidInputError);
  assert.deepEqual(batch.issues.map(({ path }) => path), ["[1].tool", "[2].priorty"]);
  assert.deepEqual((await jobs.list()).items, []);
  assert.equal((await errorOf(jobs.get("x"))).code, "unknown_job");
  assert.equal((await errorOf(jobs.cancelMany({}))).code, "invalid_input");
});

Deno.test("fake jobs are listed from the last one, by choice and in pages", async () => {
  const { jobs } = fakeDen(TOOLS);
  const all = await jobs.submitMany(
    [1, 2, 3].map((value) => ({ tool: "echo", args: { value }, tags: [`t${value}`, "all"] })),
  );
  await jobs.wait(all[2]?.id ?? "");
  const first = await jobs.list({ tag: "all", state: "completed" }, { limit: 2 });
  assert.deepEqual(first.items.map(({ id }) => id), ["fake-job-3", "fake-job-2"]);
  assert.equal(first.items[0]?.result, undefined);
  assert.ok(first.cursor !== undefined);
  const rest = await jobs.list({ tag: "all" }, { cursor: first.cursor });
  assert.deepEqual([rest.items.map(({ id }) => id), rest.cursor], [["fake-job-1"], undefined]);
  assert.deepEqual((await jobs.list({ tag: ["all", "t2"] })).items.map(({ id }) => id), [
    "fake-job-2",
  ]);
  assert.deepEqual((await jobs.list({ createdBefore: new Date(0) })).items, []);
});

Deno.test("a signal ends a wait for a fake job, and its events", async () => {
  const { jobs } = fakeDen(TOOLS);
  const job = await jobs.submit({ tool: "waits" });
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = job.done({ signal, timeoutMs: 60_000 });
  const reading = read(job.events({ signal }));
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(reading, reason);
  await job.cancel();
  await job.done();
});
