import assert from "node:assert/strict";
import { LimitExceededError, WorkerCrashedError } from "../../../src/errors.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool } from "../../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../../fixtures/until.ts";

const HEARTBEAT = { pingIntervalMs: 100, pingTimeoutMs: 100, maxMissed: 3, dependent: true };
const MIB = 1 << 20;

/** Moves the clock in small steps, so that what is said between two of them is heard. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let i = 0; i < ms; i += 10) {
    clock.advance(10);
    await microtasks();
  }
}

Deno.test("Pool kills and replaces a frozen worker after exactly maxMissed heartbeats, and fails its call with the reason", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ heartbeat: HEARTBEAT }, {}, { clock });
  const call = it.submit("hold");
  await microtasks();
  const fake = it.workerRunning(call);
  fake.frozen = true;
  await pass(clock, 290);
  assert.equal(call.state, "running");
  await pass(clock, 130);
  await assert.rejects(call.outcome, (error: unknown) => {
    assert.ok(error instanceof WorkerCrashedError);
    assert.equal(error.code, "worker_crashed");
    assert.match(
      error.message,
      /worker p-1 was killed: it did not answer 3 heartbeats, for 3\d\d ms;/,
    );
    assert.equal(error.details["mayHaveRun"], true);
    return true;
  });
  assert.deepStrictEqual(fake.signals, ["SIGKILL"]);
  await until(() => it.pool.state === "ready" && it.launcher.launches === 2, "it is replaced");
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
});

Deno.test("Pool gives the calls that a frozen worker has not started to other workers", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ heartbeat: HEARTBEAT }, { runMs: 0.1 }, { clock });
  assert.match(await endOf(it.submit("echo")), /^ok/);
  const [fake] = it.launcher.workers;
  assert.ok(fake);
  fake.frozen = true;
  const calls = [it.submit("echo"), it.submit("echo"), it.submit("echo")];
  await pass(clock, 450);
  const ends = await Promise.all(calls.map(endOf));
  assert.deepStrictEqual(ends, ["worker_crashed", "ok p-1", "ok p-1"]);
});

Deno.test("Pool keeps a busy worker that answers heartbeats, and one that sends only other messages", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ size: 2, heartbeat: HEARTBEAT }, {}, { clock });
  const calls = [it.submit("hold"), it.submit("hold")];
  await microtasks();
  const [a, b] = it.launcher.workers;
  assert.ok(a && b);
  b.frozen = true;
  for (let i = 0; i < 20; i++) {
    await pass(clock, 200);
    b.carrier.deliver({ log: { message: "step" } });
  }
  a.answer();
  b.answer();
  for (const call of calls) assert.match(await endOf(call), /^ok/);
  assert.equal(it.launcher.launches, 2);
  assert.ok(a.beats > 30);
});

Deno.test("Pool with dependent: false keeps a frozen worker", async () => {
  const clock = new FakeClock();
  const heartbeat = { ...HEARTBEAT, dependent: false };
  await using it = await FakePool.start({ heartbeat }, {}, { clock });
  const call = it.submit("hold");
  await microtasks();
  const fake = it.workerRunning(call);
  fake.frozen = true;
  await pass(clock, 2_000);
  assert.equal(call.state, "running");
  fake.frozen = false;
  fake.answer();
  assert.equal(await endOf(call), "ok p-1");
  assert.equal(it.launcher.launches, 1);
});

Deno.test("Pool with pingIntervalMs: 0 sends no heartbeats", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({}, {}, { clock });
  await pass(clock, 1_000);
  assert.equal(it.launcher.workers[0]?.beats, 0);
});

Deno.test("Pool counts workers that keep freezing without a call as failures", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ heartbeat: HEARTBEAT }, {}, { clock });
  for (let deaths = 0; deaths < 3; deaths++) {
    await until(() => it.pool.state === "ready", "the next worker is ready");
    const fake = it.launcher.workers.at(-1);
    assert.ok(fake);
    fake.frozen = true;
    await pass(clock, 450);
    await until(() => fake.ended, "it was killed");
  }
  await until(() => it.pool.state === "unhealthy", "the pool gives up for now");
  assert.match(it.pool.reason ?? "", /did not answer 3 heartbeats/);
});

Deno.test("Pool shows the memory that its workers report", async () => {
  await using it = await FakePool.start();
  const [worker] = it.pool.workers;
  assert.equal(worker?.rssBytes, undefined);
  it.launcher.workers[0]?.tellMemory(123 * MIB);
  assert.equal(worker?.rssBytes, 123 * MIB);
});

Deno.test("Pool kills a worker over memoryBytes, and fails its call with the limit and the measured value", async () => {
  await using it = await FakePool.start({ limits: { memoryBytes: 64 * MIB } });
  const call = it.submit("hold");
  await microtasks();
  const fake = it.workerRunning(call);
  fake.tellMemory(64 * MIB);
  await microtasks();
  assert.equal(call.state, "running");
  fake.tellMemory(65.5 * MIB);
  await assert.rejects(call.outcome, (error: unknown) => {
    assert.ok(error instanceof LimitExceededError);
    assert.deepStrictEqual([error.code, error.retryable], ["out_of_memory", false]);
    assert.match(
      error.message,
      /Cannot finish hold: worker p-1 was killed: it and its children held 65\.5 MiB of memory, the limit memoryBytes of the pool is 64\.0 MiB/,
    );
    const { limit, allowed, measured, mayHaveRun } = error.details;
    assert.deepStrictEqual([limit, allowed, measured, mayHaveRun], [
      "memoryBytes",
      64 * MIB,
      65.5 * MIB,
      true,
    ]);
    return true;
  });
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.equal(it.pool.stats.crashed, 1);
});

Deno.test("Pool fails a call with cpu_limit_exceeded when the system has ended its worker for its CPU time", async () => {
  await using it = await FakePool.start({ limits: { cpuSeconds: 7 } });
  const call = it.submit("hold");
  await microtasks();
  it.workerRunning(call).exit({ signal: "SIGXCPU" });
  await assert.rejects(call.outcome, {
    code: "cpu_limit_exceeded",
    message: /more CPU time than the limit cpuSeconds of the pool allows, which is 7 s/,
  });
});

Deno.test("Pool without cpuSeconds counts SIGXCPU as a crash", async () => {
  await using it = await FakePool.start();
  const call = it.submit("hold");
  await microtasks();
  it.workerRunning(call).exit({ signal: "SIGXCPU" });
  await assert.rejects(call.outcome, { code: "worker_crashed", message: /SIGXCPU/ });
});
