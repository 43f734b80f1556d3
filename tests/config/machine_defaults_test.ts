import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseConfig } from "../../src/config/mod.ts";
import {
  defaultPoolSize,
  defaultSharedMemoryBytes,
  defaultTotalBytes,
  limitOf,
  type MachineLimits,
  machineLimits,
} from "../../src/config/machine_defaults.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const SHOWS_LIMITS = fileURLToPath(
  new URL("../fixtures/processes/shows_limits.ts", import.meta.url),
);

/** Returns the limits and defaults of a process with these flags that `launcher` starts. */
async function defaultsIn(
  flags: readonly string[],
  launcher: readonly string[] = [],
): Promise<{ limits: MachineLimits; size: number; sharedMemoryBytes: number }> {
  const [program = "", ...args] = [
    ...launcher,
    Deno.execPath(),
    "run",
    "--no-prompt",
    "--allow-read",
    ...flags,
    SHOWS_LIMITS,
  ];
  const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function has(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

Deno.test("defaultPoolSize() is the usable cores, at least 2 and at most 256", () => {
  const sizes = [1, 2, 7, 64, 512].map((usableCores) => defaultPoolSize(1, { usableCores }));
  assert.deepEqual(sizes, [2, 2, 7, 64, 256]);
});

Deno.test("defaultPoolSize() has 128 MiB for each worker, of the limit before the machine's memory", () => {
  const size = (bytes: Partial<MachineLimits>, pools = 1): number =>
    defaultPoolSize(pools, { usableCores: 16, ...bytes });
  assert.equal(size({ totalBytes: 64 * GIB }), 16);
  assert.equal(size({ totalBytes: GIB }), 8);
  assert.equal(size({ totalBytes: 64 * GIB, limitBytes: GIB }), 8);
  assert.equal(size({ totalBytes: 64 * GIB, limitBytes: GIB }, 2), 4);
  assert.equal(size({ totalBytes: 64 * GIB, limitBytes: GIB }, 64), 2);
  assert.equal(size({ limitBytes: 64 * MIB }), 2);
});

Deno.test("defaultSharedMemoryBytes() takes half of the limit at most, in whole MiB from 16 to 256", () => {
  const limited = (workers: number, limitBytes?: number): number =>
    defaultSharedMemoryBytes(workers, { usableCores: 4, totalBytes: GIB, limitBytes }) / MIB;
  assert.equal(limited(4), 256);
  assert.equal(limited(4, 64 * GIB), 256);
  assert.equal(limited(4, 2 * GIB), 128);
  assert.equal(limited(3, 2 * GIB), 170);
  assert.equal(limited(64, 2 * GIB), 16);
});

Deno.test("defaultTotalBytes() shrinks in a container with less than 2 GiB, in whole MiB", () => {
  const total = (limitBytes?: number): number =>
    defaultTotalBytes(512 * MIB, { usableCores: 4, totalBytes: GIB, limitBytes }) / MIB;
  assert.deepEqual([total(), total(2 * GIB), total(GIB), total(GIB + 1)], [512, 512, 256, 256]);
  assert.equal(total(16 * MIB), 8);
});

Deno.test("parseConfig() keeps the size and the shared memory that a pool has", () => {
  const pools = [
    { name: "a", size: 3, sharedMemoryBytes: 0 },
    { name: "b", size: 200, sharedMemoryBytes: 300 * MIB },
  ];
  const parsed = parseConfig({ pools }).pools;
  assert.deepEqual(
    parsed.map(({ name, sharedMemoryBytes, size }) => ({ name, size, sharedMemoryBytes })),
    pools,
  );
});

Deno.test("machineLimits() asks for memory only with the permission, without a prompt", async () => {
  const { limits, ...defaults } = await defaultsIn([]);
  const cores = navigator.hardwareConcurrency;
  assert.deepEqual(limits, { usableCores: cores });
  assert.deepEqual(defaults, {
    size: Math.min(256, Math.max(2, cores)),
    sharedMemoryBytes: 256 * MIB,
  });
  const granted = await defaultsIn(["--allow-sys=systemMemoryInfo"]);
  assert.deepEqual(granted.limits, JSON.parse(JSON.stringify(machineLimits())));
  assert.ok((granted.limits.totalBytes ?? 0) > 64 * MIB);
});

Deno.test("limitOf() takes what the machine has, or more, for no limit", () => {
  assert.equal(limitOf(undefined, 100), undefined);
  assert.equal(limitOf(0, 100), undefined);
  assert.equal(limitOf(2 ** 63, 100), undefined);
  assert.equal(limitOf(101, 100), undefined);
  assert.equal(limitOf(100, 100), undefined);
  assert.equal(limitOf(7, 100), 7);
});

Deno.test({
  name: "machineLimits() counts the cores that the affinity allows",
  // Only util-linux has taskset.
  ignore: !await has("taskset"),
  fn: async () => {
    const allowed = await Deno.readTextFile("/proc/self/status");
    const [, first = "0"] = /^Cpus_allowed_list:\s*(\d+)/m.exec(allowed) ?? [];
    const { limits, size } = await defaultsIn([], ["taskset", "-c", first]);
    assert.deepEqual([limits.usableCores, size], [1, 2]);
  },
});
