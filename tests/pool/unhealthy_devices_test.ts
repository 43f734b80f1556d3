import assert from "node:assert/strict";
import type { Call, PoolDeps } from "../../src/pool/mod.ts";
import { DeviceHealth } from "../../src/pool/mod.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { CPU_PLACE, fakePlace } from "../fixtures/fakes/fake_place.ts";
import { endOf, FakePool, type FakePoolOptions } from "../fixtures/fakes/fake_pool.ts";
import type { FakeWorker } from "../fixtures/fakes/fake_worker.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { microtasks, nextTurn, until } from "../fixtures/until.ts";

const LIMITS = { taintAfter: 3, taintMs: 10_000, crashWindowMs: 60_000 };
const NEVER = new AbortController().signal;

/** The devices of a host, on a clock that the test moves. */
function fakeHost(): { clock: FakeClock; deviceHealth: DeviceHealth } {
  const clock = new FakeClock();
  return { clock, deviceHealth: new DeviceHealth(clock) };
}

function startPool(
  deps: Pick<PoolDeps, "deviceHealth">,
  options: FakePoolOptions = {},
): Promise<FakePool> {
  return FakePool.start(
    { ...LIMITS, size: 2, pipelineBudgetMs: 0, places: [fakePlace(0)], ...options },
    {},
    deps,
  );
}

/** Lets workers crash in calls, one after the other, each in another call. */
async function crash(it: FakePool, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    assert.equal(await endOf(it.submit("die")), "worker_crashed");
    await nextTurn();
  }
}

/** Returns the ids of the slots in which workers live. */
function slotsOf(it: FakePool): string[] {
  return it.pool.serving.map(({ id }) => id).sort();
}

/** Waits until this slot has a worker that lives. */
function untilServing(it: FakePool, ...slots: string[]): Promise<unknown> {
  return until(() => slotsOf(it).join() === slots.join(), `${slots.join()} serve`);
}

/** Keeps every worker of these slots busy; returns their calls. */
async function holdAll(it: FakePool): Promise<Call[]> {
  const calls = it.pool.serving.map(() => it.submit("hold"));
  await microtasks();
  return calls;
}

/** Lets all workers crash in calls, the one of the first slot first. */
async function crashAll(it: FakePool): Promise<void> {
  await holdAll(it);
  for (const worker of [...it.launcher.alive]) worker.exit({ signal: "SIGSEGV" });
  await until(() => it.pool.state === "unhealthy", "all devices are unhealthy");
}

function workerOf(it: FakePool, slot: string): FakeWorker {
  const worker = it.launcher.alive.find(({ link }) => link?.hello.workerId === slot);
  assert.ok(worker !== undefined, `${slot} has a worker`);
  return worker;
}

Deno.test("Pool leaves the slots of a device empty after taintAfter crashes, and goes on with the other device", async () => {
  const { clock, deviceHealth } = fakeHost();
  await using it = await startPool({ deviceHealth }, {
    size: 4,
    places: [fakePlace(0), fakePlace(1)],
  });
  for (const slot of ["p-1", "p-3", "p-1"]) {
    workerOf(it, slot).exit({ signal: "SIGSEGV" });
    await until(() => slotsOf(it).length === 3 || deviceHealth.unhealthy.length > 0, "it is seen");
    if (deviceHealth.unhealthy.length === 0) {
      await untilServing(it, "p-1", "p-2", "p-3", "p-4");
    }
  }
  assert.equal(deviceHealth.healthOf("cuda:0"), "unhealthy");
  await untilServing(it, "p-2", "p-3", "p-4");
  assert.deepEqual(it.pool.tainted, [], "no slot alone has crashed too often");
  const launches = it.launcher.launches;
  workerOf(it, "p-3").exit({ signal: "SIGSEGV" });
  await untilServing(it, "p-2", "p-4");
  assert.equal(it.pool.state, "ready");
  assert.match(await endOf(it.submit("echo")), /^ok p-[24]$/);
  clock.advance(9_999);
  await nextTurn();
  assert.equal(it.launcher.launches, launches, "both slots of cuda:0 stay empty");
  clock.advance(1);
  await until(() => slotsOf(it).length === 3, "one worker tries the device");
  assert.deepEqual(it.pool.devices.unhealthy.map(({ deviceId }) => deviceId), ["cuda:0"]);
  await holdAll(it);
  const tried = it.launcher.alive.at(-1);
  tried?.answer();
  await untilServing(it, "p-1", "p-2", "p-3", "p-4");
  assert.deepEqual(it.pool.devices.unhealthy, []);
});

Deno.test("Pool counts four crashes of four workers as four crashes of their device", async () => {
  const { deviceHealth } = fakeHost();
  await using it = await startPool({ deviceHealth }, { size: 4, taintAfter: 4 });
  await holdAll(it);
  const workers = [...it.launcher.alive];
  for (const worker of workers.slice(0, 3)) worker.exit({ signal: "SIGABRT" });
  await until(() => it.launcher.launches === 7, "three are replaced at once");
  assert.equal(deviceHealth.healthOf("cuda:0"), "healthy");
  workers[3]?.exit({ signal: "SIGABRT" });
  await until(() => deviceHealth.healthOf("cuda:0") === "unhealthy", "the fourth one counts");
  await nextTurn();
  assert.deepEqual([it.launcher.launches, it.launcher.alive.length], [7, 3]);
  assert.equal(it.pool.state, "ready", "the workers that live go on");
});

Deno.test("Pool refuses calls at once, and those that wait, while all its slots wait for unhealthy devices", async () => {
  const { clock, deviceHealth } = fakeHost();
  await using it = await startPool({ deviceHealth }, { size: 1 });
  await crash(it, 2);
  await untilServing(it, "p-1");
  const [last, waiting] = [it.submit("die"), it.submit("echo")];
  assert.equal(it.pool.queued, 1);
  assert.equal(await endOf(last), "worker_crashed");
  assert.equal(await endOf(waiting), "device_unavailable");
  assert.deepEqual([it.pool.state, it.pool.queued], ["unhealthy", 0]);
  const why = "its workers crashed 3 times within 60000 ms; it is tried again in 7000 ms";
  clock.advance(3_000);
  assert.throws(() => it.submit("echo"), {
    code: "device_unavailable",
    message: `Cannot call echo: all devices of the pool p are unhealthy: cuda:0: ${why}`,
    retryable: true,
    details: { pool: "p", tried: [{ want: "cuda:0", why }], retryAfterMs: 7_000 },
  });
  assert.equal(it.pool.reason, `cuda:0: ${why}`);
  await assert.rejects(it.pool.ping(NEVER), { code: "device_unavailable" });
  await assert.rejects(it.pool.whenReady(), { code: "device_unavailable" });
  assert.equal(it.pool.stats.refused, 2);
  const { promise, resolve } = Promise.withResolvers<void>();
  it.launcher.barrier = promise;
  clock.advance(7_000);
  await until(() => it.launcher.starting === 1, "a worker tries the device");
  assert.equal(it.pool.state, "starting");
  const patient = it.submit("echo");
  resolve();
  assert.equal(await endOf(patient), "ok p-1");
  assert.equal(deviceHealth.healthOf("cuda:0"), "healthy");
  assert.equal(it.pool.reason, undefined);
});

Deno.test("Pool lets one worker at a time try its device, and rests twice as long when it crashes", async () => {
  const { clock, deviceHealth } = fakeHost();
  await using it = await startPool({ deviceHealth }, { size: 3 });
  await crashAll(it);
  assert.equal(it.launcher.launches, 3);
  for (const [turn, restMs] of [10_000, 20_000, 40_000].entries()) {
    clock.advance(restMs - 1);
    await nextTurn();
    assert.equal(it.launcher.launches, 3 + turn);
    clock.advance(1);
    await until(() => it.launcher.alive.length === 1, "one worker tries it");
    await nextTurn();
    assert.equal(it.launcher.launches, 4 + turn);
    assert.equal(await endOf(it.submit("die")), "worker_crashed");
    await until(() => it.pool.state === "unhealthy", "it rests again");
  }
  assert.equal(deviceHealth.pauseMs("cuda:0"), 80_000);
});

Deno.test("Pool lets the next slot try the device when a worker cannot be started, or is killed from outside", async () => {
  const { clock, deviceHealth } = fakeHost();
  await using it = await startPool({ deviceHealth }, { size: 3 });
  await crashAll(it);
  it.launcher.failures = ["no module"];
  clock.advance(10_000);
  await untilServing(it, "p-2");
  assert.equal(it.launcher.launches, 5);
  workerOf(it, "p-2").exit({ signal: "SIGKILL" });
  await untilServing(it, "p-3");
  assert.equal(deviceHealth.healthOf("cuda:0"), "unhealthy");
  clock.advance(10_000);
  assert.equal(deviceHealth.healthOf("cuda:0"), "healthy", "it has run for long enough");
  await untilServing(it, "p-1", "p-2", "p-3");
});

Deno.test("Pools share the health of a device: the slots of all of them stay empty, and each has its turn", async () => {
  const { clock, deviceHealth } = fakeHost();
  await using it = await startPool({ deviceHealth }, { name: "a", size: 1 });
  await using other = await startPool({ deviceHealth }, { name: "b", size: 1, taintAfter: 0 });
  await using apart = await startPool({ deviceHealth }, { name: "c", places: [fakePlace(1)] });
  await crash(it, 3);
  assert.equal(it.pool.state, "unhealthy");
  assert.equal(await endOf(other.submit("echo")), "ok b-1", "its worker lives");
  other.launcher.alive[0]?.exit({ signal: "SIGKILL" });
  await until(() => other.pool.state === "unhealthy", "it gets no other one");
  assert.throws(() => other.submit("echo"), { code: "device_unavailable" });
  assert.match(await endOf(apart.submit("echo")), /^ok c-/);
  assert.deepEqual([...apart.pool.devices.ids, ...apart.pool.devices.unhealthy], ["cuda:1"]);
  clock.advance(10_000);
  await untilServing(it, "a-1");
  await nextTurn();
  assert.equal(other.launcher.launches, 1);
  assert.throws(() => other.submit("echo"), { code: "device_unavailable", message: /being tried/ });
  assert.equal(await endOf(it.submit("die")), "worker_crashed");
  clock.advance(20_000);
  await untilServing(other, "b-1");
  assert.equal(await endOf(other.submit("echo")), "ok b-1");
  await untilServing(it, "a-1");
});

Deno.test("Pool does not blame a device for what others did, or the processor for anything", async () => {
  const { deviceHealth } = fakeHost();
  await using it = await startPool({ deviceHealth }, { size: 1 });
  for (let i = 0; i < 4; i++) {
    await untilServing(it, "p-1");
    it.launcher.alive[0]?.exit({ signal: "SIGKILL" });
    await until(() => slotsOf(it).length === 0, "it is gone");
  }
  await using cpu = await startPool({ deviceHealth }, { places: [CPU_PLACE] });
  await using inherits = await startPool({ deviceHealth }, { places: [] });
  await crash(cpu, 5);
  await crash(inherits, 5);
  assert.deepEqual(deviceHealth.unhealthy, []);
  assert.deepEqual([...cpu.pool.devices.ids, ...inherits.pool.devices.ids], []);
});

Deno.test("Pool does not blame a device for one poison call that runs again, whatever the limits are", async () => {
  for (const limits of [{ taintAfter: 5, poisonAfter: 3 }, { taintAfter: 2, poisonAfter: 3 }]) {
    const { deviceHealth } = fakeHost();
    await using it = await startPool({ deviceHealth }, { size: 1, ...limits });
    assert.equal(await endOf(it.submit("die", { idempotent: true })), "poison_call");
    await until(() => it.launcher.launches === 4, "three workers are replaced");
    assert.deepEqual(deviceHealth.unhealthy, [], `${limits.taintAfter}`);
  }
});

Deno.test("Pool recycled or reloaded as a whole forgets the crashes of its devices", async () => {
  for (const how of ["recycle", "reload"] as const) {
    const { clock, deviceHealth } = fakeHost();
    await using it = await startPool({ deviceHealth }, { size: 1 });
    await crash(it, 3);
    assert.equal(it.pool.state, "unhealthy");
    if (how === "recycle") await it.pool.recycle(undefined);
    else it.pool.reload({ files: [] });
    await untilServing(it, "p-1");
    assert.equal(deviceHealth.healthOf("cuda:0"), "healthy", how);
    await crash(it, 2);
    await untilServing(it, "p-1");
    assert.equal(clock.pending, 0);
  }
});

for (const replace of ["start_first", "stop_first"] as const) {
  Deno.test(`Pool replaces no worker on an unhealthy device: the old one goes on, even beyond its calls (${replace})`, async () => {
    const { clock, deviceHealth } = fakeHost();
    await using log = new LogSink();
    await using it = await startPool({ deviceHealth }, { recycle: { maxCalls: 4 }, replace });
    const held = it.submit("hold");
    await microtasks();
    const old = it.workerRunning(held);
    const slot = old.link?.hello.workerId ?? "";
    // Three crashes in the other slot would put that slot itself into quarantine, too.
    for (let i = 0; i < 2; i++) deviceHealth.crashed("cuda:0", LIMITS);
    await crash(it, 1);
    assert.equal(deviceHealth.healthOf("cuda:0"), "unhealthy");
    const { launches } = it.launcher;
    old.answer();
    for (let i = 0; i < 9; i++) assert.equal(await endOf(it.submit("echo")), `ok ${slot}`);
    const stopping = it.pool.stopWorker(it.pool.serving[0] ?? assert.fail());
    assert.equal(await endOf(it.submit("echo")), `ok ${slot}`);
    await nextTurn();
    assert.deepEqual([it.launcher.launches, old.ended], [launches, false]);
    assert.match(await log.text(), /p-\d goes on until its device is healthy/);
    clock.advance(10_000);
    await untilServing(it, "p-1", "p-2");
    assert.equal(old.ended, false, "the worker that tries the device is not its successor");
    clock.advance(10_000);
    await stopping;
    assert.equal(old.ended, true);
    await untilServing(it, "p-1", "p-2");
  });
}

Deno.test("Pool.recycle() of some workers does not let those on other devices wait for an unhealthy one", async () => {
  for (const replace of ["start_first", "stop_first"] as const) {
    const { clock, deviceHealth } = fakeHost();
    const places = [fakePlace(0), fakePlace(1)];
    await using it = await startPool({ deviceHealth }, { size: 4, places, replace });
    const old = it.pool.serving.toSorted((a, b) => a.order - b.order);
    for (let i = 0; i < 3; i++) deviceHealth.crashed("cuda:0", LIMITS);
    let isDone = false;
    const recycled = it.pool.recycle(old).then(() => isDone = true);
    const gone = (): string[] => old.filter(({ state }) => state === "gone").map(({ id }) => id);
    await until(() => gone().length === 2, "two are replaced");
    assert.deepEqual([gone(), isDone], [["p-2", "p-4"], false]);
    deviceHealth.clear(["cuda:0"]);
    await recycled;
    assert.equal(gone().length, 4);
    await untilServing(it, "p-1", "p-2", "p-3", "p-4");
    assert.equal(clock.pending, 0);
  }
});

Deno.test("Pool with stop_first replaces others while an emptied slot waits for its device", async () => {
  const { deviceHealth } = fakeHost();
  await using it = await startPool({ deviceHealth }, {
    places: [fakePlace(0), fakePlace(1)],
    replace: "stop_first",
  });
  const held = await holdAll(it);
  const [first, second] = [workerOf(it, "p-1"), workerOf(it, "p-2")];
  const [one, two] = it.pool.serving.toSorted((a, b) => a.order - b.order);
  assert.ok(one !== undefined && two !== undefined);
  const stops = [it.pool.stopWorker(one), it.pool.stopWorker(two)];
  await until(() => one.state === "stopping", "the first one takes no more calls");
  deviceHealth.crashed("cuda:0", { ...LIMITS, taintAfter: 1 });
  first.answer();
  await until(() => two.state === "stopping", "the other one has its turn");
  second.answer();
  await Promise.all([...stops, ...held.map(endOf)]);
  await untilServing(it, "p-2");
});

for (const how of ["answers a call", "runs for 10 s", "dies"] as const) {
  Deno.test(`Pool lets a successor prove the device that crashed its predecessor while it started, when it ${how}`, async () => {
    const { clock, deviceHealth } = fakeHost();
    const limits = { size: 1, taintAfter: 1, replace: "start_first" } as const;
    await using it = await startPool({ deviceHealth }, limits);
    const started = Promise.withResolvers<void>();
    it.launcher.barrier = started.promise;
    const [old] = it.pool.serving;
    assert.ok(old !== undefined);
    const stopping = it.pool.stopWorker(old);
    await until(() => it.launcher.starting === 1, "its successor starts");
    it.launcher.alive[0]?.exit({ signal: "SIGSEGV" });
    await stopping;
    assert.equal(deviceHealth.healthOf("cuda:0"), "unhealthy");
    started.resolve();
    it.launcher.barrier = undefined;
    await untilServing(it, "p-1");
    assert.equal(await endOf(it.submit("echo")), "ok p-1");
    assert.equal(deviceHealth.healthOf("cuda:0"), "unhealthy", "its rest is not over");
    clock.advance(10_000);
    await microtasks();
    assert.equal(deviceHealth.healthOf("cuda:0"), "unhealthy", "it must prove the device");
    if (how === "answers a call") assert.equal(await endOf(it.submit("echo")), "ok p-1");
    else if (how === "runs for 10 s") clock.advance(10_000);
    else {
      workerOf(it, "p-1").exit({ signal: "SIGSEGV" });
      await until(() => deviceHealth.pauseMs("cuda:0") === 20_000, "it rests for longer");
      clock.advance(20_000);
      await untilServing(it, "p-1");
      assert.equal(await endOf(it.submit("echo")), "ok p-1");
    }
    assert.equal(deviceHealth.healthOf("cuda:0"), "healthy");
    assert.equal(clock.pending, 0);
  });
}

Deno.test("Pool.start() does not wait for a device that is unhealthy", async () => {
  const { clock, deviceHealth } = fakeHost();
  for (let i = 0; i < 3; i++) deviceHealth.crashed("cuda:0", LIMITS);
  await using it = await startPool({ deviceHealth });
  assert.deepEqual([it.pool.state, it.launcher.launches], ["unhealthy", 0]);
  assert.throws(() => it.submit("echo"), { code: "device_unavailable" });
  clock.advance(10_000);
  await until(() => it.pool.state === "ready", "it was tried");
});

Deno.test("Pool.stop() leaves no timer and no listener behind, whatever its devices do", async () => {
  for (const advanceMs of [0, 10_000]) {
    const { clock, deviceHealth } = fakeHost();
    const it = await startPool({ deviceHealth }, { size: 1 });
    await crash(it, 3);
    clock.advance(advanceMs);
    if (advanceMs > 0) await untilServing(it, "p-1");
    await it.pool.stop({ drainMs: 0 });
    await nextTurn();
    assert.equal(clock.pending, 0);
    deviceHealth.clear(["cuda:0"]);
    assert.equal(it.pool.state, "stopped");
  }
});
