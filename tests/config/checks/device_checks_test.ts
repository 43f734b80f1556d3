import assert from "node:assert/strict";
import { type ConfigInput, parseConfig } from "../../../src/config/mod.ts";
import { InvalidInputError } from "../../../src/errors.ts";

/** The problems of a pool with these keys, by path. */
function problemsOf(pool: Record<string, unknown>): Record<string, string> {
  try {
    parseConfig({ pools: [{ name: "p", ...pool }] } as ConfigInput);
    return {};
  } catch (error) {
    assert.ok(error instanceof InvalidInputError);
    return Object.fromEntries(error.issues.map((it) => [it.path, it.message]));
  }
}

const IDS = ["cuda:0", "cuda:15", "cuda:0:1", "rocm:1", "xpu:0", "mps", "cpu"];

Deno.test("parseConfig() takes the devices of a pool as a word or as ids", () => {
  for (const devices of ["inherit", "auto", "cuda", "rocm", "mps", "xpu", "cpu", IDS]) {
    assert.deepEqual(problemsOf({ devices }), {});
  }
});

for (
  const [devices, path, given] of [
    ["gpu", "devices", '"gpu"'],
    ["cuda:0", "devices", '"cuda:0"'],
    [2, "devices", "2"],
    [[], "devices", "a list of 0"],
    [null, "devices", "null"],
    [["cuda:0", "cuda:x"], "devices[1]", '"cuda:x"'],
    [["cuda"], "devices[0]", '"cuda"'],
    [["cuda:00"], "devices[0]", '"cuda:00"'],
    [["cuda:-1"], "devices[0]", '"cuda:-1"'],
    [["rocm:0:1"], "devices[0]", '"rocm:0:1"'],
    [["mps:0"], "devices[0]", '"mps:0"'],
    [[0], "devices[0]", "0"],
  ] as const
) {
  Deno.test(`parseConfig() refuses the devices ${JSON.stringify(devices)}, and says what is allowed`, () => {
    const ids = "cuda:N, cuda:N:M (a MIG instance), rocm:N, xpu:N, mps or cpu";
    const allowed = path === "devices"
      ? 'inherit, auto, cuda, rocm, mps, xpu, cpu, or a list of ids such as ["cuda:0", "cuda:1"]; ' +
        `an id is ${ids}`
      : `in a list, ids: ${ids}; a word such as "auto" or "cuda" stands alone`;
    assert.deepEqual(problemsOf({ devices }), {
      [`pools[0].${path}`]: `given ${given}; allowed: ${allowed}`,
    });
  });
}

Deno.test("parseConfig() refuses a device that is named twice", () => {
  assert.deepEqual(problemsOf({ devices: ["cuda:0", "cuda:1", "cuda:0"] }), {
    "pools[0].devices[2]":
      'given "cuda:0", which is pools[0].devices[0] already; allowed: each device once',
  });
});

Deno.test("parseConfig() refuses keys of devices in a pool that has none of its own", () => {
  for (const devices of [{}, { devices: "inherit" }]) {
    assert.deepEqual(
      problemsOf({ ...devices, workersPerDevice: 2, deviceMemoryPerWorkerBytes: 2 ** 30 }),
      {
        "pools[0].workersPerDevice": "given 2 in a pool without devices of its own; allowed: " +
          'beside devices other than "inherit"',
        "pools[0].deviceMemoryPerWorkerBytes": "given 1073741824 in a pool without devices of " +
          'its own; allowed: beside devices other than "inherit"',
      },
    );
  }
});

Deno.test("parseConfig() refuses variables that would contradict the devices", () => {
  const names = [
    "CUDA_DEVICE_ORDER",
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
    "ZE_FLAT_DEVICE_HIERARCHY",
  ];
  const pool = {
    env: { ...Object.fromEntries(names.map((name) => [name, "0"])), JAX_PLATFORMS: "cpu" },
    inheritEnv: ["XLA_FLAGS", ...names],
  };
  assert.deepEqual(problemsOf({ ...pool, devices: "inherit" }), {});
  const problems = problemsOf({ ...pool, devices: "auto" });
  assert.deepEqual(Object.keys(problems), [
    ...names.map((name) => `pools[0].env.${name}`),
    ...names.map((_, k) => `pools[0].inheritEnv[${k + 1}]`),
  ]);
  assert.equal(
    problems["pools[0].env.CUDA_VISIBLE_DEVICES"],
    "given CUDA_VISIBLE_DEVICES, which Snakeden sets for the devices of the pool; allowed: any " +
      'other variable, or this one with devices "inherit"',
  );
});

Deno.test("parseConfig() leaves the size open only where it depends on the devices", () => {
  const sizeOf = (pool: Record<string, unknown>): unknown =>
    parseConfig({ pools: [{ name: "p", ...pool }] }).pools[0]?.size;
  assert.equal(typeof sizeOf({}), "number");
  assert.equal(sizeOf({ devices: "auto" }), undefined);
  assert.equal(sizeOf({ devices: ["cuda:0"], workersPerDevice: 2 }), undefined);
  assert.equal(sizeOf({ devices: "auto", size: 4 }), 4);
});

Deno.test("parseConfig() leaves a configuration with devices as it is when it is parsed again", () => {
  const config = parseConfig({
    pools: [{ name: "a", devices: "auto" }, { name: "b", devices: IDS, workersPerDevice: 2 }],
  });
  assert.deepEqual(parseConfig(config), config);
});
