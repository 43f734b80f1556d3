import assert from "node:assert/strict";
import { freeDeviceBytes, type HardwareInfo } from "../../../src/hardware/mod.ts";
import { device, machine, MIB } from "./machines.ts";

for (
  const [title, fields, expected] of [
    ["what the tool says", { freeBytes: 5 * MIB }, 5 * MIB],
    ["nothing if it is full", { freeBytes: 0 }, 0],
    ["what the machine has, if it shares its memory", { freeBytes: null, unified: true }, 7 * MIB],
    ["null if it is unknown", { freeBytes: null }, null],
    ["null if the device has gone", { id: "cuda:5" }, null],
  ] as const
) {
  Deno.test(`freeDeviceBytes() returns the memory of a device: ${title}`, async () => {
    const info = machine([device(fields)], {
      memory: { totalBytes: 9 * MIB, availableBytes: 7 * MIB, limitBytes: null },
    });
    const ages: unknown[] = [];
    const detect = ({ maxAgeMs }: { maxAgeMs?: number } = {}): Promise<HardwareInfo> => {
      ages.push(maxAgeMs);
      return Promise.resolve(info);
    };
    assert.equal(await freeDeviceBytes({ detect }, "cuda:0"), expected);
    // A worker that was loaded a moment ago counts.
    assert.deepEqual(ages, [0]);
  });
}
