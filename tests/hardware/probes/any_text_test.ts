/** Tests that no output of a tool makes a reader throw or invents a value. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Device } from "../../../src/hardware/mod.ts";
import {
  readAmdMetric,
  readAmdStatic,
  readRocmCards,
  withLoad,
} from "../../../src/hardware/probes/amd_tables.ts";
import {
  FALLBACK_FIELDS,
  LOAD_FIELDS,
  profileBytes,
  QUERY_FIELDS,
  readCudaVersion,
  readGpuList,
  readGpuRows,
} from "../../../src/hardware/probes/nvidia_tables.ts";
import { readDisplays } from "../../../src/hardware/probes/system_profiler.ts";
import { readXpuList } from "../../../src/hardware/probes/xpu_smi.ts";

const CELLS = [
  "0",
  "1",
  "-1",
  "NaN",
  "Infinity",
  "1e999",
  "99999999999999999999",
  "[N/A]",
  "[Unknown Error]",
  "GPU-1",
  "MIG-1",
  "00000000:01:00.0",
  "NVIDIA L4",
  "8.9",
  "Enabled",
  "GPU 0: NVIDIA (UUID: GPU-1)",
  "  MIG 1g.99999gb Device 0: (UUID: MIG-1)",
];
const cell = fc.oneof(fc.constantFrom(...CELLS), fc.string({ maxLength: 12 }));
const number = fc.oneof(fc.double(), fc.integer(), fc.nat(100_000), cell, fc.constant(null));
const index = fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: number });

/** A row whose first cells are those of a GPU. */
const gpuRow = fc.tuple(index, fc.array(fc.oneof(fc.nat(100_000), cell), { maxLength: 9 })).map(
  ([index, cells]) => [index, "GPU-1", "00000000:01:00.0", "NVIDIA L4", ...cells].join(", "),
);
const anyRow = fc.array(cell, { minLength: 1, maxLength: 14 }).map((cells) => cells.join(", "));
const table = fc.array(fc.oneof(gpuRow, anyRow, cell), { maxLength: 6 })
  .map((rows) => rows.join("\n"));

const quantity = fc.oneof(
  number,
  fc.record({ value: number, unit: fc.constantFrom("MB", "GB", "B", "W", "%", "__proto__", "") }),
);

/** An object with some of the keys of a tool, whose values may be anything. */
function item(values: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> {
  const loose = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      fc.oneof({ weight: 6, arbitrary: value }, { weight: 1, arbitrary: fc.jsonValue() }),
    ]),
  );
  return fc.record(loose, { requiredKeys: [] });
}

const amd = item({
  gpu: index,
  asic: item({ market_name: cell, target_graphics_version: cell, asic_serial: cell }),
  vram: item({ size: quantity }),
  driver: item({ version: cell }),
  mem_usage: item({ used_vram: quantity, free_vram: quantity }),
  usage: item({ gfx_activity: quantity }),
  power: item({ socket_power: quantity }),
  temperature: item({ edge: quantity, hotspot: quantity }),
});
const card = item({
  "Card series": cell,
  "VRAM Total Memory (B)": quantity,
  "VRAM Total Used Memory (B)": quantity,
  "GPU use (%)": quantity,
});
const display = item({
  sppci_model: cell,
  spdisplays_metal: fc.constantFrom("spdisplays_metal3", "spdisplays_supported"),
  spdisplays_vram: fc.constantFrom("8 GB", "0 MB", "N/A"),
});
const xpu = item({ device_id: index, device_name: cell, memory_physical_size_byte: quantity });
const json = fc.oneof(
  fc.array(amd, { maxLength: 3 }),
  item({ gpu_data: fc.array(amd, { maxLength: 3 }) }),
  item({ card0: card, card1: card, system: item({ "Driver version": cell }) }),
  item({ SPDisplaysDataType: fc.array(display, { maxLength: 3 }) }),
  item({ device_list: fc.array(xpu, { maxLength: 3 }) }),
  fc.jsonValue(),
).map((value) => JSON.stringify(value));
/** Texts of either form, whole, cut off, and wrapped in others. */
const output = fc.oneof(
  fc.string(),
  table,
  json,
  fc.tuple(fc.oneof(json, table), fc.nat(40)).map(([text, end]) => text.slice(0, -end)),
  fc.tuple(fc.string(), json, fc.string()).map((parts) => parts.join("\n")),
);

function checkNumber(value: number | null, name: string, { most = Infinity } = {}): void {
  if (value === null) return;
  assert.ok(Number.isFinite(value) && value >= 0 && value <= most, `${name} is ${value}`);
}

function checkDevice(device: Device): void {
  assert.match(device.id, /^(?:cuda|rocm|xpu):\d+$|^mps$/);
  assert.notEqual(device.name, "");
  assert.notEqual(device.memoryBytes, 0);
  checkNumber(device.memoryBytes, "memoryBytes", { most: Number.MAX_SAFE_INTEGER });
  checkNumber(device.freeBytes, "freeBytes", { most: device.memoryBytes ?? -1 });
  checkNumber(device.utilization, "utilization", { most: 1 });
  checkNumber(device.temperatureCelsius, "temperatureCelsius");
  checkNumber(device.powerWatts, "powerWatts");
}

Deno.test("the readers of tables take any text, and return no value that cannot be", () => {
  let found = 0;
  fc.assert(
    fc.property(output, (text) => {
      for (const fields of [QUERY_FIELDS, FALLBACK_FIELDS, LOAD_FIELDS]) {
        for (const row of readGpuRows(text, fields).rows) {
          found++;
          assert.notEqual(row.memoryBytes, 0);
          checkNumber(row.memoryBytes, "memoryBytes", { most: Number.MAX_SAFE_INTEGER });
          checkNumber(row.freeBytes, "freeBytes");
          checkNumber(row.utilization, "utilization", { most: 1 });
          checkNumber(row.temperatureCelsius, "temperatureCelsius");
          checkNumber(row.powerWatts, "powerWatts");
        }
      }
      for (const { instances } of readGpuList(text).rows) {
        for (const { profile } of instances) assert.notEqual(profileBytes(profile), 0);
      }
      assert.doesNotThrow(() => readCudaVersion(text));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("the readers of JSON take any text, and return no value that cannot be", () => {
  let found = 0;
  fc.assert(
    fc.property(output, output, (text, metric) => {
      const loads = readAmdMetric(metric).rows;
      const amd = readAmdStatic(text).rows.map((it) => withLoad(it, loads[0]));
      const cards = readRocmCards(text).rows.map(({ device }) => device);
      const all = [...amd, ...cards, ...readDisplays(text).rows, ...readXpuList(text).rows];
      found += all.length;
      for (const device of all) checkDevice(device);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(found > 100, `only ${found} devices were read`);
});

Deno.test("the readers of JSON refuse what would take long to read, and no large machine", () => {
  const list = (gpus: number, value: unknown): string =>
    JSON.stringify(Array.from({ length: gpus }, (_, gpu) => ({ gpu, asic: {}, value })));
  assert.equal(readAmdStatic(list(64, "x".repeat(4_000))).rows.length, 64);
  const deep = "[".repeat(100) + "]".repeat(100);
  const refused = {
    "more than any machine has": list(600, 1),
    "too long": list(1, "x".repeat(600_000)),
    "too deep": list(1, 1).replace('"value":1', `"value":${deep}`),
  };
  for (const [title, text] of Object.entries(refused)) {
    assert.deepEqual(readAmdStatic(text), { rows: [], unreadable: [text] }, title);
    const gpus = `{"device_list":${text}}`;
    assert.deepEqual(readXpuList(gpus), { rows: [], unreadable: [gpus] }, title);
  }
  const cards = JSON.stringify(
    Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`card${i}`, { "Card series": "A" }])),
  );
  assert.deepEqual(readRocmCards(cards), { rows: [], unreadable: [cards] });
});
