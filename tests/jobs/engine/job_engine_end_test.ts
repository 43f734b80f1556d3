import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import type { End, EndAnswer, JobStore } from "../../../src/store/mod.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { until } from "../../fixtures/until.ts";
import { EngineFixture, LEASE_MS, type TestStore, turns } from "./engine_fixture.ts";

/** A store whose operations fail while `isDown`. */
class ShakyStore {
  isDown = false;
  finishes: number[] = [];

  /** Returns the store as an engine sees it. */
  readonly over = (store: TestStore): JobStore => {
    const guard =
      <A extends unknown[], R>(name: string, work: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        if (this.isDown) {
          throw new SnakedenError("store_failed", `cannot ${name}: the disk is full`);
        }
        return await work(...args);
      };
    const guarded = {
      claim: guard("claim", store.claim.bind(store)),
      extend: guard("extend", store.extend.bind(store)),
      sweep: guard("sweep", store.sweep.bind(store)),
      finish: guard("finish", (ends: readonly End[]): Promise<readonly EndAnswer[]> => {
        this.finishes.push(ends.length);
        return store.finish(ends);
      }),
    };
    return new Proxy(store, {
      get: (target, key) => {
        const found = Reflect.get(guarded, key) ?? Reflect.get(target, key);
        return typeof found === "function" ? found.bind(target) : found;
      },
    });
  };
}

Deno.test("JobEngine writes the ends of one turn together", async () => {
  const shaky = new ShakyStore();
  await using it = await EngineFixture.open({ size: 8, seen: shaky.over });
  const ids = await it.submit(8);
  for (const id of ids) await it.running(id);
  for (const run of [...it.held.values()]) run.succeed();
  for (const id of ids) await it.reaches(id, "completed");
  assert.deepEqual(shaky.finishes, [8]);
});

Deno.test("JobEngine keeps outcomes while the store cannot be written, and writes them then", async () => {
  const shaky = new ShakyStore();
  await using it = await EngineFixture.open({ seen: shaky.over });
  const [first = "", second = ""] = await it.submit(2);
  const runs = [await it.running(first), await it.running(second)];
  shaky.isDown = true;
  runs[0]?.succeed(new Uint8Array([1]));
  runs[1]?.fail(new SnakedenError("worker_crashed", "it died"));
  await it.pass(5_000);
  assert.equal((await it.get(first)).state, "running");
  shaky.isDown = false;
  await it.pass(2_500);
  await it.reaches(first, "completed");
  assert.equal((await it.get(second)).attempts[0]?.error?.code, "worker_crashed");
  assert.deepEqual(it.started.filter((id) => id === first), [first]);
});

Deno.test("JobEngine gives an outcome up when the lease has ended, and the job runs again", async () => {
  const shaky = new ShakyStore();
  await using it = await EngineFixture.open({ seen: shaky.over });
  const [id = ""] = await it.submit();
  const run = await it.running(id);
  shaky.isDown = true;
  run.succeed();
  await it.pass(LEASE_MS + 1_000);
  // Before the engine writes the outcome again, which would count until somebody takes the job.
  await it.store.sweep();
  shaky.isDown = false;
  await it.pass(6_000);
  await it.running(id);
  const { attempts, attempt } = await it.get(id);
  assert.deepEqual([attempt, attempts.map(({ outcome }) => outcome)], [2, ["lost"]]);
});

Deno.test("JobEngine stops what it runs before its lease ends, if the store does not answer", async () => {
  await using log = new LogSink();
  const shaky = new ShakyStore();
  await using it = await EngineFixture.open({ seen: shaky.over });
  const [id = ""] = await it.submit();
  const { run } = await it.running(id);
  shaky.isDown = true;
  await it.pass(LEASE_MS * 0.8);
  assert.equal(run.signal.aborted, false);
  await it.pass(LEASE_MS * 0.2);
  assert.equal((run.signal.reason as SnakedenError).code, "host_lost");
  const stopped = /stopped 1 jobs whose leases have ended: the store does not answer/g;
  assert.equal((await log.text()).match(stopped)?.length, 1);
});

Deno.test("JobEngine stops what it runs before its lease ends, if the store is silent", async () => {
  const silence = Promise.withResolvers<never>();
  silence.promise.catch(() => {});
  await using it = await EngineFixture.open({
    seen: (store) =>
      new Proxy(store, {
        get: (target, key) => {
          if (key === "extend") return () => silence.promise;
          const found = Reflect.get(target, key);
          return typeof found === "function" ? found.bind(target) : found;
        },
      }),
  });
  const [id = ""] = await it.submit();
  const { run } = await it.running(id);
  await it.pass(LEASE_MS * 0.8);
  assert.equal(run.signal.aborted, false);
  await it.pass(LEASE_MS * 0.2 - 500);
  assert.equal((run.signal.reason as SnakedenError).code, "host_lost");
  silence.reject(new Error("the test is over"));
});

Deno.test("JobEngine sweeps each second, and until nothing is left to do", async () => {
  await using it = await EngineFixture.open({ size: 1 });
  const [busy = ""] = await it.submit();
  await it.running(busy);
  const [late = ""] = await it.submit(1, { ttlMs: 500 });
  const states: unknown[] = [];
  using _stop = {
    [Symbol.dispose]: it.feed.on(late, (news) => void states.push(news)),
  };
  await it.pass(1_500);
  assert.equal((await it.reaches(late, "discarded")).error?.code, "job_expired");
  assert.deepEqual(states, [{ type: "state", state: "discarded" }]);
});

Deno.test("JobEngine takes back the jobs of dead hosts at once, when their work has ended", async () => {
  // It has no workers, and stands for the store alone.
  await using dead = await EngineFixture.open({ size: 0 });
  const [id = ""] = await dead.submit();
  const pools = [{ pool: "p", slots: 1 }];
  await dead.store.claim({ pools, holder: "dead", leaseMs: LEASE_MS, waitMs: 0 });
  const ended = Promise.withResolvers<void>();
  await using it = await EngineFixture.open({
    store: dead.store,
    clock: dead.clock,
    othersEnded: ended.promise,
  });
  await turns();
  assert.deepEqual(it.started, []);
  ended.resolve();
  await it.running(id);
  const { attempt, attempts, holder } = await it.get(id);
  assert.deepEqual([attempt, attempts.map(({ outcome }) => outcome), holder], [
    2,
    ["lost"],
    "here",
  ]);
});

Deno.test("JobEngine claims nothing ahead for a while after a host has died", async () => {
  // It has no workers, and stands for the store alone.
  await using dead = await EngineFixture.open({ size: 0 });
  await dead.submit(8);
  const pools = [{ pool: "p", slots: 1 }];
  await dead.store.claim({ pools, holder: "dead", leaseMs: LEASE_MS, waitMs: 0 });
  const { store, clock } = dead;
  const othersEnded = Promise.resolve();
  await using it = await EngineFixture.open({ size: 1, store, clock, othersEnded });
  it.runMs = 0.1;
  for (let i = 0; i < 3; i++) {
    await until(() => it.held.size === 1, "one runs");
    for (const run of [...it.held.values()]) run.succeed();
    await turns();
  }
  const [fourth = ""] = await until(() => it.held.size === 1 && [...it.held.keys()], "one runs");
  await it.pass(9_000, 500);
  assert.equal(it.held.size, 1);
  await it.pass(1_500);
  it.held.get(fourth)?.succeed();
  await until(() => it.held.size === 4, "the rest is claimed ahead");
});

Deno.test("JobEngine returns what it runs when it is disposed, which costs no attempt", async () => {
  const it = await EngineFixture.open({ size: 1 });
  const [id = "", waiting = ""] = await it.submit(2);
  const { run } = await it.running(id);
  await it.engine[Symbol.asyncDispose]();
  assert.equal((run.signal.reason as SnakedenError).code, "shutting_down");
  const { state, attempt, attempts } = await it.get(id);
  assert.deepEqual([state, attempt, attempts.map(({ outcome }) => outcome)], [
    "available",
    0,
    ["returned"],
  ]);
  assert.deepEqual(it.started, [id]);
  assert.equal((await it.get(waiting)).state, "available");
  // Nothing is left that would run on.
  assert.equal(it.clock.pending, 0);
  await it[Symbol.asyncDispose]();
});

Deno.test("JobEngine lets what it runs end while it is closing, and begins nothing", async () => {
  await using it = await EngineFixture.open({ size: 2 });
  const [id = "", failing = "", waiting = ""] = await it.submit(3);
  const [first, second] = [await it.running(id), await it.running(failing)];
  it.engine.close();
  first.succeed();
  // Whatever goes wrong while the host stops may be because it stops.
  second.fail(new SnakedenError("worker_crashed", "it died"));
  await it.reaches(id, "completed");
  await it.reaches(failing, "available");
  await turns();
  assert.equal((await it.get(waiting)).state, "available");
  assert.deepEqual(it.started, [id, failing]);
});

Deno.test("JobEngine can be disposed at once, twice, and while a claim waits", async () => {
  await using it = await EngineFixture.open();
  await Promise.all([it.engine[Symbol.asyncDispose](), it.engine[Symbol.asyncDispose]()]);
  assert.equal(it.clock.pending, 0);
  const [id = ""] = await it.submit();
  await turns();
  assert.equal((await it.get(id)).state, "available");
});

Deno.test("JobEngine goes on to claim after the store has failed", async () => {
  const shaky = new ShakyStore();
  await using it = await EngineFixture.open({ size: 1, seen: shaky.over });
  const [busy = "", id = ""] = await it.submit(2);
  const run = await it.running(busy);
  shaky.isDown = true;
  run.succeed();
  await it.pass(3_000);
  shaky.isDown = false;
  await it.pass(5_500);
  await until(() => it.held.get(id), "the next job runs");
});

Deno.test("JobEngine keeps its jobs when the host has slept beyond their leases, and nobody took them", async () => {
  await using it = await EngineFixture.open();
  const [id = ""] = await it.submit();
  const { run, succeed } = await it.running(id);
  // All timers ring late, and at once.
  it.clock.sleep(3 * LEASE_MS);
  await turns();
  await it.pass(1_000);
  assert.equal(run.signal.aborted, false);
  succeed();
  const { attempts } = await it.reaches(id, "completed");
  assert.equal(attempts.length, 1);
});

Deno.test("JobEngine asks a pool again for a tool that it lacks, at no cost, but not for one of a session", async () => {
  await using log = new LogSink();
  await using it = await EngineFixture.open();
  it.refusal = new SnakedenError("unknown_tool", "There is no such tool");
  const [id = ""] = await it.submit(1, { maxAttempts: 1 });
  const [own = ""] = await it.submit(1, { options: { sessionId: "s" } });
  assert.equal((await it.reaches(own, "discarded")).error?.code, "unknown_tool");
  const { error, attempt, attempts } = await it.reaches(id, "retryable");
  assert.deepEqual([error?.code, attempt, attempts], ["unknown_tool", 0, []]);
  await it.pass(6_500);
  assert.equal(it.started.filter((started) => started === id).length, 3, "the pauses grow");
  const told = /a job cannot begin, and is tried again and again, at first in 1000 ms/g;
  assert.equal((await log.text()).match(told)?.length, 1);
  it.refusal = undefined;
  await it.pass(60_000, 1_000);
  (await it.running(id)).succeed();
  assert.equal((await it.reaches(id, "completed")).attempt, 1);
});
