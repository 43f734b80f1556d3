import assert from "node:assert/strict";
import { readDisplays } from "../../../src/hardware/probes/system_profiler.ts";

const M1 = {
  _name: "kHW_AppleM1Item",
  sppci_model: "Apple M1",
  sppci_cores: "7",
  sppci_device_type: "spdisplays_gpu",
  spdisplays_mtlgpufamilysupport: "spdisplays_metal3",
  spdisplays_vendor: "sppci_vendor_Apple",
  spdisplays_ndrvs: [{ "_spdisplays_display-serial-number": "SECRET" }],
};
const RADEON = {
  sppci_model: "AMD Radeon Pro 5500M",
  spdisplays_mtlgpufamilysupport: "spdisplays_metal3",
  spdisplays_vram: "8 GB",
  spdisplays_vendor: "sppci_vendor_amd",
};
const UHD = {
  sppci_model: "Intel UHD Graphics 630",
  spdisplays_metal: "spdisplays_supported",
  spdisplays_vram: "1536 MB",
  spdisplays_vendor: "Intel",
};

function displays(...items: readonly unknown[]): string {
  return JSON.stringify({ SPDisplaysDataType: items });
}

Deno.test("readDisplays() reads the GPU of Apple, which has the memory of the machine", () => {
  const { rows, unreadable } = readDisplays(displays(M1));
  assert.deepEqual(unreadable, []);
  assert.partialDeepStrictEqual(rows, [{
    id: "mps",
    kind: "mps",
    index: 0,
    name: "Apple M1",
    arch: "metal3",
    memoryBytes: null,
    unified: true,
    uuid: null,
  }]);
  assert.doesNotMatch(JSON.stringify(rows), /SECRET/);
});

Deno.test("readDisplays() takes the GPU with the most memory of an Intel Mac", () => {
  const { rows } = readDisplays(displays(UHD, RADEON));
  assert.partialDeepStrictEqual(rows, [{
    id: "mps",
    name: "AMD Radeon Pro 5500M",
    memoryBytes: 8 * 1024 ** 3,
    unified: false,
  }]);
  assert.partialDeepStrictEqual(readDisplays(displays(UHD)).rows, [{
    arch: "metal",
    memoryBytes: 1536 * 1024 ** 2,
  }]);
});

Deno.test("readDisplays() lists no GPU without Metal, and no text as one", () => {
  const old = { sppci_model: "NVIDIA GeForce 9400M", spdisplays_vram: "256 MB" };
  assert.deepEqual(readDisplays(displays(old)), { rows: [], unreadable: [] });
  assert.deepEqual(readDisplays(displays()), { rows: [], unreadable: [] });
  assert.equal(readDisplays("Graphics/Displays:\n").unreadable.length, 1);
  assert.equal(readDisplays(`{"SPDisplaysDataType": 3}`).unreadable.length, 1);
});
