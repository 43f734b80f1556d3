/** Tries any sequence of events in two pools that share a GPU: its memory always suffices. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { DeviceDemand, DeviceHealth } from "../../../src/pool/mod.ts";
import type { ReplaceOrder } from "../../../src/pool/supervision/replace_policy.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { fakePlace } from "../../fixtures/fakes/fake_place.ts";
import { endOf, FakePool } from "../../fixtures/fakes/fake_pool.ts";
import { microtasks, nextTurn, until } from "../../fixtures/until.ts";

const WORKER_BYTES = 2 ** 30;
const PLACES = [fakePlace(0, { reservedBytes: WORKER_BYTES, share: 0.2 })];
const LIMITS = { taintAfter: 3, taintMs: 10_000, crashWindowMs: 60_000 };

type Step =
  & { readonly pool: number; readonly which: number }
  & {
    readonly do:
      | "call"
      | "hold"
      | "answer"
      | "crash"
      | "kill"
      | "told"
      | "stop worker"
      | "memory"
      | "recycle"
      | "reload"
      | "break"
      | "repair"
      | "starts wait"
      | "starts go on"
      | "tool hangs"
      | "tool answers"
      | "time"
      | "turn";
  };

const step: fc.Arbitrary<Step> = fc.record({
  pool: fc.nat(1),
  which: fc.nat(),
  do: fc.constantFrom(
    ...["call", "hold", "answer", "crash", "kill", "told", "stop worker", "stop worker"] as const,
    ...["memory", "recycle", "reload", "break", "repair", "starts wait", "starts go on"] as const,
    ...["tool hangs", "tool answers", "time", "turn", "turn", "turn"] as const,
  ),
});

/** Two pools, and a GPU with room for all of their workers and `spare` more. */
class Host {
  readonly clock = new FakeClock();
  readonly health = new DeviceHealth(this.clock);
  readonly pools: FakePool[] = [];
  readonly #capacity: number;
  readonly #goOn: (() => void)[] = [];
  #tool: PromiseWithResolvers<void> | undefined;

  constructor(sizes: readonly number[], spare: number, replace: ReplaceOrder) {
    this.#capacity = sizes.reduce((sum, size) => sum + size, spare);
    const deviceDemand = new DeviceDemand();
    for (const [i, size] of sizes.entries()) {
      const recycle = { maxCalls: 20, maxRssBytes: 100 };
      const options = { name: `p${i}`, size, replace, places: PLACES, recycle, ...LIMITS };
      this.pools.push(
        new FakePool({ ...options, drainMs: 5 }, {}, {
          clock: this.clock,
          deviceHealth: this.health,
          deviceDemand,
          freeDeviceBytes: () => this.#freeBytes(),
        }),
      );
    }
  }

  /** A worker that starts has loaded nothing yet. */
  async #freeBytes(): Promise<number> {
    await this.#tool?.promise;
    const loaded = this.pools.reduce((sum, { launcher }) => sum + launcher.alive.length, 0);
    return (this.#capacity - loaded) * WORKER_BYTES;
  }

  async take({ pool: index, which, do: what }: Step): Promise<void> {
    const it = this.pools[index];
    assert.ok(it);
    const { pool, launcher } = it;
    const fake = launcher.alive[which % launcher.alive.length];
    switch (what) {
      case "call":
      case "hold":
        if (pool.state === "ready") it.submit(what === "call" ? "echo" : "hold");
        return;
      case "answer":
        return launcher.alive.find((each) => each.running)?.answer();
      case "crash":
        return fake?.exit({ signal: "SIGSEGV" });
      case "kill":
        return fake?.exit({ signal: "SIGKILL" });
      case "told":
        return fake?.leave();
      case "memory":
        return fake?.tellMemory(101);
      case "stop worker": {
        const worker = pool.workers[which % pool.workers.length];
        if (worker !== undefined) void pool.stopWorker(worker);
        return;
      }
      case "recycle":
        return void pool.recycle(which % 2 === 0 ? undefined : pool.serving);
      case "reload":
        return pool.reload({ files: ["a.py"] });
      case "break":
        launcher.failures = { always: "SyntaxError" };
        return;
      case "repair":
        launcher.failures = [];
        return;
      case "starts wait": {
        const { promise, resolve } = Promise.withResolvers<void>();
        launcher.barrier = promise;
        this.#goOn.push(resolve);
        return;
      }
      case "starts go on":
        return this.#letStart();
      case "tool hangs":
        this.#tool ??= Promise.withResolvers();
        return;
      case "tool answers":
        this.#tool?.resolve();
        this.#tool = undefined;
        return;
      case "time":
        return this.clock.advance(which % 12_000);
      case "turn":
        return await nextTurn();
    }
  }

  #letStart(): void {
    for (const { launcher } of this.pools) launcher.barrier = undefined;
    for (const goOn of this.#goOn.splice(0)) goOn();
  }

  check(replace: ReplaceOrder): void {
    const living = this.pools.reduce((sum, { launcher }) => sum + launcher.living, 0);
    assert.ok(living <= this.#capacity, `${living} workers on a device for ${this.#capacity}`);
    if (replace !== "stop_first") return;
    const most = this.pools.flatMap(({ launcher }) => [...launcher.mostAlive.values()]);
    assert.ok(Math.max(...most) <= 1, "two workers of one slot");
  }

  /** All slots have workers, and the device is healthy again, without help from outside. */
  async settle(replace: ReplaceOrder): Promise<void> {
    this.#letStart();
    this.#tool?.resolve();
    this.#tool = undefined;
    for (const { launcher } of this.pools) launcher.failures = [];
    await until(() => {
      for (const { launcher } of this.pools) {
        for (const fake of launcher.alive) if (fake.running) fake.answer();
      }
      this.clock.advance(1_000);
      this.check(replace);
      return this.health.unhealthy.length === 0 &&
        this.pools.every(({ pool }) =>
          pool.workers.length === pool.size && pool.workers.every(({ state }) => state === "ready")
        );
    }, "all workers are ready");
    for (const it of this.pools) assert.match(await endOf(it.submit("echo")), /^ok/);
  }
}

Deno.test("Pools that share a GPU never need more memory than it has, and always recover", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 2 }),
      fc.nat(2),
      fc.constantFrom("auto" as const, "auto" as const, "stop_first" as const),
      fc.array(step, { maxLength: 60, size: "max" }),
      async (sizes, spare, replace, steps) => {
        const host = new Host(sizes, spare, replace);
        await using resources = new AsyncDisposableStack();
        for (const it of host.pools) resources.use(it);
        await Promise.all(host.pools.map(({ pool }) => pool.start()));
        for (const each of steps) {
          await host.take(each);
          await microtasks();
          host.check(replace);
        }
        await host.settle(replace);
        await resources.disposeAsync();
        await microtasks();
        assert.equal(host.clock.pending, 0, "a timer is left");
      },
    ),
    { numRuns: 60, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
  );
});
