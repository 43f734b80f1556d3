/** Tests workers that are killed from outside, again and again, while calls run. */
import assert from "node:assert/strict";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { type Snakeden, SnakedenError } from "../../mod.ts";
import { startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const CALLS = 200;
const CALLERS = 8;

interface Storm {
  readonly signals: readonly Deno.Signal[];
  readonly carrier?: CarrierKind;
  readonly size?: number;
  readonly everyMs?: number;
  readonly call?: (den: Snakeden, key: number) => Promise<unknown>;
}

interface Outcome {
  readonly ok: number;
  readonly kills: number;
  readonly errors: readonly SnakedenError[];
}

const nap = (den: Snakeden): Promise<unknown> => den.execute("nap", { seconds: 0.05 });

/**
 * Makes all calls while a random worker, which may be starting, gets a signal every `everyMs`; then
 * waits until the pool is whole. The storm pauses while less than half of the workers serve: on a
 * slow machine, no pool could survive it otherwise.
 */
async function weather(
  { signals, carrier = "socket", size = 4, everyMs = 100, call = nap }: Storm,
): Promise<Outcome> {
  await using den = await startDen({
    adapter: "storm:Storm",
    size,
    carrier,
    maxReruns: 5,
    drainMs: 2_000,
    // A worker that is stopped by SIGSTOP while it starts exists until then.
    startTimeoutMs: 10_000,
    heartbeat: { pingIntervalMs: 100, pingTimeoutMs: 200, maxMissed: 3 },
  });
  const errors: SnakedenError[] = [];
  let next = 0;
  let ok = 0;
  const caller = async (): Promise<void> => {
    while (next < CALLS) {
      try {
        await call(den, next++);
        ok++;
      } catch (error) {
        assert.ok(error instanceof SnakedenError, String(error));
        errors.push(error);
      }
    }
  };
  let done = false;
  const calls = Promise.all(Array.from({ length: CALLERS }, caller)).finally(() => done = true);
  let kills = 0;
  for (; !done; await new Promise((resolve) => setTimeout(resolve, everyMs))) {
    const pids = workersOf(den);
    const pid = pids[Math.floor(Math.random() * pids.length)];
    if (pid === undefined || serving(den) < size / 2) continue;
    send(pid, signals[kills++ % signals.length] ?? "SIGKILL");
    const [pool] = den.pools.list();
    assert.notEqual(pool?.state, "unhealthy");
    assert.deepEqual(pool?.tainted, []);
  }
  await calls;
  const ended = performance.now();
  await until(
    () => {
      const workers = den.workers.list().filter(({ state }) => state === "ready");
      return workers.length === size && workers.every(({ pid = 0 }) => isGoing(pid));
    },
    "the pool to be whole",
    { timeoutMs: 60_000 },
  );
  const wholeMs = Math.round(performance.now() - ended);
  console.log(
    `${signals} ${carrier} size ${size}: ${ok} ok, ${kills} kills, whole after ${wholeMs} ms`,
  );
  const [pool] = den.pools.list();
  assert.deepEqual([pool?.crashes.poisoned, pool?.tainted], [0, []]);
  return { ok, kills, errors };
}

function serving(den: Snakeden): number {
  return den.workers.list().filter(({ state }) => state === "ready" || state === "busy").length;
}

function send(pid: number, signal: Deno.Signal): void {
  try {
    signalPid(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Returns true if the process was not stopped by SIGSTOP. */
function isGoing(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [TXZ]/s.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

function codesOf({ errors }: Outcome): string[] {
  return [...new Set(errors.map(({ code }) => code))];
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Link is the only socket of a worker, so that no tool can close a port of the host (${carrier})`, async () => {
    await using den = await startDen({ adapter: "storm:Storm", size: 1, carrier });
    assert.equal(await den.execute("sockets"), 1);
  });

  Deno.test(`Snakeden completes 190 of 200 equal calls in a storm of SIGKILL, none as poison, and is whole after it (${carrier})`, async () => {
    const outcome = await weather({ signals: ["SIGKILL"], carrier });
    assert.ok(outcome.ok >= 190, `${outcome.ok} of ${CALLS} calls ended well`);
    assert.ok(
      codesOf(outcome).every((code) => code === "worker_crashed"),
      String(codesOf(outcome)),
    );
  });

  Deno.test(`Snakeden survives signals of all kinds, also to workers that start (${carrier})`, async () => {
    const signals = [
      "SIGTERM",
      "SIGUSR2",
      "SIGSTOP",
      "SIGKILL",
      "SIGHUP",
      "SIGINT",
      "SIGQUIT",
    ] as const;
    const outcome = await weather({ signals, carrier });
    assert.ok(outcome.ok >= 190, `${outcome.ok} of ${CALLS} calls ended well`);
    assert.ok(
      codesOf(outcome).every((code) => code === "worker_crashed"),
      String(codesOf(outcome)),
    );
  });
}

Deno.test("Snakeden serves with one worker in a storm of SIGKILL", async () => {
  // Few kills: each costs a start, and a worker must live longer than its start takes.
  const outcome = await weather({
    signals: ["SIGKILL"],
    size: 1,
    everyMs: 500,
    call: (den, key) =>
      key % 10 === 0 ? den.execute("nap", { seconds: 0.05, key }) : Promise.resolve(),
  });
  assert.ok(codesOf(outcome).every((code) => code === "worker_crashed"), String(codesOf(outcome)));
});

Deno.test("Snakeden fails one call a kill at most when calls are not idempotent, and runs none twice", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/ledger`;
  const outcome = await weather({
    signals: ["SIGKILL"],
    call: (den, key) => den.execute("once", { path, key }),
  });
  assert.ok(outcome.errors.length <= outcome.kills);
  for (const error of outcome.errors) {
    assert.match(error.message, /^Cannot finish once: worker default-\d ended with signal SIGKILL/);
  }
  const lines = (await Deno.readTextFile(path)).trim().split("\n");
  assert.equal(new Set(lines).size, lines.length);
});

Deno.test("Snakeden restarts streams in a storm of SIGKILL only before their first chunk", async () => {
  const outcome = await weather({
    signals: ["SIGKILL"],
    call: async (den) => {
      const chunks = await Array.fromAsync(den.stream("count", { n: 5 }));
      assert.deepEqual(chunks, [0, 1, 2, 3, 4]);
    },
  });
  assert.ok(codesOf(outcome).every((code) => code === "worker_crashed"), String(codesOf(outcome)));
  assert.ok(outcome.errors.length <= outcome.kills);
});
Deno.test("Snakeden loses no call in a storm of SIGTERM, which workers obey when their call is done", async () => {
  const outcome = await weather({ signals: ["SIGTERM"], size: 2 });
  assert.deepEqual([outcome.ok, outcome.errors], [CALLS, []]);
});
