import assert from "node:assert/strict";
import { SnakedenError } from "../../src/errors.ts";
import { type Device, Hardware, type HardwareDeps } from "../../src/hardware/mod.ts";
import type { HardwareProblem, SystemReading } from "../../src/hardware/mod.ts";
import { fakeDevice } from "../fixtures/fakes/fake_device.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";

const SYSTEM: SystemReading = {
  hostname: "machine-7",
  platform: "linux-x86_64",
  cpu: {
    model: "AMD EPYC",
    vendor: "AMD",
    physicalCores: 4,
    logicalCores: 8,
    usableCores: 2,
    features: ["avx2"],
  },
  memory: { totalBytes: 64, availableBytes: 10, limitBytes: 16 },
  problems: [{ probe: "memory", what: "unreadable", text: "a" }],
};
const GPU = fakeDevice({ id: "cuda:0", kind: "cuda", uuid: "GPU-1", freeBytes: 100 });
const MISSING = { probe: "amd-smi", what: "missing", text: "b" } as const;

/** A machine that counts how often it is asked, and whose free memory falls with each question. */
class Machine {
  readonly clock = new FakeClock();
  readonly asked: string[] = [];
  /** Holds every answer back until it is resolved. */
  gate: Promise<void> = Promise.resolve();
  /** The problems of reading memory and load again. */
  problems: HardwareProblem[] = [];
  readonly #memory = SYSTEM.memory.availableBytes ?? 0;

  get deps(): HardwareDeps {
    const answer = async <T>(name: string, signal: AbortSignal, value: () => T): Promise<T> => {
      this.asked.push(name);
      await this.gate;
      signal.throwIfAborted();
      return value();
    };
    const memory = (): SystemReading["memory"] => ({
      ...SYSTEM.memory,
      availableBytes: this.#memory - this.asked.length,
    });
    const renewed = (it: Device): Device => ({ ...it, freeBytes: 100 - this.asked.length });
    return {
      clock: this.clock,
      readSystem: (signal) => answer("system", signal, () => ({ ...SYSTEM, memory: memory() })),
      readMemory: (signal) =>
        answer("memory", signal, () => ({ memory: memory(), problems: SYSTEM.problems })),
      probeDevices: (signal) =>
        answer("devices", signal, () => ({ devices: [GPU], problems: [MISSING] })),
      refreshDevices: (devices, signal) =>
        answer("load", signal, () => ({ devices: devices.map(renewed), problems: this.problems })),
    };
  }
}

Deno.test("Hardware.detect() joins the system and the devices, with the processor as the last one", async () => {
  await using hardware = new Hardware(new Machine().deps);
  const { devices, problems, memory, ...rest } = await hardware.detect();
  const { problems: own, memory: _memory, ...system } = SYSTEM;
  assert.deepEqual(rest, system);
  assert.deepEqual(problems, [...own, MISSING]);
  const cpu = fakeDevice({
    id: "cpu",
    kind: "cpu",
    name: "AMD EPYC",
    arch: Deno.build.arch,
    memoryBytes: 16,
    freeBytes: memory.availableBytes,
    unified: true,
  });
  assert.deepEqual(devices, [GPU, cpu]);
});

Deno.test("Hardware.detect() gives the processor all memory where there is no limit", async () => {
  const memory = { totalBytes: 64, availableBytes: 10, limitBytes: null };
  const cpu = { ...SYSTEM.cpu, model: null };
  const readSystem = (): Promise<SystemReading> => Promise.resolve({ ...SYSTEM, cpu, memory });
  await using hardware = new Hardware({ ...new Machine().deps, readSystem });
  const device = (await hardware.detect()).devices.at(-1);
  assert.equal(device?.memoryBytes, 64);
  assert.equal(device?.name, "unknown processor");
});

Deno.test("Hardware asks nothing before the first call, and the same only once", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  assert.deepEqual(machine.asked, []);
  const first = await hardware.detect();
  machine.clock.advance(5_000);
  assert.deepEqual(await hardware.detect(), first);
  assert.deepEqual(machine.asked, ["system", "devices"]);
});

Deno.test("Hardware.detect() reads free memory and load again after 5 s, and nothing else", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  const first = await hardware.detect();
  machine.clock.advance(5_001);
  const second = await hardware.detect();
  assert.deepEqual(machine.asked, ["system", "devices", "memory", "load"]);
  assert.equal(first.memory.availableBytes, 8);
  assert.equal(second.memory.availableBytes, 6);
  assert.deepEqual(second.devices.map(({ freeBytes }) => freeBytes), [96, 6]);
  assert.deepEqual({ ...second, memory: 0, devices: 0 }, { ...first, memory: 0, devices: 0 });
  machine.clock.advance(5_000);
  assert.deepEqual(await hardware.detect(), second);
});

Deno.test("Hardware.detect() shows the problems of the last reading, beside those of the first", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  const { problems } = await hardware.detect();
  const late: HardwareProblem = { probe: "nvidia-smi", what: "timeout", text: "c" };
  machine.problems = [late];
  machine.clock.advance(6_000);
  assert.deepEqual((await hardware.detect()).problems, [...problems, late]);
  machine.problems = [];
  machine.clock.advance(6_000);
  assert.deepEqual((await hardware.detect()).problems, problems);
});

Deno.test("Hardware.detect() reads free memory again if it is older than maxAgeMs", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  await hardware.detect();
  machine.clock.advance(1);
  await hardware.detect({ maxAgeMs: 1 });
  assert.deepEqual(machine.asked, ["system", "devices"]);
  await hardware.detect({ maxAgeMs: 0 });
  assert.deepEqual(machine.asked, ["system", "devices", "memory", "load"]);
});

Deno.test("Hardware.detect() with refresh asks everything again", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  await hardware.detect();
  assert.equal((await hardware.detect({ refresh: true })).memory.availableBytes, 6);
  assert.deepEqual(machine.asked, ["system", "devices", "system", "devices"]);
  // The result counts for all.
  assert.equal((await hardware.detect()).memory.availableBytes, 6);
});

Deno.test("Hardware.detect() with refresh and maxAgeMs asks nothing about what is newer", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  const first = await hardware.detect();
  machine.clock.advance(1_000);
  assert.deepEqual(await hardware.detect({ refresh: true, maxAgeMs: 1_000 }), first);
  assert.deepEqual(machine.asked, ["system", "devices"]);
  // Memory and load that were read meanwhile make nothing else newer.
  await hardware.detect({ maxAgeMs: 0 });
  machine.clock.advance(1);
  await hardware.detect({ refresh: true, maxAgeMs: 1_000 });
  assert.deepEqual(machine.asked.slice(2), ["memory", "load", "system", "devices"]);
});

Deno.test("Hardware.detect() without refresh does not wait for the refresh of somebody else", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  const first = await hardware.detect();
  const gate = Promise.withResolvers<void>();
  machine.gate = gate.promise;
  const refreshed = hardware.detect({ refresh: true });
  machine.clock.advance(5_000);
  assert.deepEqual(await hardware.detect(), first);
  // What is too old is not read twice at a time.
  machine.clock.advance(1);
  const shares = hardware.detect();
  gate.resolve();
  assert.deepEqual(await shares, await refreshed);
  assert.deepEqual(machine.asked, ["system", "devices", "system", "devices"]);
});

Deno.test("Hardware.detect() shares what is in progress among all who call meanwhile", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  const gate = Promise.withResolvers<void>();
  machine.gate = gate.promise;
  const calls = [false, true, false].map((refresh) => hardware.detect({ refresh }));
  gate.resolve();
  const [first, ...others] = await Promise.all(calls);
  for (const other of others) assert.deepEqual(other, first);
  machine.clock.advance(6_000);
  await Promise.all([hardware.detect(), hardware.detect(), hardware.select(["cpu"])]);
  assert.deepEqual(machine.asked, ["system", "devices", "memory", "load"]);
});

Deno.test("Hardware.detect() with refresh waits for no older reading of memory, which never replaces it", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  await hardware.detect();
  machine.clock.advance(6_000);
  const gate = Promise.withResolvers<void>();
  machine.gate = gate.promise;
  const renewed = hardware.detect();
  machine.gate = Promise.resolve();
  const { memory } = await hardware.detect({ refresh: true });
  assert.deepEqual(machine.asked.slice(2), ["memory", "load", "system", "devices"]);
  const [gpu] = (await hardware.detect()).devices;
  gate.resolve();
  assert.notEqual((await renewed).devices[0]?.freeBytes, gpu?.freeBytes);
  const last = await hardware.detect();
  assert.deepEqual([last.devices[0], last.memory], [gpu, memory]);
});

Deno.test("Hardware.detect() goes on when a caller leaves, for the others", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  const gate = Promise.withResolvers<void>();
  machine.gate = gate.promise;
  const leaving = new AbortController();
  const left = hardware.detect({ signal: leaving.signal });
  const stays = hardware.detect();
  leaving.abort(new Error("left"));
  await assert.rejects(left, /^Error: left$/);
  gate.resolve();
  assert.equal((await stays).hostname, "machine-7");
  assert.deepEqual(machine.asked, ["system", "devices"]);
  await assert.rejects(hardware.detect({ signal: leaving.signal }), /^Error: left$/);
});

Deno.test("Hardware.detect() asks again after a failure, and tells it to nobody who has left", async () => {
  const machine = new Machine();
  let failures = 1;
  const readSystem: HardwareDeps["readSystem"] = () =>
    failures-- > 0 ? Promise.reject(new Error("broken")) : Promise.resolve(SYSTEM);
  await using hardware = new Hardware({ ...machine.deps, readSystem });
  const gate = Promise.withResolvers<void>();
  machine.gate = gate.promise;
  const leaving = new AbortController();
  const left = hardware.detect({ signal: leaving.signal });
  const stays = hardware.detect();
  leaving.abort(new Error("left"));
  await assert.rejects(left, /left/);
  gate.resolve();
  await assert.rejects(stays, /^Error: broken$/);
  assert.equal((await hardware.detect()).hostname, "machine-7");
});

Deno.test("Hardware ends what is in progress when it is disposed, and refuses more", async () => {
  const machine = new Machine();
  const hardware = new Hardware(machine.deps);
  const gate = Promise.withResolvers<void>();
  machine.gate = gate.promise;
  const waiting = assert.rejects(hardware.detect(), { code: "shutting_down" });
  const disposed = hardware[Symbol.asyncDispose]();
  gate.resolve();
  await Promise.all([waiting, disposed]);
  await assert.rejects(hardware.detect(), { code: "shutting_down" });
  await assert.rejects(hardware.select(["cpu"]), { code: "shutting_down" });
  await hardware[Symbol.asyncDispose]();
  assert.deepEqual(machine.asked, ["system", "devices"]);
});

Deno.test("Hardware shows the health of devices as it is at that moment", async () => {
  let sick: string[] = [];
  const healthOf = (id: string): Device["health"] => sick.includes(id) ? "unhealthy" : "healthy";
  await using hardware = new Hardware({ ...new Machine().deps, healthOf });
  assert.equal((await hardware.select(["cuda", "cpu"])).id, "cuda:0");
  sick = ["cuda:0"];
  assert.deepEqual((await hardware.detect()).devices.map(({ health }) => health), [
    "unhealthy",
    "healthy",
  ]);
  assert.equal((await hardware.select(["cuda", "cpu"])).id, "cpu");
});

Deno.test("Hardware.select() checks its arguments before it asks anything", async () => {
  const machine = new Machine();
  await using hardware = new Hardware(machine.deps);
  await assert.rejects(hardware.select(["gpu"]), { code: "invalid_input" });
  assert.deepEqual(machine.asked, []);
  await assert.rejects(hardware.select(["cuda"], { minFreeBytes: 101 }), (error) => {
    assert.ok(error instanceof SnakedenError);
    assert.equal(error.code, "device_unavailable");
    assert.deepEqual(error.details, {
      tried: [{ want: "cuda", why: "cuda:0 has 100 bytes free, of 101 needed" }],
    });
    return true;
  });
});
