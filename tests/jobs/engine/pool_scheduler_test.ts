import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { until } from "../../fixtures/until.ts";
import { EngineFixture } from "./engine_fixture.ts";

/** More jobs than start in one turn of the event loop. */
const JOBS = 300;

/** Calls `then` when the last job is claimed, and none of that claim has begun. */
function atClaim(it: EngineFixture, ids: readonly string[], then: () => void): void {
  const off = it.feed.on(ids.at(-1) ?? "", () => {
    off();
    then();
  });
}

/** Submits jobs while all workers are busy, so that one claim takes them all. */
async function submitted(it: EngineFixture): Promise<string[]> {
  it.pool.busy = JOBS;
  const ids = await it.submit(JOBS);
  return ids;
}

function free({ pool }: EngineFixture): void {
  pool.busy = 0;
  pool.room.onIdle?.();
}

Deno.test("PoolScheduler starts the jobs of a large claim in order, in several turns", async () => {
  await using it = await EngineFixture.open({ size: JOBS });
  const ids = await submitted(it);
  let inFirstTurn = 0;
  atClaim(it, ids, () => setImmediate(() => inFirstTurn = it.started.length));
  free(it);
  await until(() => it.started.length === JOBS, "all have started");
  assert.deepEqual(it.started, ids);
  assert.ok(inFirstTurn > 0 && inFirstTurn < JOBS, `${inFirstTurn} started in the first turn`);
});

Deno.test("PoolScheduler never runs a job that is cancelled between its claim and its start", async () => {
  await using it = await EngineFixture.open({ size: JOBS });
  const ids = await submitted(it);
  const last = ids.at(-1) ?? "";
  atClaim(it, ids, () => it.engine.stop([last]));
  free(it);
  await it.reaches(last, "cancelled");
  assert.deepEqual(it.started, ids.slice(0, -1));
});

Deno.test("PoolScheduler gives back the jobs that have not started when the engine closes", async () => {
  await using it = await EngineFixture.open({ size: JOBS });
  const ids = await submitted(it);
  const [first = "", last = ""] = [ids[0], ids.at(-1)];
  atClaim(it, ids, () => setImmediate(() => it.engine.close()));
  free(it);
  const job = await it.reaches(last, "available");
  assert.deepEqual([job.attempt, job.attempts.length], [0, 0]);
  assert.ok(!it.started.includes(last));
  assert.equal((await it.get(first)).state, "running");
});

Deno.test("PoolScheduler gives back what a claim has got while its pool was removed", async () => {
  const claimed = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  await using it = await EngineFixture.open({
    seen: (store) =>
      new Proxy(store, {
        get(target, key): unknown {
          if (key === "claim") {
            return async (...request: Parameters<typeof store.claim>) => {
              const claims = await target.claim(...request);
              claimed.resolve();
              await answer.promise;
              return claims;
            };
          }
          const value: unknown = Reflect.get(target, key);
          return typeof value === "function" ? value.bind(target) : value;
        },
      }),
  });
  const [id = ""] = await it.submit();
  await claimed.promise;
  const removed = it.engine.removePool(it.pool);
  answer.resolve();
  await removed;
  const job = await it.reaches(id, "available");
  assert.deepEqual([job.attempt, it.started], [0, []]);
});
