/** Pools that are added to a running host, and removed from it. */
import assert from "node:assert/strict";
import { SnakedenError } from "../../mod.ts";
import { ADAPTERS, startDen, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

Deno.test("Snakeden.pools.add() starts a pool that takes calls by its name and by its tools", async () => {
  await using den = await startDen({ size: 1 });
  const added = await den.pools.add({
    name: "more",
    size: 2,
    adapter: "stays_busy",
    modulePaths: [ADAPTERS],
  });
  assert.equal(added.name, "more");
  assert.equal(added.state, "ready");
  assert.deepEqual(den.pools.list().map(({ name }) => name), ["default", "more"]);
  const pid = await den.execute<number>("pid");
  assert.ok(den.workers.list().some((it) => it.pool === "more" && it.pid === pid));
  assert.ok(await den.execute<number>("pid", {}, { pool: "more" }) > 0);
  const { ready, pools } = await den.health.ready();
  assert.deepEqual([ready, Object.keys(pools)], [true, ["default", "more"]]);
});

Deno.test("Snakeden.pools.add() names every problem of the pool, and leaves nothing of one that fails", async () => {
  await using den = await startDen({ size: 1 });
  const before = workersOf({ runId: den.runId }).length;
  const wrong = den.pools.add({ name: "More", size: 0, queueLimit: -1 });
  await assert.rejects(wrong, (error: unknown) => {
    assert.ok(error instanceof SnakedenError);
    assert.equal(error.code, "invalid_input");
    assert.match(error.message, /^Cannot add the pool: /);
    assert.match(error.message, /size: given 0; allowed: a whole number from 1 to 256/);
    assert.match(error.message, /queueLimit: given -1/);
    return true;
  });
  await assert.rejects(den.pools.add({ name: "default" }), {
    code: "pool_exists",
    message: /there is a pool of this name/,
  });
  await assert.rejects(
    den.pools.add({ name: "broken", size: 2, adapter: "no_such_module_at_all" }),
    { code: "worker_start_failed", message: /Cannot use the pool broken.*no_such_module_at_all/ },
  );
  assert.deepEqual(den.pools.list().map(({ name }) => name), ["default"]);
  assert.equal(workersOf({ runId: den.runId }).length, before);
  await assert.rejects(den.execute("ping", {}, { pool: "broken" }), { code: "unknown_pool" });
  // The name is free.
  assert.equal((await den.pools.add({ name: "broken", size: 1 })).state, "ready");
});

Deno.test("Two Snakeden.pools.add() of one name at once add one pool", async () => {
  await using den = await startDen({ size: 1 });
  const results = await Promise.allSettled(
    [1, 2].map(() => den.pools.add({ name: "twice", size: 1 })),
  );
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected"]);
  assert.equal((results[1] as PromiseRejectedResult).reason.code, "pool_exists");
  assert.equal(workersOf({ runId: den.runId }).length, 2);
});

Deno.test("Snakeden.pools.add() is given up by its signal, and by the end of the host", async () => {
  const den = await startDen({ size: 1 });
  const leaving = new AbortController();
  const hangs = { name: "hangs", size: 1, adapter: "never_says_hello", modulePaths: [ADAPTERS] };
  const first = den.pools.add(hangs, { signal: leaving.signal });
  await until(() => workersOf({ runId: den.runId }).length > 1, "its worker");
  leaving.abort(new Error("no longer needed"));
  await assert.rejects(first, { message: "no longer needed" });
  assert.equal(workersOf({ runId: den.runId }).length, 1);
  const second = den.pools.add(hangs);
  second.catch(() => {});
  await until(() => workersOf({ runId: den.runId }).length > 1, "its worker");
  await den.stop();
  await assert.rejects(second, { code: "shutting_down" });
  assert.deepEqual(workersOf({ runId: den.runId }), []);
  await assert.rejects(den.pools.add({ name: "late" }), { code: "shutting_down" });
});

Deno.test("Snakeden.pools.remove() lets running calls finish, and refuses those that wait", async () => {
  await using den = await startDen({ size: 1 }, {
    pools: [
      { name: "default", size: 1, modulePaths: [ADAPTERS] },
      { name: "gone", size: 1, modulePaths: [ADAPTERS] },
    ],
  });
  const running = den.execute("sleep", { seconds: 0.5 }, { pool: "gone" });
  await until(() => den.pools.get("gone").workers.busy === 1, "the call to run");
  const waiting = den.execute("ping", {}, { pool: "gone" });
  waiting.catch(() => {});
  await until(() => den.pools.get("gone").queued === 1, "the call to wait");
  const removal = den.pools.remove("gone", { drainMs: 10_000 });
  await assert.rejects(waiting, {
    code: "shutting_down",
    message: "Cannot call ping: the pool gone was removed",
  });
  await assert.rejects(den.execute("ping", {}, { pool: "gone" }), { code: "unknown_pool" });
  // Its worker is shown until it is gone.
  assert.ok(den.workers.list().some(({ pool }) => pool === "gone"));
  await running;
  await removal;
  assert.deepEqual(den.workers.list().map(({ pool }) => pool), ["default"]);
  await assert.rejects(den.pools.remove("gone"), { code: "unknown_pool" });
  assert.equal(workersOf({ runId: den.runId }).length, 1);
});

Deno.test("A second Snakeden.pools.remove() during the drain joins the first, or ends it at once", async () => {
  await using den = await startDen({ size: 1 });
  await den.pools.add({ name: "gone", size: 1 });
  const running = den.execute("sleep", { seconds: 60 }, { pool: "gone" });
  running.catch(() => {});
  await until(() => den.pools.get("gone").workers.busy === 1, "the call to run");
  const first = den.pools.remove("gone", { drainMs: 60_000 });
  const second = den.pools.remove("gone");
  await den.pools.remove("gone", { drainMs: 0 });
  await Promise.all([first, second]);
  // It is stopped if the drain has not begun yet; otherwise its worker is killed.
  await assert.rejects(running, { code: /^(shutting_down|worker_crashed)$/ });
  assert.equal(workersOf({ runId: den.runId }).length, 1);
});

Deno.test("Snakeden.pools.remove() refuses a wrong drainMs and an unknown pool", async () => {
  await using den = await startDen({ size: 1 });
  for (const drainMs of [-1, 0.5, Infinity, 1e12]) {
    await assert.rejects(den.pools.remove("default", { drainMs }), {
      code: "invalid_input",
      message: /drainMs: given .*; allowed: a whole number from 0 to 86400000/,
    });
  }
  await assert.rejects(den.pools.remove("defualt"), {
    code: "unknown_pool",
    message: /did you mean "?default/,
  });
  assert.equal(den.pools.get("default").state, "ready");
});

Deno.test("A pool that comes again with its name serves no strict session of the one before blankly", async () => {
  await using den = await startDen({ size: 1 });
  const pool = { name: "kept", size: 1, modulePaths: [ADAPTERS] };
  await den.pools.add(pool);
  await den.sessions.open("s1");
  const strict = { pool: "kept", sessionId: "s1", affinity: "strict_queue" } as const;
  await den.execute("ping", {}, strict);
  await den.pools.remove("kept");
  await den.pools.add(pool);
  await assert.rejects(den.execute("ping", {}, strict), {
    code: "session_worker_unavailable",
    message: /removed or replaced/,
  });
});

Deno.test("Jobs of a removed pool wait for one of its name, and run when it comes", async () => {
  await using den = await startDen({ size: 1 });
  await den.pools.add({ name: "later", size: 1 });
  const running = await den.jobs.submit({
    kind: "call",
    pool: "later",
    tool: "sleep",
    args: { seconds: 60 },
  });
  await until(() => den.pools.get("later").workers.busy === 1, "the job to run");
  const waiting = await den.jobs.submit({ kind: "call", pool: "later", tool: "ping" });
  await den.pools.remove("later", { drainMs: 0 });
  // The one that ran was cut off, which costs no attempt. The store may hear of it a moment later.
  await until(async () => (await den.jobs.get(running.id)).state === "available", "its return");
  assert.equal((await den.jobs.get(running.id)).attempt, 0);
  const { waitingFor } = await den.jobs.get(waiting.id);
  assert.deepEqual(waitingFor, {
    reason: "pool",
    pool: "later",
    detail: "there is no pool later",
  });
  await den.jobs.cancel(running.id);
  await den.pools.add({ name: "later", size: 1 });
  await until(async () => (await den.jobs.get(waiting.id)).state === "completed", "the job");
});

Deno.test("A batch whose pool is removed between two of its parts waits for one of its name, and goes on there", async () => {
  await using den = await startDen({ size: 1 });
  await den.pools.add({ name: "later", size: 1 });
  const { id } = await den.jobs.submit({
    kind: "batch",
    pool: "later",
    tool: "sleep",
    inputs: Array.from({ length: 20 }, () => ({ seconds: 0.1 })),
    window: 1,
    maxAttempts: 1,
  });
  await until(() => den.pools.get("later").workers.busy === 1, "a part to run");
  await den.pools.remove("later");
  const job = await until(async () => {
    const found = await den.jobs.get(id);
    return found.state === "running" ? undefined : found;
  }, "the batch to be back");
  assert.deepEqual([job.state, job.attempt, job.error], ["available", 0, undefined]);
  await den.pools.add({ name: "later", size: 1 });
  await until(async () => (await den.jobs.get(id)).state === "completed", "the batch");
});

Deno.test("24 pools are added and removed, and leave no process", async () => {
  await using den = await startDen({ size: 1 });
  for (let i = 0; i < 6; i++) {
    const names = [0, 1, 2, 3].map((k) => `p${i}-${k}`);
    await Promise.all(names.map((name) => den.pools.add({ name, size: 1 })));
    await Promise.all(names.map((name) => den.execute("ping", {}, { pool: name })));
    await Promise.all(names.map((name) => den.pools.remove(name)));
  }
  assert.equal(workersOf({ runId: den.runId }).length, 1);
  assert.deepEqual(den.pools.list().map(({ name }) => name), ["default"]);
});
