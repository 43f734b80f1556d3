import assert from "node:assert/strict";
import { readXpuList } from "../../../src/hardware/probes/xpu_smi.ts";

const GPU = {
  device_id: 0,
  device_name: "Intel(R) Graphics [0x020a]",
  pci_bdf_address: "0000:4d:00.0",
  uuid: "00000000-0000-0000-0000-020a00008086",
};

Deno.test("readXpuList() reads devices, of which it does not know the memory", () => {
  const { rows, unreadable } = readXpuList(JSON.stringify({ device_list: [GPU] }));
  assert.deepEqual(unreadable, []);
  assert.partialDeepStrictEqual(rows, [{
    id: "xpu:0",
    kind: "xpu",
    index: 0,
    name: "Intel(R) Graphics [0x020a]",
    uuid: "00000000-0000-0000-0000-020a00008086",
    memoryBytes: null,
    freeBytes: null,
    unified: false,
  }]);
});

Deno.test("readXpuList() reads the memory where a version tells it", () => {
  for (const size of [25_753_026_560, "25753026560"]) {
    const text = JSON.stringify([{ ...GPU, memory_physical_size_byte: size }]);
    assert.equal(readXpuList(text).rows[0]?.memoryBytes, 25_753_026_560);
  }
});

Deno.test("readXpuList() keeps the devices that it can read", () => {
  const items = [{ ...GPU, device_id: 1 }, GPU, GPU, { device_id: 2 }, null];
  const { rows, unreadable } = readXpuList(JSON.stringify({ device_list: items }));
  assert.deepEqual(rows.map(({ id }) => id), ["xpu:0", "xpu:1"]);
  assert.equal(unreadable.length, 3);
  assert.deepEqual(readXpuList(`{"device_list": []}`), { rows: [], unreadable: [] });
  assert.equal(readXpuList(`{"error": "no device"}`).unreadable.length, 1);
});
