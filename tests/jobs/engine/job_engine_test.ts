import assert from "node:assert/strict";
import { LimitExceededError, PythonError, SnakedenError } from "../../../src/errors.ts";
import type { JobNews } from "../../../src/jobs/mod.ts";
import { until } from "../../fixtures/until.ts";
import { EngineFixture, LEASE_MS, turns } from "./engine_fixture.ts";

Deno.test("JobEngine runs as many jobs as there are idle workers, and the next when one ends", async () => {
  await using it = await EngineFixture.open({ size: 2 });
  const ids = await it.submit(3);
  const [first = "", second = "", third = ""] = ids;
  await it.running(second);
  await turns();
  assert.deepEqual(it.started, [first, second]);
  (await it.running(first)).succeed(new Uint8Array([7]));
  await it.running(third);
  const done = await it.reaches(first, "completed");
  assert.equal(done.attempts[0]?.worker, "p-1");
  assert.deepEqual(await it.store.result(first), new Uint8Array([7]));
});

Deno.test("JobEngine leaves the workers that calls keep busy alone, and takes them when they are free", async () => {
  await using it = await EngineFixture.open({ size: 2 });
  it.pool.busy = 2;
  // The first claim was sent before.
  const [, , third = ""] = await it.submit(3);
  await turns();
  assert.equal(it.held.size, 2);
  for (const run of [...it.held.values()]) run.succeed();
  await turns();
  assert.equal(it.held.has(third), false);
  it.pool.busy = 1;
  it.pool.room.onIdle?.();
  await it.running(third);
});

Deno.test("JobEngine gives a job to a pool that calls keep busy for a second", async () => {
  await using it = await EngineFixture.open({ size: 1 });
  const [first = "", second = ""] = await it.submit(2);
  const run = await it.running(first);
  it.pool.busy = 1;
  run.succeed();
  await it.reaches(first, "completed");
  it.isStuck = true;
  await it.pass(900);
  assert.equal(it.held.has(second), false);
  await it.pass(300);
  await it.running(second);
  // It waits like a call, and is not given back.
  await it.pass(5_000);
  assert.equal((await it.get(second)).state, "running");
});

Deno.test("JobEngine gives back what no worker begins, which costs no attempt and leaves no trace", async () => {
  await using it = await EngineFixture.open({ size: 1 });
  it.isStuck = true;
  const [id = ""] = await it.submit();
  await it.running(id);
  it.pool.busy = 1;
  await it.pass(150, 50);
  const job = await it.reaches(id, "available");
  assert.deepEqual([job.attempt, job.attempts], [0, []]);
  it.isStuck = false;
  it.pool.busy = 0;
  it.pool.room.onIdle?.();
  await it.running(id);
});

Deno.test("JobEngine claims short jobs ahead, and gives them back once the pool does not move", async () => {
  await using it = await EngineFixture.open({ size: 1 });
  it.runMs = 0.1;
  const [first = ""] = await it.submit();
  (await it.running(first)).succeed();
  await it.reaches(first, "completed");
  it.isStuck = true;
  const ids = await it.submit(6);
  for (const id of ids) await it.running(id);
  const [second, third] = ids.slice(0, 2).map((id) => it.held.get(id));
  for (const run of [second, third]) {
    await it.pass(80, 40);
    run?.run.begun("p-1");
    run?.succeed();
    await turns();
    assert.ok(ids.slice(2).every((id) => it.held.has(id)), "the queue moves");
  }
  const [fourth = "", ...rest] = ids.slice(2);
  it.held.get(fourth)?.run.begun("p-1");
  await it.pass(250, 50);
  for (const id of rest) assert.equal((await it.get(id)).state, "available");
  assert.equal((await it.get(fourth)).state, "running");
});

Deno.test("JobEngine writes the error of each attempt, and tries again after growing pauses", async () => {
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit();
  const python = { type: "ValueError", message: "no", traceback: "line 1" };
  (await it.running(id)).fail(new PythonError("it raised", python, { big: "x" }));
  const first = await it.reaches(id, "retryable");
  assert.equal(first.runAt - (first.attempts[0]?.finishedAt ?? 0), 1_000);
  assert.deepEqual(first.error, {
    code: "python_exception",
    message: "it raised",
    details: { big: "x", python },
  });
  await it.pass(1_100);
  const exit = { exitCode: null, signal: "SIGKILL", lastOutput: ["bye"] };
  (await it.running(id)).fail(
    new LimitExceededError("out_of_memory", "too much", exit, { limit: "maxRssBytes" }),
  );
  const second = await it.reaches(id, "retryable");
  assert.deepEqual(second.attempts[1]?.exit, { signal: "SIGKILL" });
  assert.equal(second.error?.code, "out_of_memory");
  assert.equal(second.runAt - (second.attempts[1]?.finishedAt ?? 0), 2_000);
  await it.pass(2_100);
  (await it.running(id)).fail(new TypeError("a fault of ours"));
  const third = await it.reaches(id, "discarded");
  assert.deepEqual(third.attempts.map(({ attempt, outcome }) => [attempt, outcome]), [
    [1, "failed"],
    [2, "failed"],
    [3, "failed"],
  ]);
  assert.deepEqual(third.error, { code: "internal", message: "a fault of ours" });
});

Deno.test("JobEngine discards a job at once after an error that no attempt can cure", async () => {
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit();
  (await it.running(id)).fail(new SnakedenError("invalid_arguments", "n is no number"));
  assert.equal((await it.reaches(id, "discarded")).attempts.length, 1);
});

Deno.test("JobEngine returns what the pool refuses without cost, and pauses before it claims again", async () => {
  await using it = await EngineFixture.open();
  it.refusal = new SnakedenError("pool_saturated", "full");
  const [id = ""] = await it.submit();
  await it.pass(10_000);
  const starts = it.started.length;
  assert.ok(starts >= 5 && starts <= 40, `${starts} starts`);
  const { attempts } = await it.get(id);
  assert.deepEqual(attempts, []);
  it.refusal = undefined;
  await it.pass(2_000);
  (await it.running(id)).succeed();
  const { attempt } = await it.reaches(id, "completed");
  assert.equal(attempt, 1);
});

Deno.test("JobEngine keeps the claim of a job for 20 leases, and starts it once", async () => {
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit();
  const { run } = await it.running(id);
  run.progress({ done: 1 });
  await it.pass(20 * LEASE_MS, 1_000);
  const { state, progress, worker, run: starts } = await it.get(id);
  assert.deepEqual([state, progress, worker, starts], ["running", { done: 1 }, "p-1", 1]);
  assert.deepEqual(it.engine.running(id), { worker: "p-1", progress: { done: 1 } });
  it.held.get(id)?.succeed();
  await it.reaches(id, "completed");
  assert.deepEqual(it.started, [id]);
  assert.equal(it.engine.running(id), undefined);
});

Deno.test("JobEngine stops a run whose claim another one has, and drops its outcome", async () => {
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit(1, { maxAttempts: 2 });
  const { run } = await it.running(id);
  // As if the host had slept beyond its lease.
  await it.store.abandon("here");
  assert.equal(run.signal.aborted, false);
  await it.pass(LEASE_MS / 2);
  assert.equal((run.signal.reason as SnakedenError).code, "host_lost");
  await until(() => it.started.length === 2, "the job runs again");
  const { attempts, attempt } = await it.get(id);
  assert.deepEqual([attempt, attempts.map(({ outcome }) => outcome)], [2, ["lost"]]);
});

Deno.test("JobEngine cancels a run by its signal, at once or with the next extension", async () => {
  await using it = await EngineFixture.open();
  const [here = "", elsewhere = ""] = await it.submit(2);
  const [first, second] = [await it.running(here), await it.running(elsewhere)];
  await it.store.cancel({ ids: [here, elsewhere] }, { reason: "no need" });
  it.engine.stop([here, "unknown"]);
  assert.equal((first.run.signal.reason as SnakedenError).code, "cancelled");
  await it.reaches(here, "cancelled");
  assert.equal(second.run.signal.aborted, false);
  await it.pass(LEASE_MS / 2);
  const job = await it.reaches(elsewhere, "cancelled");
  assert.deepEqual([job.cancelReason, job.attempts[0]?.outcome], ["no need", "cancelled"]);
});

Deno.test("JobEngine writes chunks soon, keeps their order, and the last ones with the end", async () => {
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit();
  const { run, succeed } = await it.running(id);
  const events: number[] = [];
  const reading = (async () => {
    const { signal } = new AbortController();
    for await (const event of it.store.events(id, 0, { signal })) {
      events.push(event.kind === "chunk" ? event.body[0] ?? -1 : 99);
    }
  })();
  await run.chunk(new Uint8Array([1]));
  await run.chunk(new Uint8Array([2]));
  await it.pass(60, 60);
  await until(() => events.length === 2, "two chunks are there");
  await run.chunk(new Uint8Array([3]));
  succeed();
  await reading;
  assert.deepEqual(events, [1, 2, 3, 99]);
});

Deno.test("JobEngine lets a run wait that sends chunks faster than they are written", async () => {
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit();
  const { run } = await it.running(id);
  let hasRoom = false;
  const sent = run.chunk(new Uint8Array(300_000)).then(() => hasRoom = true);
  await turns();
  assert.equal(hasRoom, false);
  await it.pass(60, 60);
  await sent;
});

Deno.test("JobEngine tells the listeners of a job what becomes of it", async () => {
  await using it = await EngineFixture.open({ size: 1 });
  const [busy = "", id = ""] = await it.submit(2);
  const news: JobNews[] = [];
  using _stop = { [Symbol.dispose]: it.feed.on(id, (it) => void news.push(it)) };
  (await it.running(busy)).succeed();
  const { run, succeed } = await it.running(id);
  run.progress({ step: 1 });
  succeed();
  await it.reaches(id, "completed");
  await turns();
  assert.deepEqual(news, [
    { type: "state", state: "running" },
    { type: "progress", progress: { step: 1 } },
    { type: "state", state: "completed" },
  ]);
});

Deno.test("JobEngine does not run jobs of a kind that it does not know", async () => {
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit(1, { kind: "dance" });
  assert.equal((await it.reaches(id, "discarded")).error?.code, "not_implemented");
});
