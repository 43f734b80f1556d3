/** The cases of affinity, in their own words, with real workers on both carriers. */
import assert from "node:assert/strict";
import { type CallOptions, type Snakeden, SnakedenError } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { startDen } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

interface Counted {
  readonly session: string;
  readonly count: number;
  readonly pid: number;
}

type PoolOverrides = Parameters<typeof startDen>[0];

const HINT = { sessionId: "s1", affinity: "hint" } as const;
const STRICT = { sessionId: "s1", affinity: "strict_queue" } as const;
const FAIL_FAST = { sessionId: "s1", affinity: "strict_fail_fast" } as const;

function start(carrier: CarrierKind, pool: PoolOverrides = {}): Promise<Snakeden> {
  return startDen({ adapter: "counts_sessions", taintAfter: 0, carrier, ...pool });
}

function count(den: Snakeden, options: CallOptions, seconds = 0): Promise<Counted> {
  return den.execute<Counted>("count", { seconds }, options);
}

/** Keeps the worker of a session busy until the work is done. */
async function whileBusy(den: Snakeden, work: () => Promise<void>): Promise<Counted> {
  const busy = count(den, STRICT, 1.5);
  await until(() => den.pools.get("default").workers.busy === 1, "W1 is busy");
  await work();
  return await busy;
}

async function errorOf(work: Promise<unknown>): Promise<SnakedenError> {
  const error: unknown = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`23. Given session last on W1 idle, when called again (hint), then W1 is used (${carrier})`, async () => {
    await using den = await start(carrier, { size: 3 });
    const { pid } = await count(den, HINT);
    for (let i = 0; i < 5; i++) {
      await count(den, {});
      assert.equal((await count(den, HINT)).pid, pid);
    }
  });

  Deno.test(`24. Given W1 busy and mode hint, then another worker is used at once (${carrier})`, async () => {
    await using den = await start(carrier);
    const { pid } = await count(den, STRICT);
    let other = pid;
    let isOver = false;
    const busy = await whileBusy(den, async () => {
      ({ pid: other } = await count(den, HINT));
      isOver = den.pools.get("default").workers.busy === 0;
    });
    assert.equal(busy.pid, pid);
    assert.notEqual(other, pid);
    assert.ok(!isOver, "W1 is still busy");
  });

  Deno.test(`25. Given W1 busy and strict_queue, then the request waits for W1 even though W2 is idle, and times out in the queue (${carrier})`, async () => {
    await using den = await start(carrier, { pipelineBudgetMs: 0 });
    const { pid } = await count(den, STRICT);
    let waits: Promise<Counted> | undefined;
    await whileBusy(den, async () => {
      const late = await errorOf(count(den, { ...STRICT, timeoutMs: 50 }));
      assert.deepEqual([late.code, late.details.stage], ["deadline_exceeded", "queue"]);
      waits = count(den, STRICT);
      assert.notEqual((await count(den, {})).pid, pid, "W2 is idle");
    });
    assert.equal((await waits)?.pid, pid);
  });

  Deno.test(`26. Given W1 busy and strict_fail_fast, then worker_busy immediately (${carrier})`, async () => {
    await using den = await start(carrier);
    await count(den, STRICT);
    await whileBusy(den, async () => {
      const { code, retryable } = await errorOf(count(den, FAIL_FAST));
      assert.deepEqual([code, retryable], ["worker_busy", true]);
      assert.equal(den.pools.get("default").workers.busy, 1, "W1 is still busy");
    });
    assert.equal((await count(den, FAIL_FAST)).count, 3);
  });

  Deno.test(`27. Given strict mode and W1 gone, then session_worker_unavailable immediately, including requests already queued for it (${carrier})`, async () => {
    await using den = await start(carrier, { pipelineBudgetMs: 0 });
    await count(den, STRICT);
    const dying = errorOf(den.execute("die", {}, STRICT));
    const queued = Array.from({ length: 3 }, () => errorOf(count(den, STRICT)));
    assert.equal((await dying).code, "worker_crashed");
    for (const error of [...await Promise.all(queued), await errorOf(count(den, FAIL_FAST))]) {
      assert.equal(error.code, "session_worker_unavailable");
      assert.equal(error.details.workerEndReason, "killed");
    }
  });

  Deno.test(`29. Given strict affinity and W1 restarted under the same id, then the caller learns that the state was lost (${carrier})`, async () => {
    await using den = await start(carrier, { size: 1 });
    await count(den, STRICT);
    const [old] = den.workers.list();
    assert.ok(old);
    await den.workers.stop(old.id);
    await until(() => den.pools.get("default").workers.ready === 1, "it is restarted");
    assert.equal(den.workers.list()[0]?.id, old.id);
    assert.notEqual(den.workers.list()[0]?.incarnation, old.incarnation);
    const { code, details } = await errorOf(count(den, STRICT));
    assert.deepEqual(
      [code, details.incarnation, details.workerEndReason],
      ["session_worker_unavailable", old.incarnation, "stopped"],
    );
    assert.equal((await count(den, { ...STRICT, rebind: true })).count, 1);
  });

  Deno.test(`31. Given a session with execute in the session "s1", then Python code sees session_id "s1" (${carrier})`, async () => {
    await using den = await start(carrier);
    for (const options of [HINT, STRICT, { sessionId: "s1" }]) {
      assert.equal((await count(den, options)).session, "s1");
    }
    assert.notEqual((await count(den, {})).session, "s1");
  });

  Deno.test(`32. Per-call affinity overrides pool, pool overrides global (${carrier})`, async () => {
    await using den = await start(carrier, { affinity: "strict_fail_fast", pipelineBudgetMs: 0 });
    const { pid } = await count(den, { sessionId: "s1" });
    let waits: Promise<Counted> | undefined;
    await whileBusy(den, async () => {
      assert.equal((await errorOf(count(den, { sessionId: "s1" }))).code, "worker_busy");
      assert.notEqual((await count(den, HINT)).pid, pid);
      waits = count(den, STRICT);
    });
    assert.equal((await waits)?.pid, pid);
  });
}

Deno.test("32. Unknown value of affinity is a config error, or refused with the call, and names the allowed ones", async () => {
  const unknown = "strict" as "hint";
  const config = startDen({ size: 1, affinity: unknown });
  await assert.rejects(config, {
    code: "config_invalid",
    message: /pools\[0\]\.affinity: given "strict"; allowed: hint, strict_queue, strict_fail_fast/,
  });
  await using den = await startDen({ adapter: "counts_sessions", size: 1 });
  await assert.rejects(count(den, { sessionId: "s1", affinity: unknown }), {
    code: "invalid_input",
    message: /affinity: given "strict"; allowed: "hint", "strict_queue" or "strict_fail_fast"/,
  });
  // Without a session, there is nothing to keep to.
  await assert.rejects(count(den, { affinity: "strict_queue" }), {
    code: "invalid_input",
    message: /affinity: given "strict_queue" without a sessionId/,
  });
});
