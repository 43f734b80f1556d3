import assert from "node:assert/strict";
import { InvalidInputError, SnakedenError } from "../../src/errors.ts";
import type { Device, HardwareInfo, HardwareProblem } from "../../src/hardware/mod.ts";
import { selectDevice, type SelectOptions } from "../../src/hardware/select_device.ts";
import { fakeDevice } from "../fixtures/fakes/fake_device.ts";

const GIB = 2 ** 30;
const CPU = fakeDevice({ id: "cpu", kind: "cpu", freeBytes: 8 * GIB, unified: true });

function machine(
  devices: readonly Device[],
  problems: readonly HardwareProblem[] = [],
): HardwareInfo {
  const cores = { physicalCores: 4, logicalCores: 8, usableCores: 8 };
  return {
    hostname: null,
    platform: "linux-x86_64",
    cpu: { model: null, vendor: null, ...cores, features: [] },
    memory: { totalBytes: 16 * GIB, availableBytes: 8 * GIB, limitBytes: null },
    devices: [...devices, CPU],
    problems,
  };
}

const GPUS = machine([
  fakeDevice({ id: "cuda:0", kind: "cuda", freeBytes: GIB }),
  fakeDevice({ id: "cuda:1", kind: "cuda", freeBytes: 4 * GIB, index: 1 }),
  fakeDevice({
    id: "cuda:2:0",
    kind: "cuda",
    freeBytes: 2 * GIB,
    index: 2,
    mig: { profile: "1g.12gb", parent: "cuda:2" },
  }),
  fakeDevice({ id: "rocm:0", kind: "rocm" }),
  fakeDevice({ id: "mps", kind: "mps", unified: true }),
]);

const CHOICES: readonly [wanted: readonly string[], options: SelectOptions, id: string][] = [
  [["auto"], {}, "cuda:0"],
  [["cuda"], {}, "cuda:0"],
  [["cuda"], { minFreeBytes: 0 }, "cuda:0"],
  [["cuda"], { minFreeBytes: GIB }, "cuda:0"],
  [["cuda"], { minFreeBytes: GIB + 1 }, "cuda:1"],
  [["cuda:2:0"], { minFreeBytes: 2 * GIB }, "cuda:2:0"],
  [["cuda:2"], {}, "cuda:2:0"],
  [["cuda:9", "cuda:1"], {}, "cuda:1"],
  [["cpu", "cuda"], {}, "cpu"],
  [["xpu", "rocm"], {}, "rocm:0"],
  // The free memory of rocm:0 is unknown; mps has that of the machine.
  [["rocm", "mps"], { minFreeBytes: 1 }, "mps"],
  [["auto"], { minFreeBytes: 8 * GIB }, "mps"],
];

Deno.test("selectDevice() finds the first device that fits", async (t) => {
  for (const [wanted, options, id] of CHOICES) {
    await t.step(`${wanted.join()} ${JSON.stringify(options)} is ${id}`, () => {
      assert.equal(selectDevice(wanted, options)(GPUS).id, id);
    });
  }
});

/** Returns what was tried, as `want: why`, and the error. */
function refusal(
  wanted: readonly string[],
  options: SelectOptions,
  hardware: HardwareInfo,
): { readonly tried: string[]; readonly error: SnakedenError } {
  try {
    const { id } = selectDevice(wanted, options)(hardware);
    throw new Error(`${id} was selected`);
  } catch (error) {
    assert.ok(error instanceof SnakedenError, `${error}`);
    assert.equal(error.code, "device_unavailable");
    const tried = error.details["tried"] as { want: string; why: string }[];
    return { tried: tried.map(({ want, why }) => `${want}: ${why}`), error };
  }
}

Deno.test("selectDevice() says of each wanted device why it does not fit", () => {
  const gpus = machine([
    fakeDevice({ id: "cuda:0", kind: "cuda", visible: false, freeBytes: 9 * GIB }),
    fakeDevice({ id: "cuda:1", kind: "cuda", health: "unhealthy", freeBytes: 9 * GIB }),
    fakeDevice({ id: "cuda:2", kind: "cuda", freeBytes: GIB }),
    fakeDevice({ id: "rocm:0", kind: "rocm" }),
  ], [
    { probe: "xpu-smi", what: "timeout", text: "xpu-smi did not end within 3000 ms" },
    { probe: "system_profiler", what: "missing", text: "not on PATH" },
  ]);
  const { tried, error } = refusal(["cuda", "cuda:7", "auto"], { minFreeBytes: 9 * GIB }, gpus);
  assert.deepEqual(tried, [
    "cuda: the environment of the host hides cuda:0; " +
    "cuda:1 is unhealthy, since its workers crash too often; " +
    "cuda:2 has 1073741824 bytes free, of 9663676416 needed",
    "cuda:7: it was not found",
    "rocm: the free memory of rocm:0 is unknown, and 9663676416 are needed",
    "mps: it was not found; system_profiler: not on PATH",
    "xpu: it was not found; xpu-smi did not end within 3000 ms",
    "cpu: cpu has 8589934592 bytes free, of 9663676416 needed",
  ]);
  const has = "cuda:0 (cuda:0, hidden), cuda:1 (cuda:1), cuda:2 (cuda:2), rocm:0 (rocm:0), " +
    "cpu (cpu)";
  const why = tried.join("; ");
  assert.equal(error.message, `Cannot select a device: ${why} (this machine has ${has})`);
  assert.equal(error.retryable, true);
});

Deno.test("selectDevice() fails for good where a device is hidden or not there", () => {
  const hidden = machine([fakeDevice({ id: "cuda:0", kind: "cuda", visible: false })]);
  assert.equal(refusal(["cuda", "cuda:0", "rocm"], {}, hidden).error.retryable, false);
  const sick = machine([fakeDevice({ id: "cuda:0", kind: "cuda", health: "unhealthy" })]);
  assert.equal(refusal(["cuda"], {}, sick).error.retryable, true);
});

Deno.test("selectDevice() refuses unknown words before anything is asked, and names what is allowed", () => {
  const refused: readonly [wanted: unknown, minFreeBytes: unknown, path: string, given: string][] =
    [
      [["gpu"], undefined, "wanted[0]", '"gpu"'],
      [["cuda", "CUDA:0"], undefined, "wanted[1]", '"CUDA:0"'],
      [["cuda:"], undefined, "wanted[0]", '"cuda:"'],
      [["cuda:-1"], undefined, "wanted[0]", '"cuda:-1"'],
      [["cpu:0"], undefined, "wanted[0]", '"cpu:0"'],
      [["rocm:0:1"], undefined, "wanted[0]", '"rocm:0:1"'],
      [[7], undefined, "wanted[0]", "7"],
      [[], undefined, "wanted", "a list of 0"],
      ["cuda", undefined, "wanted", '"cuda"'],
      [undefined, undefined, "wanted", "undefined"],
      [["cuda"], -1, "minFreeBytes", "-1"],
      [["cuda"], 0.5, "minFreeBytes", "0.5"],
      [["cuda"], NaN, "minFreeBytes", "NaN"],
      [["cuda"], "1", "minFreeBytes", '"1"'],
    ];
  for (const [wanted, minFreeBytes, path, given] of refused) {
    const options = minFreeBytes === undefined ? {} : { minFreeBytes: minFreeBytes as number };
    assert.throws(() => selectDevice(wanted as string[], options), (error) => {
      assert.ok(error instanceof InvalidInputError);
      assert.equal(error.issues[0]?.path, path);
      assert.ok(error.message.includes(`${path}: given ${given}`), error.message);
      assert.match(
        error.message,
        path === "minFreeBytes" ? /; allowed: a whole / : /"auto", "cuda"/,
      );
      return true;
    });
  }
});
