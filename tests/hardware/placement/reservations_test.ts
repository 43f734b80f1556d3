import assert from "node:assert/strict";
import { InvalidInputError } from "../../../src/errors.ts";
import { type HardwareInfo, placePools, type PoolNeeds } from "../../../src/hardware/mod.ts";
import { device, gpus, machine, MIB, pool } from "./machines.ts";

const noEnv = { env: (): undefined => undefined };

/** The problems for which pools are refused, by path; none if they are placed. */
function issuesOf(pools: readonly PoolNeeds[], hardware: HardwareInfo): Record<string, string> {
  try {
    placePools(pools, hardware, noEnv);
    return {};
  } catch (error) {
    assert.ok(error instanceof InvalidInputError, String(error));
    return Object.fromEntries(error.issues.map((it) => [it.path, it.message]));
  }
}

/** A pool that reserves memory on some devices. */
function reserving(name: string, mebibytes: number, needs: Partial<PoolNeeds> = {}): PoolNeeds {
  return pool(name, {
    devices: "cuda",
    deviceMemoryPerWorkerBytes: mebibytes * MIB,
    ...needs,
  });
}

Deno.test("placePools() adds up the reservations of all pools on a device", () => {
  const pools = [
    reserving("models", 8_000, { workersPerDevice: 2 }),
    pool("small", { devices: "cuda" }),
    reserving("ocr", 8_001, { devices: ["cuda:1"] }),
  ];
  assert.deepEqual(issuesOf(pools, gpus(2)), {
    "pools[0].deviceMemoryPerWorkerBytes":
      "given 8388608000, which makes the pools reserve 24001 MiB of cuda:1 (NVIDIA L4) (models: " +
      "2 x 8000 MiB, ocr: 1 x 8001 MiB), which has 24000 MiB; allowed: at most " +
      "25165824000 bytes for all of them together",
  });
  const fitting = [...pools.slice(0, 2), reserving("ocr", 8_000, { devices: ["cuda:1"] })];
  assert.deepEqual(issuesOf(fitting, gpus(2)), {});
});

Deno.test("placePools() names one problem for devices that are alike", () => {
  assert.equal(Object.keys(issuesOf([reserving("a", 24_001)], gpus(4))).length, 1);
});

Deno.test("placePools() holds reservations of unified devices against the memory of the machine", () => {
  const unified = device({ memoryBytes: null, unified: true });
  const memory = { totalBytes: 64_000 * MIB, availableBytes: null, limitBytes: 16_000 * MIB };
  const pools = [reserving("a", 10_000), reserving("b", 6_001, { devices: "cpu", size: 1 })];
  const issues = issuesOf(pools, machine([unified], { memory }));
  assert.match(
    issues["pools[0].deviceMemoryPerWorkerBytes"] ?? "",
    /reserve 16001 MiB of the machine \(a: 1 x 10000 MiB, b: 1 x 6001 MiB\), which has 16000 MiB/,
  );
  const roomy = machine([unified], { memory: { ...memory, limitBytes: null } });
  assert.deepEqual(issuesOf(pools, roomy), {});
});

Deno.test("placePools() warns of reservations on a device whose memory is unknown", () => {
  const hardware = machine([device({ kind: "xpu", memoryBytes: null })]);
  const pools = [reserving("a", 1_000, { devices: "xpu" }), pool("b", { devices: "xpu" })];
  const placements = placePools(pools, hardware, noEnv);
  assert.equal(
    placements.get("a")?.warning,
    "its reservations are not checked, since the memory of xpu:0 is unknown",
  );
  assert.equal(placements.get("b")?.warning, undefined);
  const fractions = [...placements.values()].map(({ places }) =>
    places[0]?.env.XLA_PYTHON_CLIENT_MEM_FRACTION
  );
  assert.deepEqual(fractions, ["0.45", "0.45"]);
});

Deno.test("placePools() gives each worker the fraction that it reserves, and the others the rest", () => {
  const placements = placePools(
    [
      reserving("a", 12_000),
      pool("b", { devices: "cuda", workersPerDevice: 2 }),
      reserving("c", 1),
    ],
    gpus(1),
    noEnv,
  );
  const seen = [...placements.values()].map(({ places: [first] }) => [
    first?.reservedBytes,
    first?.share,
    first?.env.XLA_PYTHON_CLIENT_MEM_FRACTION,
  ]);
  assert.deepEqual(seen, [
    [12_000 * MIB, 0.5, "0.50"],
    [undefined, (1 - 12_001 / 24_000) / 2, "0.22"],
    [MIB, 0.01, "0.01"],
  ]);
});

Deno.test("placePools() gives a worker that is alone on its device all of it, whatever it reserves", () => {
  const [place] = placePools([reserving("a", 1)], gpus(1), noEnv).get("a")?.places ?? [];
  assert.equal(place?.share, 1);
  assert.equal(place?.env.XLA_PYTHON_CLIENT_MEM_FRACTION, undefined);
});

Deno.test("placePools() warns of workers without a reservation on a device that others reserve", () => {
  const placements = placePools(
    [
      reserving("a", 12_000, { workersPerDevice: 2 }),
      pool("b", { devices: "cuda" }),
    ],
    gpus(2),
    noEnv,
  );
  assert.equal(placements.get("a")?.warning, undefined);
  const { warning, places: [first] = [] } = placements.get("b") ?? {};
  assert.equal(warning, "other pools reserve all memory of cuda:0, cuda:1, and it reserves none");
  assert.deepEqual([first?.share, first?.env.XLA_PYTHON_CLIENT_MEM_FRACTION], [0.01, "0.01"]);
});
