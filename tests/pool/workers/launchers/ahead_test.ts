import assert from "node:assert/strict";
import { AheadLauncher, type LaunchedWorker, type Launcher } from "../../../../src/pool/mod.ts";
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
      incarnation: ahead.nextIncarnation("p-1") ?? crypto.randomUUID(),
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
