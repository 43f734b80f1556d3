import assert from "node:assert/strict";
import {
  type GpuLoad,
  readAmdMetric,
  readAmdStatic,
  readRocmCards,
  withLoad,
} from "../../../src/hardware/probes/amd_tables.ts";

const MIB = 1024 * 1024;

const MI210 = {
  gpu: 0,
  asic: {
    market_name: "AMD Instinct MI210",
    target_graphics_version: "gfx90a",
    num_compute_units: 104,
    asic_serial: "0x00000000000A1B2C",
  },
  vram: { type: "HBM", size: { value: 65_520, unit: "MB" } },
  driver: { name: "amdgpu", version: "6.10.5" },
  numa: { node: 1 },
};

Deno.test("readAmdStatic() reads the list of old versions and the object of ROCm 7", () => {
  for (const json of [[MI210], { gpu_data: [MI210] }]) {
    const { rows, unreadable } = readAmdStatic(JSON.stringify(json, null, 4));
    assert.deepEqual(unreadable, []);
    assert.deepEqual(rows, [{
      id: "rocm:0",
      kind: "rocm",
      index: 0,
      uuid: "GPU-00000000000a1b2c",
      name: "AMD Instinct MI210",
      arch: "gfx90a",
      memoryBytes: 65_520 * MIB,
      freeBytes: null,
      unified: false,
      driver: "6.10.5",
      runtime: null,
      utilization: null,
      temperatureCelsius: null,
      powerWatts: null,
      mig: null,
      visible: true,
      health: "healthy",
    }]);
  }
});

Deno.test("readAmdStatic() reads sizes with units, without units and as text", () => {
  const sizes: readonly (readonly [unknown, number | null])[] = [
    [65_520, 65_520 * MIB],
    ["65520", 65_520 * MIB],
    ["65520 MB", 65_520 * MIB],
    [{ value: "64", unit: "GB" }, 64 * 1024 * MIB],
    [{ value: 64, unit: "parsecs" }, null],
    ["N/A", null],
    [{ value: "N/A", unit: "MB" }, null],
    [{ value: -1, unit: "MB" }, null],
    [0, null],
    [null, null],
    [{}, null],
    [{ value: { value: 1 } }, null],
  ];
  for (const [size, bytes] of sizes) {
    const { rows } = readAmdStatic(JSON.stringify([{ ...MI210, vram: { size } }]));
    assert.equal(rows[0]?.memoryBytes, bytes, JSON.stringify(size));
  }
});

Deno.test("readAmdStatic() knows the older key of the driver, and that every value may be N/A", () => {
  const old = { ...MI210, driver: { driver_name: "amdgpu", driver_version: "6.3.6" } };
  assert.equal(readAmdStatic(JSON.stringify([old])).rows[0]?.driver, "6.3.6");
  const asic = { market_name: "N/A", target_graphics_version: "N/A", asic_serial: "N/A" };
  const bare = { gpu: 1, asic, vram: "N/A", driver: "N/A" };
  const { rows, unreadable } = readAmdStatic(JSON.stringify([bare]));
  assert.deepEqual(unreadable, []);
  assert.partialDeepStrictEqual(rows[0], {
    id: "rocm:1",
    name: "AMD GPU",
    uuid: null,
    arch: null,
    memoryBytes: null,
    driver: null,
  });
});

Deno.test("readAmdStatic() keeps the GPUs that it can read, in order", () => {
  const items = [{ ...MI210, gpu: 2 }, null, { gpu: 3 }, "x", { ...MI210, gpu: -1 }, MI210, MI210];
  const { rows, unreadable } = readAmdStatic(JSON.stringify(items));
  assert.deepEqual(rows.map(({ id }) => id), ["rocm:0", "rocm:2"]);
  assert.equal(unreadable.length, 5);
});

Deno.test("readAmdStatic() looks past warnings around the JSON", () => {
  const text = `WARNING: low power\n${JSON.stringify([MI210])}\nWARNING: done`;
  assert.equal(readAmdStatic(text).rows.length, 1);
});

Deno.test("readAmdMetric() reads memory, load, temperature and power", () => {
  const metric = {
    gpu: 0,
    usage: { gfx_activity: { value: 42, unit: "%" } },
    power: { socket_power: { value: 20, unit: "W" } },
    temperature: { edge: "N/A", hotspot: { value: 55, unit: "C" } },
    mem_usage: {
      total_vram: { value: 65_520, unit: "MB" },
      used_vram: { value: 520, unit: "MB" },
      free_vram: { value: 65_000, unit: "MB" },
    },
  };
  for (const json of [[metric], { gpu_data: [metric] }]) {
    assert.deepEqual(readAmdMetric(JSON.stringify(json)).rows, [{
      index: 0,
      usedBytes: 520 * MIB,
      freeBytes: 65_000 * MIB,
      utilization: 0.42,
      temperatureCelsius: 55,
      powerWatts: 20,
    }]);
  }
});

Deno.test("readRocmCards() reads bytes as text, keys in any case, and skips what is no card", () => {
  const text = JSON.stringify({
    card1: {
      "Card Series": "N/A",
      "Card Model": "0x744c",
      "VRAM Total Memory (B)": "536870912",
      "VRAM Total Used Memory (B)": "36870912",
      "GPU use (%)": "7",
      "GFX Version": "gfx1100",
    },
    card0: {
      "Card series": "Radeon RX 7900 XTX",
      "VRAM Total Memory (B)": "25753026560",
      "VRAM Total Used Memory (B)": "12000000000",
      "Unique ID": "0x1234",
    },
    system: { "Driver version": "6.7.0" },
  });
  const { rows, unreadable } = readRocmCards(text);
  assert.deepEqual(unreadable, []);
  assert.partialDeepStrictEqual(rows.map(({ device }) => device), [
    {
      id: "rocm:0",
      name: "Radeon RX 7900 XTX",
      memoryBytes: 25_753_026_560,
      freeBytes: 13_753_026_560,
      uuid: "GPU-0000000000001234",
      driver: "6.7.0",
      arch: null,
      utilization: null,
    },
    {
      id: "rocm:1",
      name: "0x744c",
      memoryBytes: 536_870_912,
      freeBytes: 500_000_000,
      uuid: null,
      driver: "6.7.0",
      arch: "gfx1100",
      utilization: 0.07,
    },
  ]);
});

Deno.test("readRocmCards() makes no device of text", () => {
  const text = Array.from({ length: 12 }, (_, i) => `GPU  Temp  line ${i}`).join("\n");
  assert.deepEqual(readRocmCards(text).rows, []);
  assert.deepEqual(readRocmCards(JSON.stringify({ card0: {}, card1: "x", cardx: 1 })).rows, []);
  assert.deepEqual(readRocmCards(JSON.stringify({ error: "no driver" })).unreadable.length, 1);
});

Deno.test("withLoad() takes no free memory that does not fit the device", () => {
  const [device] = readAmdStatic(JSON.stringify([MI210])).rows;
  assert.ok(device);
  const load: GpuLoad = {
    index: 0,
    usedBytes: null,
    freeBytes: null,
    utilization: 0.5,
    temperatureCelsius: null,
    powerWatts: null,
  };
  const free = (values: Partial<GpuLoad>): number | null =>
    withLoad(device, { ...load, ...values }).freeBytes;
  assert.equal(free({ usedBytes: 20 * MIB }), 65_500 * MIB);
  assert.equal(free({ freeBytes: 10, usedBytes: 20 * MIB }), 10);
  assert.equal(free({ freeBytes: 70_000 * MIB, usedBytes: 20 * MIB }), 65_500 * MIB);
  assert.equal(free({ usedBytes: 70_000 * MIB }), null);
  assert.equal(free({}), null);
  assert.equal(
    withLoad({ ...device, memoryBytes: null }, { ...load, usedBytes: 1 }).freeBytes,
    null,
  );
  assert.equal(withLoad({ ...device, utilization: 0.9 }, undefined).utilization, null);
});
