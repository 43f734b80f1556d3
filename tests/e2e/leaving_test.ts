/** Tests workers with a slow teardown() that get a stop signal from outside. */
import assert from "node:assert/strict";
import type { Snakeden } from "../../mod.ts";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { createApp } from "../../src/routes/mod.ts";
import { isAlive, startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until, untilText } from "../fixtures/until.ts";

async function start(carrier: CarrierKind, teardownSeconds = 600): Promise<Snakeden> {
  return await startDen({
    adapter: "slow_teardown:SlowTeardown",
    carrier,
    drainMs: 1_000,
    env: { SLOW_TEARDOWN_SECONDS: String(teardownSeconds) },
  });
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Snakeden replaces workers that all get SIGTERM while they tear down, and its pool is not ready meanwhile (${carrier})`, async () => {
    await using den = await start(carrier);
    const app = createApp(den, { version: "test" });
    const readyz = async (): Promise<number> => (await app.request("/readyz")).status;
    const old = workersOf(den);
    assert.deepEqual([old.length, await readyz()], [2, 200]);
    for (const pid of old) signalPid(pid, "SIGTERM");
    await until(async () => await readyz() === 503, "the pool to say so");
    const stopping = den.workers.list().filter(({ pid = 0 }) => old.includes(pid));
    assert.ok(stopping.every(({ state }) => state === "stopping"));
    assert.equal(await den.execute("ping"), "pong");
    assert.ok(old.every(isAlive), "they still tear down");
    await until(() => den.pools.list()[0]?.workers.ready === 2, "both slots to be filled");
    assert.equal(await readyz(), 200);
    await until(() => !old.some(isAlive), "the old ones to be ended");
  });

  Deno.test(`Snakeden.execute() succeeds though its worker gets SIGTERM or SIGHUP, in native code too (${carrier})`, async () => {
    await using dir = await tempDir();
    await using den = await start(carrier, 0);
    for (const signal of ["SIGTERM", "SIGHUP"] as const) {
      const calls: [string, Record<string, unknown>][] = [
        ["nap", { seconds: 0.5 }],
        ["compute", { bits: 21 }],
      ];
      for (const [tool, args] of calls) {
        const path = `${dir.path}/${signal}-${tool}`;
        const running = den.execute<number>(tool, { ...args, path });
        const pid = Number(await untilText(path));
        signalPid(pid, signal);
        assert.equal(await running, pid);
        await until(() => !isAlive(pid), "it to leave");
        await until(() => den.pools.list()[0]?.workers.ready === 2, "the pool to be whole");
      }
    }
    assert.equal(den.pools.list()[0]?.crashes.total, 0);
  });
}
