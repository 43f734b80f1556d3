import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Alarms } from "../../../src/async/mod.ts";
import { SnakedenError } from "../../../src/errors.ts";
import { Part, type RunBulk } from "../../../src/jobs/batches/part.ts";
import type { CallWork } from "../../../src/pool/mod.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";

/** A pool that keeps what is sent to it. */
function pool(): {
  readonly bulk: RunBulk;
  readonly calls: {
    readonly priority: number;
    readonly end: () => void;
    readonly send: () => CallWork;
  }[];
} {
  const calls: ReturnType<typeof pool>["calls"] = [];
  const bulk: RunBulk = (_args, { signal, onSent }, priority) => {
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<RunBulk>>>();
    signal?.addEventListener("abort", { handleEvent: () => reject(signal.reason) }, { once: true });
    calls.push({
      priority,
      end: () => resolve({ runMs: 1 } as Awaited<ReturnType<RunBulk>>),
      send: () => {
        const work = { workerId: "w", wasSkipped: false, onOver: undefined } as unknown as CallWork;
        onSent?.(work);
        return work;
      },
    });
    return promise;
  };
  return { bulk, calls };
}

const WATCH = { onOutcomes: () => {}, onSent: () => {} };

Deno.test("a part that finds no worker for a second waits like a call from then on", async () => {
  const clock = new FakeClock();
  const { bulk, calls } = pool();
  const running = new Part().run([], WATCH, { bulk, alarms: new Alarms(clock) });
  clock.advance(999);
  assert.deepEqual(calls.map(({ priority }) => priority), [-1]);
  clock.advance(1);
  await nextTurn();
  assert.deepEqual(calls.map(({ priority }) => priority), [-1, 0]);
  calls[1]?.end();
  assert.equal((await running).runMs, 1);
});

Deno.test("a part that a worker has is not sent again, unless the worker gives it back", async () => {
  const clock = new FakeClock();
  const { bulk, calls } = pool();
  const running = new Part().run([], WATCH, { bulk, alarms: new Alarms(clock) });
  const work = calls[0]?.send();
  clock.advance(60_000);
  assert.equal(calls.length, 1);
  Object.assign(work ?? {}, { wasSkipped: true });
  work?.onOver?.();
  clock.advance(1_000);
  await nextTurn();
  assert.deepEqual(calls.map(({ priority }) => priority), [-1, 0]);
  calls[1]?.end();
  await running;
});

Deno.test("a part that is stopped rejects with the reason, while it waits and when it is starved", async () => {
  const reason = new SnakedenError("cancelled", "enough");
  for (const ms of [0, 1_000]) {
    const clock = new FakeClock();
    const { bulk, calls } = pool();
    const part = new Part();
    const running = part.run([], WATCH, { bulk, alarms: new Alarms(clock) });
    clock.advance(ms);
    part.stop(reason);
    await assert.rejects(running, reason);
    assert.equal(calls.length, 1);
  }
});
