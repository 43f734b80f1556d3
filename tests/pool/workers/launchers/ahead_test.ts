import assert from "node:assert/strict";
import { Alarms } from "../../../../src/async/mod.ts";
import { AheadLauncher, type LaunchedWorker, type Launcher } from "../../../../src/pool/mod.ts";
import { RecyclePolicy } from "../../../../src/pool/supervision/recycle_policy.ts";
import { WorkerStarter } from "../../../../src/pool/supervision/worker_starter.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";
import { FakeLauncher } from "../../../fixtures/fakes/fake_launcher.ts";
import { microtasks, until } from "../../../fixtures/until.ts";

const NEVER = new AbortController().signal;
const events = { onLog: () => {}, onClosed: () => {} };

/** A launcher over workers in memory, and the number of their notes that were disposed. */
function setUp(): {
  fake: FakeLauncher;
  ahead: AheadLauncher;
  clock: FakeClock;
  disposed: () => number;
  launch: () => Promise<LaunchedWorker>;
} {
  const clock = new FakeClock();
  const fake = new FakeLauncher();
  let disposed = 0;
  const inner: Launcher = {
    launch: async (spec, signal) => ({
      ...await fake.launch(spec, signal),
      progress: { startedCalls: () => [], [Symbol.dispose]: () => void disposed++ },
    }),
  };
  const ahead = new AheadLauncher(inner, { startConcurrency: 4, clock });
  const launch = (): Promise<LaunchedWorker> =>
    ahead.launch({
      workerId: "p-1",
      incarnation: crypto.randomUUID(),
      events,
      onLine: () => {},
    }, NEVER);
  return { fake, ahead, clock, disposed: () => disposed, launch };
}

Deno.test("AheadLauncher keeps a worker ready while the slot has one, after the end of the one before", async () => {
  const { fake, ahead, clock, launch } = setUp();
  const first = await launch();
  await until(() => fake.workers.length === 2, "one is ready ahead");
  await launch();
  await until(() => fake.workers.length === 3, "another one is ready ahead");
  await first.process.kill();
  await microtasks();
  clock.advance(10_000);
  await microtasks();
  assert.equal(fake.alive.length, 2);
  await fake.workers[1]?.kill();
  await microtasks();
  clock.advance(10_000);
  await until(() => ahead.ahead === 0 && fake.alive.length === 0, "nobody wants it any more");
});

Deno.test("AheadLauncher keeps nothing of a worker that ends before a slot takes it", async () => {
  const { fake, ahead, disposed, launch } = setUp();
  const first = await launch();
  await until(() => fake.workers.length === 2, "one is ready ahead");
  fake.workers[1]?.exit({ exitCode: 1 });
  await until(() => ahead.ahead === 0 && disposed() === 1, "its note is disposed");
  await first.process.kill();
  await ahead.close();
});

for (const end of ["dies", "loses its reaper"] as const) {
  Deno.test(`a worker whose process ${end} while it waits for its turn to start is started afresh, as no other was`, async () => {
    const { fake, ahead, clock } = setUp();
    using alarms = new Alarms(clock);
    const starter = new WorkerStarter({
      launcher: ahead,
      alarms,
      profile: "process",
      limits: {},
      recycling: new RecyclePolicy({ isIsolated: true }),
      startConcurrency: 1,
      listener: { onLost: () => {}, onLeaving: () => {}, onMemory: () => {}, onWorn: () => {} },
      stopping: NEVER,
      onFailed: () => false,
    });
    const slot = { id: "p-1", place: undefined };
    await starter.start(slot);
    await until(() => ahead.ahead === 1 && fake.workers.length === 2, "one is ready ahead");
    const turn = Promise.withResolvers<void>();
    fake.barrier = turn.promise;
    const other = starter.start({ id: "p-2", place: undefined });
    const next = starter.start(slot);
    if (end === "dies") fake.workers[1]?.exit({ exitCode: 1 });
    else fake.workers[1]?.orphan();
    await until(() => ahead.ahead === 0, "nothing is ready ahead any more");
    turn.resolve();
    await other;
    const { worker, failure } = await next;
    assert.equal(failure, undefined);
    const incarnations = fake.specs.map((it) => it.incarnation);
    assert.equal(new Set(incarnations).size, incarnations.length, incarnations.join("\n"));
    const own = fake.workers.find((it) => it.pid === worker.pid);
    assert.equal(worker.incarnation, own?.incarnation);
    for (const it of fake.workers) await it.kill();
    await ahead.close();
  });
}

Deno.test("AheadLauncher says which incarnation a worker has that was ready ahead", async () => {
  const { fake, ahead, launch } = setUp();
  await launch();
  await until(() => fake.workers.length === 2, "one is ready ahead");
  const { incarnation } = await launch();
  assert.equal(incarnation, fake.workers[1]?.incarnation);
  for (const it of fake.workers) await it.kill();
  await ahead.close();
});
