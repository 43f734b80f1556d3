/** Tests that the host keeps nothing of calls that their workers have lost. */
import assert from "node:assert/strict";
import { Attempt, Call } from "../../src/pool/calls/mod.ts";
import { startDen } from "../fixtures/host.ts";
import { liveObjects } from "../fixtures/live_objects.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

Deno.test("a worker that dies beside its successor leaves no call in memory", async () => {
  const den = await startDen({ adapter: "chaotic:Chaotic", size: 1 });
  try {
    const [before] = den.workers.list();
    assert.ok(before?.pid);
    const lost = den.execute("nap", { seconds: 60 }).then(() => "well", (error) => error.code);
    await until(() => den.workers.list().some(({ state }) => state === "busy"), "the call runs");
    const recycling = den.pools.recycle();
    await until(
      () => den.workers.list().some(({ pid, state }) => pid !== before.pid && state === "ready"),
      "the successor is ready",
    );
    signalPid(before.pid, "SIGKILL");
    assert.equal(await lost, "worker_crashed");
    await recycling;
    assert.equal(await den.execute("quick", { key: 1 }), 1);
    let left = {};
    await until(
      async () => {
        left = await liveObjects([Call, Attempt]);
        return Object.values(left).every((count) => count === 0);
      },
      "no call to be left",
      { timeoutMs: 10_000 },
    ).catch((cause) => {
      throw new Error(`Left: ${JSON.stringify(left)}`, { cause });
    });
  } finally {
    await den.stop({ drainMs: 0 });
  }
});
