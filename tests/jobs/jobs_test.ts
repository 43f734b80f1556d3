import assert from "node:assert/strict";
import { InvalidInputError, PythonError, SnakedenError } from "../../src/errors.ts";
import { Files } from "../../src/files/mod.ts";
import { JobFeed, Jobs } from "../../src/jobs/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { memoryBlobs } from "../../src/store/mod.ts";
import { until } from "../fixtures/until.ts";
import { argsOf, JobFixture } from "./job_fixture.ts";

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => undefined, (it) => it);
  return error instanceof SnakedenError ? error.code : `no error but ${String(error)}`;
}

Deno.test("Jobs.submit() returns the job as it stands, with its defaults", async () => {
  await using host = await JobFixture.open();
  const { job, answer, id } = await host.jobs.submit({
    tool: "add",
    args: { a: 1n << 60n, b: new Uint8Array([1, 2]) },
    tags: ["x", "x", "y"],
  });
  assert.equal(answer, "created");
  const { createdAt, ...rest } = job;
  assert.deepEqual(rest, {
    id,
    kind: "call",
    queue: "default",
    state: "available",
    done: false,
    priority: 0,
    tool: "add",
    pool: "default",
    tags: ["x", "y"],
    metadata: {},
    attempt: 0,
    maxAttempts: 3,
  });
  assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000);
  assert.deepEqual(argsOf(await host.claim()), { a: 1n << 60n, b: new Uint8Array([1, 2]) });
});

Deno.test("Jobs.get() shows a job that waits for its time, its place, its pool or its queue", async () => {
  await using host = await JobFixture.open();
  const { jobs, queues } = host;
  const late = await jobs.submit({ tool: "add", delayMs: 60_000 });
  const first = await jobs.submit({ tool: "add" });
  const second = await jobs.submit({ tool: "add" });
  const reason = async (id: string): Promise<string | undefined> =>
    (await jobs.get(id)).waitingFor?.detail;
  const { runAt, state, waitingFor } = await jobs.get(late.id);
  assert.equal(state, "scheduled");
  assert.deepEqual(waitingFor, { reason: "time", until: runAt, detail: `it is due at ${runAt}` });
  assert.equal(await reason(first.id), "it is next in line for a worker of the pool default");
  assert.equal(await reason(second.id), "one job is ahead of it");
  host.poolState = "unhealthy";
  assert.equal(await reason(first.id), "the pool default is unhealthy");
  const elsewhere = await jobs.submit({ tool: "add", pool: "gone" });
  assert.equal(await reason(elsewhere.id), "there is no pool gone");
  await queues.pause("default");
  assert.equal(await reason(first.id), "the queue default is paused");
  assert.equal((await queues.get("default")).counts.available, 3);
});

Deno.test("Jobs.result() knows a job that is retried while its result is read", async () => {
  await using host = await JobFixture.open();
  const { jobs, store } = host;
  const { id } = await jobs.submit({ tool: "add" });
  await host.complete(1);
  const read = store.result.bind(store);
  store.result = async (of) => {
    store.result = read;
    await jobs.retry(of);
    return await read(of);
  };
  assert.equal(await codeOf(jobs.result(id)), "job_unfinished");
  await host.complete(2);
  assert.equal(await jobs.result(id), 2);
});

Deno.test("Jobs.result() returns the result, decoded, or the error of the job", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  const good = await jobs.submit({ tool: "add" });
  const bad = await jobs.submit({ tool: "add", maxAttempts: 1 });
  assert.equal(await codeOf(jobs.result(good.id)), "job_unfinished");
  await host.complete({ sum: 5 });
  assert.deepEqual(await good.result(), { sum: 5 });
  const { state, done, result, attempts } = await good.refresh();
  assert.deepEqual({ state, done, result }, { state: "completed", done: true, result: { sum: 5 } });
  assert.deepEqual(attempts?.map(({ attempt, outcome }) => ({ attempt, outcome })), [
    { attempt: 1, outcome: "completed" },
  ]);
  const python = { type: "ValueError", message: "no" };
  const error = { code: "python_exception", message: "add raised", details: { python } };
  await host.finish(await host.claim(), { type: "failed", error, retryInMs: null });
  const thrown = await bad.result().catch((it) => it);
  assert.ok(thrown instanceof PythonError);
  assert.deepEqual(thrown.python, python);
  assert.equal(thrown.details["jobId"], bad.id);
  assert.equal((await bad.refresh()).error?.message, "add raised");
});

Deno.test("JobHandle.result() waits for the end, and for as long as it is told to", async () => {
  await using host = await JobFixture.open();
  const job = await host.jobs.submit({ tool: "add" });
  assert.equal(await codeOf(job.result({ timeoutMs: 1 })), "deadline_exceeded");
  for (const timeoutMs of [NaN, -1]) {
    assert.equal(await codeOf(job.result({ timeoutMs })), "invalid_input");
  }
  const gone = new AbortController();
  const left = job.result({ signal: gone.signal });
  gone.abort(new Error("left"));
  await assert.rejects(left, /left/);
  const waiting = job.result();
  await host.complete(7);
  assert.equal(await waiting, 7);
});

Deno.test("Jobs.submit() makes one job of submissions with one key and body", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  const input = { tool: "add", args: { a: 1 }, metadata: { b: 1, a: 2 }, idempotencyKey: "k" };
  const first = await jobs.submit(input);
  const again = await jobs.submit({ ...input, metadata: { a: 2, b: 1 } });
  assert.deepEqual([again.id, again.answer], [first.id, "existing"]);
  for (const change of [{ args: { a: 2 } }, { metadata: {} }, { tool: "train" }, { priority: 1 }]) {
    assert.equal(await codeOf(jobs.submit({ ...input, ...change })), "idempotency_conflict");
  }
  await host.complete(1);
  assert.equal((await jobs.submit(input)).job.state, "completed");
});

Deno.test("Jobs.submitMany() answers a key of another submission with conflict and its job", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  const retention = { completedMs: 0 };
  const first = await jobs.submit({ tool: "add", idempotencyKey: "k", retention });
  const many = [{ tool: "add" }, { tool: "train", idempotencyKey: "k" }, { tool: "add" }];
  const [a, conflict, b] = await jobs.submitMany(many);
  assert.deepEqual([a?.answer, conflict?.answer, b?.answer], ["created", "conflict", "created"]);
  assert.deepEqual([conflict?.id, conflict?.job?.tool], [first.id, "add"]);
  await host.complete(3);
  await until(
    async () => (await host.store.sweep(), await host.store.get(first.id)) === undefined,
    "gone",
  );
  const [later] = await jobs.submitMany(many.slice(1, 2));
  assert.deepEqual(later, { id: first.id, answer: "conflict" });
});

Deno.test("Jobs.list() and Jobs.retryMany() find jobs by words; a search of 1 MB is refused", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  const ids: string[] = [];
  for (const tag of ["tenant:a", "tenant:b"]) {
    ids.push((await jobs.submit({ tool: "train", tags: [tag] })).id);
  }
  const error = { code: "python_exception", message: "ValueError: no column price" };
  for (const _ of ids) {
    await host.finish(await host.claim(), { type: "failed", error, retryInMs: null });
  }
  const found = await jobs.list({ q: "price tenant:b", state: "discarded" });
  assert.deepEqual(found.items.map(({ id }) => id), [ids[1]]);
  assert.deepEqual(await jobs.retryMany({ q: "valueerror tenant:b", state: "discarded" }), {
    count: 1,
  });
  assert.equal((await jobs.get(ids[1] ?? "")).state, "available");
  assert.equal((await jobs.list({ q: "valueerror" })).items.length, 1);
  for (const q of ["x".repeat(1024 * 1024), "", 7 as never]) {
    for (const refused of [jobs.list({ q }), jobs.cancelMany({ q }), jobs.retryMany({ q })]) {
      const error = await refused.then(() => assert.fail("it was taken"), (it) => it);
      assert.equal(error.code, "invalid_input");
      assert.match(error.message, /q: given .*; allowed: a text of 1 to 200 characters/);
      assert.ok(error.message.length < 400);
    }
  }
});

Deno.test("Jobs.cancelMany() and Jobs.retryMany() stop behind the part in which their signal aborts", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  await jobs.submitMany(Array.from({ length: 2_500 }, () => ({ tool: "add" })));
  for (const [run, from] of [["cancelMany", "available"], ["retryMany", "cancelled"]] as const) {
    const leaving = new AbortController();
    const { signal } = leaving;
    const running = jobs[run]({ state: from }, { signal });
    leaving.abort(new Error("the caller has left"));
    await assert.rejects(running, /the caller has left/);
    const left = (await host.queues.get("default")).counts[from];
    assert.ok(left > 0 && left < 2_500, `${left} are left`);
    assert.deepEqual(await jobs[run]({ state: from }), { count: left });
  }
});

Deno.test("Jobs.submit() and Jobs.retry() are refused by a queue that drains", async () => {
  await using host = await JobFixture.open();
  const { jobs, queues } = host;
  const ended = await jobs.submit({ tool: "add", queue: "mail" });
  await host.complete(1);
  await jobs.submit({ tool: "add", queue: "mail" });
  const { draining, left } = await queues.drain("mail");
  assert.deepEqual([draining, left], [true, 1]);
  for (
    const refused of [
      jobs.submit({ tool: "add", queue: "mail" }),
      jobs.submitMany([{ tool: "add" }, { tool: "add", queue: "mail" }]),
      jobs.retry(ended.id),
    ]
  ) {
    await assert.rejects(refused, {
      code: "queue_draining",
      retryable: true,
      message: /The queue "mail" is draining/,
    });
  }
  assert.equal((await jobs.list({ queue: "default" })).items.length, 0);
  await queues.update("mail", { draining: false });
  assert.equal((await jobs.retry(ended.id)).state, "available");
});

Deno.test("a submission that is repeated after its job was removed is answered with its id", async () => {
  await using host = await JobFixture.open();
  const input = { tool: "add", idempotencyKey: "k", retention: { completedMs: 0 } };
  const { id } = await host.jobs.submit(input);
  await host.complete(3);
  await until(
    async () => (await host.store.sweep(), await host.store.get(id)) === undefined,
    "gone",
  );
  const again = await host.jobs.submit(input);
  assert.deepEqual([again.answer, again.id, again.job.state], ["existing", id, "completed"]);
  assert.equal((await host.jobs.submitMany([input]))[0]?.id, id);
  assert.equal(await codeOf(host.jobs.get(id)), "unknown_job");
});

Deno.test("Jobs.submit() with an id makes one job of it, until that is removed", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  const input = { id: "import-7", tool: "add", args: { a: 1 }, retention: { completedMs: 0 } };
  const first = await jobs.submit(input);
  assert.deepEqual([first.id, first.answer], ["import-7", "created"]);
  const again = await jobs.submit({ ...input, args: { a: 1 } });
  assert.deepEqual([again.id, again.answer], ["import-7", "existing"]);
  for (const change of [{ args: { a: 2 } }, { tags: ["x"] }, { tool: "train" }, { priority: 1 }]) {
    const error = await jobs.submit({ ...input, ...change }).then(() => undefined, (it) => it);
    assert.equal(error?.code, "idempotency_conflict");
    assert.match(error.message, /^Cannot submit the job: the job import-7 was made by another /);
    assert.deepEqual(error.details, { jobId: "import-7" });
  }
  const answers = (await jobs.submitMany([input, { tool: "add" }, { ...input, id: "b" }]))
    .map(({ answer }) => answer);
  assert.deepEqual(answers, ["existing", "created", "created"]);
  await host.complete(1);
  await until(
    async () => (await host.store.sweep(), await host.store.get("import-7")) === undefined,
    "gone",
  );
  assert.equal((await jobs.submit({ ...input, args: { a: 2 } })).answer, "created");
});

Deno.test("Jobs.wait() ends when the host stops, instead of at its next look at the job", async () => {
  await using host = await JobFixture.open();
  const { id } = await host.jobs.submit({ tool: "add" });
  const waiting = codeOf(host.jobs.wait(id, { timeoutMs: 10_000 }));
  await until(() => host.feed.hasListeners(id), "the wait");
  host.feed[Symbol.dispose]();
  assert.equal(await waiting, "shutting_down");
  assert.equal(await codeOf(host.jobs.wait(id, { timeoutMs: 10_000 })), "shutting_down");
  assert.equal(host.feed.hasListeners(id), false);
});

Deno.test("Jobs.submitMany() submits all or none, and names every wrong one", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  const inputs = Array.from({ length: 10 }, (_, i) => ({ tool: "add", args: { i } }));
  const wrong = inputs.with(2, { tool: "ad", args: { i: 2 } })
    .with(5, { tool: "add", args: { i: 5 }, priority: 99 } as never)
    .with(7, "no" as never);
  const error = await jobs.submitMany(wrong).catch((it) => it);
  assert.ok(error instanceof InvalidInputError);
  assert.deepEqual(error.issues.map(({ path }) => path), ["[2].tool", "[5].priority", "[7]"]);
  assert.match(error.message, /3 of 10 jobs are wrong, and none was submitted/);
  assert.deepEqual((await jobs.list()).items, []);
  const outcomes = await jobs.submitMany(inputs);
  assert.deepEqual(outcomes.map(({ answer }) => answer), Array(10).fill("created"));
  const { items } = await jobs.list();
  assert.deepEqual(items.map(({ id }) => id), outcomes.map(({ id }) => id).reverse());
});

Deno.test("Jobs.submitMany() takes an endless source in parts, and says what was submitted", async () => {
  await using host = await JobFixture.open();
  async function* source(): AsyncGenerator<{ tool: string }> {
    for (let i = 0; i < 2_500; i++) yield { tool: i === 2_400 ? "ad" : "add" };
    await Promise.resolve();
  }
  const error = await host.jobs.submitMany(source()).catch((it) => it);
  assert.ok(error instanceof InvalidInputError);
  assert.equal(error.issues[0]?.path, "[2400].tool");
  assert.equal(error.details["submitted"], 2_000);
  assert.equal((await host.queues.get("default")).counts.available, 2_000);
});

Deno.test("Jobs.submitMany() takes a long array in parts, and says what was submitted", async () => {
  await using host = await JobFixture.open();
  const inputs = Array.from({ length: 2_500 }, (_, i) => ({ tool: i === 2_400 ? "ad" : "add" }));
  const error = await host.jobs.submitMany(inputs).catch((it) => it);
  assert.ok(error instanceof InvalidInputError);
  assert.equal(error.issues[0]?.path, "[2400].tool");
  assert.equal(error.details["submitted"], 2_000);
  const outcomes = await host.jobs.submitMany(inputs.slice(0, 2_400));
  assert.equal(outcomes.length, 2_400);
  assert.equal((await host.queues.get("default")).counts.available, 4_400);
  const { items } = await host.jobs.list({}, { limit: 1_000 });
  assert.deepEqual(items.map(({ id }) => id), outcomes.slice(-1_000).map(({ id }) => id).reverse());
  assert.deepEqual(await host.jobs.submitMany([]), []);
});

Deno.test("Jobs.list() pages through a choice, and refuses the cursor of another one", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  for (let i = 0; i < 5; i++) await jobs.submit({ tool: "add", tags: [i % 2 ? "odd" : "even"] });
  const first = await jobs.list({ tag: "even", state: "available" }, { limit: 2 });
  assert.equal(first.items.length, 2);
  const { cursor = "" } = first;
  const second = await jobs.list({ tag: "even", state: "available" }, { limit: 2, cursor });
  assert.deepEqual([second.items.length, second.cursor], [1, undefined]);
  assert.equal(await codeOf(jobs.list({ tag: "odd" }, { cursor })), "invalid_input");
  assert.equal(await codeOf(jobs.list({ state: "done" as never })), "invalid_input");
  assert.equal(await codeOf(jobs.list({ createdFrom: "soon" })), "invalid_input");
  assert.equal(await codeOf(jobs.list({}, { limit: 0 })), "invalid_input");
});

Deno.test("Jobs.cancel() ends a waiting job, and has the engine stop a running one", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  const running = await jobs.submit({ tool: "add" });
  const waiting = await jobs.submit({ tool: "add" });
  const claim = await host.claim();
  const ended = waiting.result();
  const { state, cancelReason } = await jobs.cancel(waiting.id, { reason: "not needed" });
  assert.deepEqual({ state, cancelReason }, { state: "cancelled", cancelReason: "not needed" });
  await assert.rejects(ended, /was cancelled: not needed/);
  assert.equal((await jobs.cancel(running.id)).cancelling, true);
  assert.deepEqual(host.stopped, [running.id]);
  await host.finish(claim, { type: "cancelled" });
  assert.equal((await jobs.cancel(running.id)).state, "cancelled");
  assert.equal(await codeOf(jobs.cancel("nobody")), "unknown_job");
  assert.equal(
    await codeOf(jobs.cancel(running.id, { reason: "x".repeat(1_001) })),
    "invalid_input",
  );
});

Deno.test("Jobs.retry() runs an ended job again, and refuses a running one", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  const job = await jobs.submit({ tool: "add", maxAttempts: 1 });
  const claim = await host.claim();
  assert.equal(await codeOf(jobs.retry(job.id)), "job_running");
  const error = { code: "worker_crashed", message: "it died" };
  await host.finish(claim, { type: "failed", error, retryInMs: null });
  const { state, attempt, maxAttempts } = await job.retry();
  assert.deepEqual({ state, attempt, maxAttempts }, {
    state: "available",
    attempt: 1,
    maxAttempts: 2,
  });
  await host.complete(1);
  assert.equal(await job.result(), 1);
  assert.equal(await codeOf(jobs.retry("nobody")), "unknown_job");
});

Deno.test("Jobs.cancelMany() and retryMany() change every job of a choice, never of none", async () => {
  await using host = await JobFixture.open();
  const { jobs } = host;
  await jobs.submitMany(Array.from({ length: 1_500 }, () => ({ tool: "add", tags: ["old"] })));
  await jobs.submit({ tool: "add" });
  assert.deepEqual(await jobs.cancelMany({ tag: "old" }), { count: 1_500 });
  const { counts } = await host.queues.get("default");
  assert.deepEqual([counts.cancelled, counts.available], [1_500, 1]);
  assert.deepEqual(await jobs.retryMany({ tag: "old", state: "cancelled" }), { count: 1_500 });
  assert.equal(await codeOf(jobs.cancelMany({})), "invalid_input");
  assert.equal(await codeOf(jobs.retryMany({})), "invalid_input");
});

Deno.test("every method of jobs says why there is no store", async () => {
  const gone = new SnakedenError("store_unavailable", "the server 1234 has it");
  const { jobs: config, files, limits } = parseConfig({});
  const jobs = new Jobs({
    store: gone,
    files: new Files({ ...limits, store: gone, config: files }),
    blobs: memoryBlobs(),
    config,
    feed: new JobFeed(),
    runners: {},
    engine: { stop: () => {}, running: () => undefined },
    pools: () => undefined,
  });
  const tries = [
    () => jobs.submit({ tool: "add" }),
    () => jobs.submitMany([]),
    () => jobs.get("a"),
    () => jobs.list(),
    () => jobs.cancel("a"),
    () => jobs.retry("a"),
    () => jobs.result("a"),
    () => jobs.wait("a"),
    () => jobs.events("a").next(),
  ];
  for (const attempt of tries) assert.equal(await codeOf(attempt()), "store_unavailable");
});
