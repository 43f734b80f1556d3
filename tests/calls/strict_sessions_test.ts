/** Tests strict sessions over several runs of a host: real sessions and pools, fake workers. */
import assert from "node:assert/strict";
import { type CallOptions, Calls, StrictSessions } from "../../src/calls/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { SnakedenError } from "../../src/errors.ts";
import { Sessions } from "../../src/sessions/mod.ts";
import { memoryStore, type SessionStore, type Store } from "../../src/store/mod.ts";
import { ToolRegistry } from "../../src/tools/mod.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { FakePool, type FakePoolOptions } from "../fixtures/fakes/fake_pool.ts";
import { FakePools } from "../fixtures/fakes/fake_pools.ts";
import { nextTurn } from "../fixtures/until.ts";

const STRICT = { sessionId: "s", affinity: "strict_queue" } as const;

interface Run extends AsyncDisposable {
  readonly sessions: Sessions;
  readonly calls: Calls;
  readonly fake: FakePool;
}

/** Starts a run of the host on a store. */
async function startRun(
  store: Store,
  options: FakePoolOptions = {},
  deps: { readonly clock?: FakeClock } = {},
): Promise<Run> {
  const stack = new AsyncDisposableStack();
  const fake = await FakePool.start({ name: "default", size: 2, ...options }, {}, deps);
  const fakes = stack.use(new FakePools([fake]));
  const later: { strict?: StrictSessions } = {};
  const sessions: Sessions = stack.use(
    new Sessions({
      store,
      config: parseConfig({}).sessions,
      maxDepth: 8,
      onOpened: (id) => later.strict?.opened(id),
      onEnded: (ids) => {
        later.strict?.ended(ids);
        for (const id of ids) fake.pool.sessions.forget(id);
      },
      workerOf: (id, boundIn) => later.strict?.workerOf(id, boundIn),
    }),
  );
  const strict = later.strict = new StrictSessions(sessions, fakes.byName);
  const limits = { maxDepth: 8, streamWindowBytes: 1_000 };
  const tools = new ToolRegistry(fakes.byName);
  const calls = new Calls({ limits, tools, policies: undefined, strict });
  return { sessions, calls, fake, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Opens a store, which outlives the runs, and counts the writes of `bind`. */
function openStore(): Store & { binds: number } {
  const store = Object.assign(memoryStore(), { binds: 0 });
  store.report = () => Promise.resolve({ state: "open", setAside: [] });
  const bind = store.sessions.bind.bind(store.sessions);
  store.sessions.bind = (...args) => {
    store.binds++;
    return bind(...args);
  };
  return store;
}

/** Calls a tool, and returns its worker. */
async function call({ calls }: Run, options: CallOptions = STRICT): Promise<string> {
  return (await calls.call("echo", {}, options)).workerId;
}

async function errorOf(promise: Promise<unknown>): Promise<SnakedenError> {
  const error: unknown = await promise.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

Deno.test("StrictSessions: a session that was bound in a run before is lost until a call says rebind", async () => {
  await using store = openStore();
  {
    await using run = await startRun(store);
    await run.sessions.open("s");
    await call(run);
  }
  await using run = await startRun(store);
  const lost = { pool: "default", workerEnd: "ended with its host, which has started again since" };
  assert.deepEqual((await run.sessions.get("s")).worker, lost);
  for (const affinity of ["strict_queue", "strict_fail_fast", "strict_queue"] as const) {
    const error = await errorOf(call(run, { sessionId: "s", affinity }));
    assert.equal(error.code, "session_worker_unavailable");
    assert.match(
      error.message,
      /^Cannot call echo: the worker of the session s ended with its host, which has started again/,
    );
    const { workerEnd } = lost;
    assert.deepEqual(error.details, {
      sessionId: "s",
      workerEnd,
      workerEndReason: "host_ended",
      mayHaveRun: false,
    });
  }
  const stream = run.calls.stream("echo", {}, STRICT);
  assert.equal((await errorOf(Array.fromAsync(stream))).code, "session_worker_unavailable");
  assert.deepEqual((await run.sessions.get("s")).worker, lost);
  // Calls with a hint promise nothing, and change nothing.
  await call(run, { sessionId: "s", affinity: "hint" });
  assert.equal((await errorOf(call(run))).code, "session_worker_unavailable");
  const workerId = await call(run, { ...STRICT, rebind: true });
  assert.equal(await call(run), workerId);
  const { worker } = await run.sessions.get("s");
  assert.deepEqual([worker?.workerId, worker?.workerEnd], [workerId, undefined]);
  assert.equal(store.binds, 1);
});

Deno.test("StrictSessions: the first calls of a lost session are refused, also those that come at once and by hint before", async () => {
  await using store = openStore();
  {
    await using run = await startRun(store);
    await run.sessions.open("s");
    await call(run);
  }
  await using run = await startRun(store);
  await call(run, { sessionId: "s" });
  const errors = await Promise.all([1, 2, 3].map(() => errorOf(call(run))));
  assert.deepEqual(
    new Set(errors.map(({ code }) => code)),
    new Set(["session_worker_unavailable"]),
  );
});

Deno.test("StrictSessions: a rebind that did not run leaves the session lost, also for the next run", async () => {
  await using store = openStore();
  {
    await using run = await startRun(store);
    await run.sessions.open("s");
    await call(run);
  }
  await using run = await startRun(store);
  const leaving = new AbortController();
  const held = [1, 2].map(() => run.calls.call("hold", {}, {}));
  held.forEach((it) => it.catch(() => {}));
  const left = run.calls.call("echo", {}, { ...STRICT, rebind: true, signal: leaving.signal });
  left.catch(() => {});
  await nextTurn();
  leaving.abort();
  await assert.rejects(left, { name: "AbortError" });
  assert.equal((await errorOf(call(run))).code, "session_worker_unavailable");
  for (const worker of run.fake.launcher.alive) worker.answer();
  await Promise.all(held);
});

Deno.test("StrictSessions: the note is durable before the first call is sent, and made once", async () => {
  await using store = openStore();
  await using run = await startRun(store);
  await run.sessions.open("s");
  const gate = Promise.withResolvers<void>();
  const bind = store.sessions.bind;
  store.sessions.bind = async (...args) => {
    await gate.promise;
    return await bind(...args);
  };
  const first = [call(run), call(run)];
  await nextTurn();
  assert.equal(run.fake.pool.stats.requests, 0);
  gate.resolve();
  const [a, b] = await Promise.all(first);
  assert.equal(a, b);
  for (let i = 0; i < 5; i++) assert.equal(await call(run), a);
  assert.equal(store.binds, 1);
});

Deno.test("StrictSessions: a call waits for the note within its deadline, and only while its caller does", async () => {
  await using store = openStore();
  await using run = await startRun(store);
  await run.sessions.open("s");
  const gate = Promise.withResolvers<boolean>();
  store.sessions.bind = () => gate.promise;
  const late = await errorOf(call(run, { ...STRICT, timeoutMs: 5 }));
  assert.deepEqual([late.code, late.details.stage], ["deadline_exceeded", "queue"]);
  const leaving = new AbortController();
  const left = call(run, { ...STRICT, signal: leaving.signal });
  leaving.abort();
  await assert.rejects(left, { name: "AbortError" });
  assert.equal(run.fake.pool.stats.requests, 0);
  gate.resolve(true);
  await call(run);
});

Deno.test("StrictSessions: no call is sent while the store cannot note it, and a later one tries again", async () => {
  await using store = openStore();
  {
    await using run = await startRun(store);
    await run.sessions.open("s");
    const bind = store.sessions.bind;
    store.sessions.bind = () =>
      Promise.reject(new SnakedenError("store_failed", "Cannot bind", { retryable: true }));
    assert.equal((await errorOf(call(run))).code, "store_failed");
    assert.equal((await errorOf(call(run))).code, "store_failed");
    assert.equal(run.fake.pool.stats.requests, 0);
    store.sessions.bind = bind;
    await call(run);
  }
  await using run = await startRun(store);
  assert.equal((await errorOf(call(run))).code, "session_worker_unavailable");
});

Deno.test("StrictSessions: a write that was made although it failed is no loss", async () => {
  await using store = openStore();
  await using run = await startRun(store);
  await run.sessions.open("s");
  const bind = store.sessions.bind;
  store.sessions.bind = async (...args) => {
    store.sessions.bind = bind;
    await bind(...args);
    throw new SnakedenError("store_failed", "Cannot bind", { retryable: true });
  };
  assert.equal((await errorOf(call(run))).code, "store_failed");
  await call(run);
});

Deno.test("StrictSessions: a session that was deleted and opened again has lost nothing", async () => {
  await using store = openStore();
  {
    await using run = await startRun(store);
    await run.sessions.open("s");
    await call(run);
  }
  await using run = await startRun(store);
  assert.equal((await errorOf(call(run))).code, "session_worker_unavailable");
  await run.sessions.delete("s");
  await run.sessions.open("s");
  await call(run);
  assert.equal(store.binds, 2);
});

Deno.test("StrictSessions: a session that is not open is asked for once, and not remembered by the store", async () => {
  await using store = openStore();
  let reads = 0;
  const read: SessionStore["read"] = store.sessions.read.bind(store.sessions);
  store.sessions.read = (id) => {
    reads++;
    return read(id);
  };
  {
    await using run = await startRun(store);
    for (const sessionId of ["s", "t"]) {
      const worker = await call(run, { ...STRICT, sessionId });
      for (let i = 0; i < 5; i++) assert.equal(await call(run, { ...STRICT, sessionId }), worker);
    }
    assert.deepEqual([reads, store.binds], [2, 0]);
    // Once it is open, its next strict call is noted; its worker stays.
    const { workerId } = run.fake.pool.sessions.workerOf("s") ?? {};
    await run.sessions.open("s");
    assert.equal(await call(run), workerId);
    assert.equal(store.binds, 1);
  }
  await using run = await startRun(store);
  assert.equal((await errorOf(call(run))).code, "session_worker_unavailable");
  await call(run, { ...STRICT, sessionId: "t" });
});

Deno.test("StrictSessions: an open session keeps its worker longer than affinityTtlMs, until it ends", async () => {
  await using store = openStore();
  const clock = new FakeClock();
  await using run = await startRun(store, { affinityTtlMs: 10 }, { clock });
  const { pool } = run.fake;
  await run.sessions.open("s");
  const workerId = await call(run);
  await call(run, { ...STRICT, sessionId: "never-opened" });
  clock.advance(1_000);
  assert.equal(pool.sessions.workerOf("s")?.workerId, workerId);
  assert.equal(pool.sessions.workerOf("never-opened"), undefined);
  await call(run, { ...STRICT, sessionId: "another" });
  assert.equal(pool.sessions.workerOf("s")?.workerId, workerId);
  await run.sessions.delete("s");
  assert.equal(pool.sessions.workerOf("s"), undefined);
});

Deno.test("StrictSessions: a pool that has no room for a lost session refuses it as well", async () => {
  await using store = openStore();
  {
    await using run = await startRun(store);
    await run.sessions.open("s");
    await call(run);
  }
  await using run = await startRun(store, { affinityLimit: 1 });
  await call(run, { ...STRICT, sessionId: "other" });
  for (let i = 0; i < 2; i++) {
    assert.equal((await errorOf(call(run))).code, "session_quota_exceeded");
  }
  run.fake.pool.sessions.forget("other");
  assert.equal((await errorOf(call(run))).code, "session_worker_unavailable");
});

Deno.test("StrictSessions: Pools.forgetSession() lets an open session start anew in this run", async () => {
  await using store = openStore();
  await using run = await startRun(store);
  const session = await run.sessions.open("s");
  await call(run);
  run.fake.pool.sessions.forget("s");
  assert.equal(session.worker, undefined);
  await call(run);
  assert.equal(store.binds, 1);
});

Deno.test("StrictSessions: a session that is opened while the store answers that it is not open is noted", async () => {
  await using store = openStore();
  const open = store.sessions.open.bind(store.sessions);
  const read = store.sessions.read.bind(store.sessions);
  {
    await using run = await startRun(store);
    const [opens, reads] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    store.sessions.open = (...args) => opens.promise.then(() => open(...args));
    const opened = run.sessions.open("s");
    await nextTurn();
    store.sessions.read = async (id) => {
      const row = await read(id);
      await reads.promise;
      return row;
    };
    const called = call(run);
    await nextTurn();
    opens.resolve();
    await opened;
    store.sessions.read = read;
    reads.resolve();
    await called;
  }
  await using run = await startRun(store);
  assert.equal((await errorOf(call(run))).code, "session_worker_unavailable");
});
