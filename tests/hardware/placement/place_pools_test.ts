import assert from "node:assert/strict";
import { defaultPoolSize } from "../../../src/config/mod.ts";
import { InvalidInputError, SnakedenError } from "../../../src/errors.ts";
import {
  type HardwareInfo,
  needsHardware,
  type Placement,
  placePools,
  type PoolNeeds,
} from "../../../src/hardware/mod.ts";
import { CPU, device, gpus, machine, MIB, migInstance, pool } from "./machines.ts";

/** Places pools in a host whose environment has these variables. */
function place(
  pools: readonly PoolNeeds[],
  hardware: HardwareInfo | undefined,
  env: Readonly<Record<string, string>> = {},
): ReadonlyMap<string, Placement> {
  return placePools(pools, hardware, { env: (name) => env[name] });
}

/** Places one pool. */
function placeOne(
  needs: Partial<PoolNeeds>,
  hardware: HardwareInfo,
  env: Readonly<Record<string, string>> = {},
): Placement {
  const found = place([pool("p", needs)], hardware, env).get("p");
  assert.ok(found !== undefined);
  return found;
}

function idsOf({ places }: Placement): string[] {
  return places.map((it) => it.device.id);
}

/** The problems for which pools are refused, by path. */
function issuesOf(
  pools: readonly PoolNeeds[],
  hardware: HardwareInfo,
): Record<string, string> {
  try {
    place(pools, hardware);
  } catch (error) {
    assert.ok(error instanceof InvalidInputError, String(error));
    assert.equal(error.code, "config_invalid");
    return Object.fromEntries(error.issues.map((it) => [it.path, it.message]));
  }
  assert.fail("the pools are placed");
}

/** The error for devices that are not there. */
function refusalOf(
  pools: readonly PoolNeeds[],
  hardware: HardwareInfo,
  env: Readonly<Record<string, string>> = {},
): SnakedenError {
  try {
    place(pools, hardware, env);
  } catch (error) {
    assert.ok(error instanceof SnakedenError, String(error));
    assert.equal(error.code, "device_unavailable");
    return error;
  }
  assert.fail("the pools are placed");
}

Deno.test("placePools() gives the workers of 2 pools on 4 devices the right environment each", () => {
  const placements = place([
    pool("a", { devices: ["cuda:0", "cuda:1"] }),
    pool("b", { devices: ["cuda:3", "cuda:2"], workersPerDevice: 2 }),
  ], gpus(4));
  const cuda = (number: string): Record<string, string> => ({
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    CUDA_VISIBLE_DEVICES: number,
  });
  const shared = {
    XLA_PYTHON_CLIENT_MEM_FRACTION: "0.45",
    XLA_PYTHON_CLIENT_PREALLOCATE: "false",
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
  };
  const [a, b] = [placements.get("a"), placements.get("b")];
  assert.deepEqual([a?.size, b?.size], [2, 4]);
  assert.deepEqual(a?.places.map(({ env, share }) => [env, share]), [
    [cuda("0"), 1],
    [cuda("1"), 1],
  ]);
  assert.deepEqual(b?.places.map(({ env, share }) => [env, share]), [
    [{ ...cuda("3"), ...shared }, 0.5],
    [{ ...cuda("2"), ...shared }, 0.5],
  ]);
});

Deno.test("placePools() counts the workers of all pools on a device", () => {
  const placements = place([
    pool("a", { devices: "cuda" }),
    pool("b", { devices: ["cuda:1"], size: 3 }),
    pool("c"),
  ], gpus(2));
  const seen = [...placements].map(([name, { places }]) => [
    name,
    places.map(({ device, share, env }) => [
      device.id,
      share,
      env.XLA_PYTHON_CLIENT_MEM_FRACTION,
    ]),
  ]);
  assert.deepEqual(seen, [
    ["a", [["cuda:0", 1, undefined], ["cuda:1", 0.25, "0.22"]]],
    ["b", [["cuda:1", 0.25, "0.22"]]],
    ["c", []],
  ]);
});

Deno.test("placePools() takes the best kind that is there and visible for auto", () => {
  const rocm = device({ kind: "rocm", name: "MI210" });
  const mps = device({ kind: "mps", unified: true });
  const xpu = device({ kind: "xpu" });
  const hidden = device({ visible: false });
  const auto = { devices: "auto" } as const;
  assert.deepEqual(idsOf(placeOne(auto, machine([hidden, device({ index: 1 }), rocm]))), [
    "cuda:1",
  ]);
  assert.deepEqual(idsOf(placeOne(auto, machine([hidden, rocm, mps, xpu]))), ["rocm:0"]);
  assert.deepEqual(idsOf(placeOne(auto, machine([mps, xpu]))), ["mps"]);
  assert.deepEqual(idsOf(placeOne(auto, machine([xpu]))), ["xpu:0"]);
  const { size, ...onCpu } = placeOne(auto, machine([]));
  assert.deepEqual(idsOf({ size, ...onCpu }), ["cpu"]);
  assert.equal(size, defaultPoolSize());
});

Deno.test("placePools() warns if auto takes the processor beside a broken tool of a vendor", () => {
  const problems = [
    { probe: "nvidia-smi", what: "failed", text: "nvidia-smi exited with status 9" },
    { probe: "amd-smi", what: "missing", text: "amd-smi is not installed" },
    { probe: "hostname", what: "denied", text: "the name of the machine was not read" },
  ] as const;
  const warningOf = (needs: Partial<PoolNeeds>, hardware: HardwareInfo): string | undefined =>
    placeOne(needs, hardware).warning;
  const auto = { devices: "auto" } as const;
  assert.equal(
    warningOf(auto, machine([], { problems })),
    "it uses the processor, since no accelerator was found: nvidia-smi exited with status 9",
  );
  assert.equal(warningOf({ devices: "cpu" }, machine([], { problems })), undefined);
  assert.equal(warningOf(auto, machine([], { problems: problems.slice(1) })), undefined);
  const rocm = device({ kind: "rocm", name: "MI210" });
  assert.equal(warningOf(auto, machine([rocm], { problems })), undefined);
});

Deno.test("placePools() counts a divided GPU by its instances, with their UUIDs", () => {
  const divided = machine([
    device(),
    migInstance(0, 0),
    migInstance(0, 1),
    device({ index: 1 }),
  ]);
  for (const devices of ["cuda", ["cuda:0", "cuda:1"], ["cuda:0:0", "cuda:0:1", "cuda:1"]]) {
    const { size, places } = placeOne({ devices } as Partial<PoolNeeds>, divided);
    assert.equal(size, 3);
    assert.deepEqual(
      places.map(({ device, env }) => [device.id, env.CUDA_VISIBLE_DEVICES]),
      [["cuda:0:0", "MIG-0-0"], ["cuda:0:1", "MIG-0-1"], ["cuda:1", "1"]],
    );
  }
  // The probe may leave the whole GPU out.
  const { places } = placeOne({ devices: ["cuda:0"] }, machine([migInstance(0, 2)]));
  assert.deepEqual(places.map(({ device }) => device.id), ["cuda:0:2"]);
  assert.deepEqual(issuesOf([pool("p", { devices: ["cuda:0", "cuda:0:1"] })], divided), {
    "pools[0].devices": "given cuda:0:1 twice: by its id, and by that of its GPU; allowed: each " +
      "device once",
  });
});

for (
  const [kind, env, expected] of [
    ["rocm", {}, { HIP_VISIBLE_DEVICES: "2" }],
    // The worker inherits ROCR_VISIBLE_DEVICES, by which HIP would count differently.
    ["rocm", { ROCR_VISIBLE_DEVICES: "1,2" }, {
      ROCR_VISIBLE_DEVICES: "2",
      HIP_VISIBLE_DEVICES: "0",
    }],
    ["rocm", { HIP_VISIBLE_DEVICES: "2" }, { HIP_VISIBLE_DEVICES: "2" }],
    ["xpu", {}, { ZE_FLAT_DEVICE_HIERARCHY: "COMPOSITE", ZE_AFFINITY_MASK: "2" }],
    ["mps", {}, {}],
    ["cpu", {}, {
      CUDA_VISIBLE_DEVICES: "-1",
      HIP_VISIBLE_DEVICES: "-1",
      JAX_PLATFORMS: "cpu",
    }],
  ] as const
) {
  Deno.test(`placePools() sets the variables of ${kind} in a host with ${JSON.stringify(env)}`, () => {
    const hardware = machine(kind === "cpu" ? [] : [device({ kind, index: 2 })]);
    const [first] = placeOne({ devices: kind, size: 1 }, hardware, env).places;
    assert.deepEqual(first?.env, expected);
  });
}

Deno.test("placePools() lets the pool's own variables win", () => {
  const needs = {
    devices: "cuda",
    workersPerDevice: 2,
    env: { XLA_PYTHON_CLIENT_MEM_FRACTION: "0.3" },
    inheritEnv: ["TF_FORCE_GPU_ALLOW_GROWTH", "XLA_PYTHON_CLIENT_PREALLOCATE"],
  } as const;
  const variables = { TF_FORCE_GPU_ALLOW_GROWTH: "false" };
  const placed = placeOne({ ...needs, inheritEnv: [...needs.inheritEnv] }, gpus(1), variables);
  assert.deepEqual(placed.places[0]?.env, {
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    CUDA_VISIBLE_DEVICES: "0",
    // The host has none to inherit.
    XLA_PYTHON_CLIENT_PREALLOCATE: "false",
  });
});

Deno.test("placePools() needs no hardware for pools without accelerators", () => {
  const pools = [pool("a", { size: 3 }), pool("b", { devices: "cpu", workersPerDevice: 2 })];
  assert.equal(needsHardware(pools), false);
  const placements = place(pools, undefined);
  assert.deepEqual([...placements].map(([name, { size, places }]) => [name, size, places.length]), [
    ["a", 3, 0],
    ["b", 2, 1],
  ]);
  assert.deepEqual(placements.get("b")?.places[0]?.env, {
    CUDA_VISIBLE_DEVICES: "-1",
    HIP_VISIBLE_DEVICES: "-1",
    JAX_PLATFORMS: "cpu",
  });
  assert.equal(needsHardware([pool("c", { devices: "auto" })]), true);
  assert.equal(needsHardware([pool("c", { devices: ["cpu"] })]), true);
  const reserving = { devices: "cpu", deviceMemoryPerWorkerBytes: MIB } as const;
  assert.equal(needsHardware([pool("c", reserving)]), true);
});

Deno.test("placePools() takes a size that is a multiple of the devices", () => {
  assert.equal(placeOne({ devices: "cuda", size: 6 }, gpus(2)).size, 6);
  assert.equal(placeOne({ devices: "cuda", size: 4, workersPerDevice: 2 }, gpus(2)).size, 4);
  assert.equal(placeOne({ devices: ["cuda:0", "cpu"] }, gpus(1)).size, 2);
});

Deno.test("placePools() refuses sizes that do not suit the devices, with both numbers", () => {
  const pools = [
    pool("a", { devices: "cuda", size: 3 }),
    pool("b", { devices: ["cuda:1"], size: 3, workersPerDevice: 2 }),
    pool("c", { size: 3 }),
  ];
  assert.deepEqual(issuesOf(pools, gpus(2)), {
    "pools[0].size":
      "given 3, which is not a multiple of its 2 devices (cuda:0, cuda:1); allowed: " +
      "a multiple of 2",
    "pools[1].size": "given 3, but 1 device (cuda:1) with workersPerDevice 2 make 2 workers; " +
      "allowed: 2, or leave out one of the two keys",
  });
  const many = issuesOf([pool("a", { devices: "cuda", workersPerDevice: 64 })], gpus(5));
  assert.match(
    many["pools[0].workersPerDevice"] ?? "",
    /^given 64, which makes 320 workers on 5 devices .*; allowed: at most 256 workers$/,
  );
});

Deno.test("placePools() names the pool, the device and what is there for a device that is not", () => {
  const error = refusalOf([pool("models", { devices: ["cuda:1", "cuda:9"] })], gpus(2));
  assert.equal(
    error.message,
    "Cannot give every pool its devices; this machine has cuda:0 (NVIDIA L4), cuda:1 (NVIDIA " +
      "L4), cpu (EPYC)\n  pool models: cuda:9: it was not found",
  );
  assert.deepEqual(error.details, {
    tried: [{ pool: "models", want: "cuda:9", why: "it was not found" }],
  });
});

Deno.test("placePools() says why a kind is not there", () => {
  const without = machine([], {
    problems: [
      { probe: "nvidia-smi", what: "timeout", text: "nvidia-smi did not answer within 3000 ms" },
      { probe: "rocm-smi", what: "failed", text: "exit status 2" },
    ],
  });
  const error = refusalOf([
    pool("a", { devices: "cuda" }),
    pool("b", { devices: "rocm" }),
    pool("c", { devices: "mps" }),
  ], without);
  assert.deepEqual(error.details.tried, [
    {
      pool: "a",
      want: "cuda",
      why: "it was not found; nvidia-smi did not answer within 3000 ms",
    },
    { pool: "b", want: "rocm", why: "it was not found; rocm-smi: exit status 2" },
    { pool: "c", want: "mps", why: "it was not found" },
  ]);
  assert.match(error.message, /\n {2}pool a: cuda: .*\n {2}pool b: rocm: .*\n {2}pool c: mps: /);
});

Deno.test("placePools() says which variable of the host hides a device", () => {
  const hidden = machine([device(), device({ index: 1, visible: false })]);
  const whyOf = (env: Record<string, string>): unknown => {
    const error = refusalOf([pool("p", { devices: ["cuda:0", "cuda:1"] })], hidden, env);
    assert.match(error.message, /cuda:1 \(NVIDIA L4, hidden\),/);
    return (error.details.tried as { why: string }[]).map(({ why }) => why);
  };
  assert.deepEqual(whyOf({ CUDA_VISIBLE_DEVICES: "0" }), [
    "CUDA_VISIBLE_DEVICES=0 in the environment of the host hides it",
  ]);
  assert.deepEqual(whyOf({}), ["the environment of the host hides it"]);
  const amd = machine([device({ kind: "rocm", visible: false })]);
  const error = refusalOf([pool("p", { devices: "rocm" })], amd, {
    ROCR_VISIBLE_DEVICES: "1",
    HIP_VISIBLE_DEVICES: "0",
    CUDA_VISIBLE_DEVICES: "0",
  });
  assert.match(
    error.message,
    /rocm: ROCR_VISIBLE_DEVICES=1 and HIP_VISIBLE_DEVICES=0 in the environment of the host hides/,
  );
  // Other pools may use what is visible.
  assert.deepEqual(idsOf(placeOne({ devices: "cuda" }, hidden)), ["cuda:0"]);
});

Deno.test("placePools() keeps the processor for itself when accelerators are hidden", () => {
  const { places } = placeOne({ devices: "auto", size: 1 }, machine([device({ visible: false })]));
  assert.deepEqual(places.map((it) => it.device), [CPU]);
});
