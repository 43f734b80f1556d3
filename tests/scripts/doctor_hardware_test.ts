import assert from "node:assert/strict";
import { type Finding } from "../../scripts/doctor/finding.ts";
import {
  coresFinding,
  hardwareFindings,
  memoryNeedFinding,
  type PoolNeed,
  unusedDevicesFindings,
} from "../../scripts/doctor/hardware.ts";
import { hardwareInfo } from "../fixtures/hardware_info.ts";
import { device } from "../hardware/placement/machines.ts";

const GIB = 2 ** 30;

function need(more: Partial<PoolNeed> = {}): PoolNeed {
  return { name: "a", size: 2, threads: 1, limits: {}, ...more };
}

function textsOf(findings: readonly Finding[]): string[] {
  return findings.map(({ name, state, text }) => `${state} ${name}: ${text}`);
}

Deno.test("hardwareFindings() shows what may be used of the machine", () => {
  const info = hardwareInfo({
    cpu: { logicalCores: 64, usableCores: 2 },
    memory: { totalBytes: 256 * GIB, availableBytes: 1.5 * GIB, limitBytes: GIB / 2 },
    devices: [device(), device({ index: 1, visible: false, memoryBytes: null })],
  });
  assert.deepEqual(textsOf(hardwareFindings(info)), [
    "ok processor: EPYC: 2 of 64 logical cores may be used (affinity or quota)",
    "ok memory: at most 512 MiB of 256.0 GiB, 1.5 GiB available",
    "ok devices: cuda:0: NVIDIA L4, 23.4 GiB, compute capability 8.9, driver 595.71.05, up to " +
    "CUDA 13.2\n" +
    "cuda:1: NVIDIA L4, compute capability 8.9, driver 595.71.05, up to CUDA 13.2, hidden by a " +
    "variable of this environment",
  ]);
});

Deno.test("hardwareFindings() calls nothing a number that is unknown", () => {
  const info = hardwareInfo({
    cpu: { model: null, logicalCores: null, usableCores: 1 },
    memory: { totalBytes: null, availableBytes: null },
  });
  assert.deepEqual(textsOf(hardwareFindings(info)), [
    "ok processor: unknown model: 1 logical core",
    "ok memory: unknown size",
    "ok devices: no accelerator",
  ]);
});

Deno.test("hardwareFindings() warns of a probe that fails, and not of a tool that is missing", () => {
  const info = hardwareInfo({
    problems: [
      { probe: "rocm-smi", what: "missing", text: "no such program" },
      { probe: "nvidia-smi", what: "timeout", text: "no answer within 3000 ms" },
      { probe: "memory", what: "denied", text: "the memory was not read" },
      { probe: "CUDA_VISIBLE_DEVICES", what: "unreadable", text: "entry 1 names no device" },
    ],
  });
  assert.deepEqual(hardwareFindings(info).slice(3), [
    {
      name: "probe nvidia-smi",
      state: "warning",
      text: "no answer within 3000 ms",
      mend: "run nvidia-smi by hand to see why",
    },
    { name: "probe memory", state: "warning", text: "the memory was not read" },
    {
      name: "probe CUDA_VISIBLE_DEVICES",
      state: "warning",
      text: "entry 1 names no device",
      mend: "change or unset the variable CUDA_VISIBLE_DEVICES",
    },
  ]);
});

Deno.test("coresFinding() warns of more threads than usable cores, over all pools", () => {
  const on = (usableCores: number, ...pools: PoolNeed[]): string =>
    coresFinding(pools, hardwareInfo({ cpu: { usableCores } })).state;
  assert.equal(on(4, need(), need()), "ok");
  assert.equal(on(4, need(), need({ size: 3 })), "warning");
  assert.equal(on(4, need({ threads: 2 })), "ok");
  assert.equal(on(4, need({ threads: 3 })), "warning");
  // The default pool of a machine with one core has two workers.
  assert.equal(on(1, need()), "ok");
});

Deno.test("memoryNeedFinding() compares the declared, the measured, or a small need with the limit", () => {
  const memory = { totalBytes: 8 * GIB, limitBytes: GIB };
  const of = (...pools: PoolNeed[]): Finding => memoryNeedFinding(pools, hardwareInfo({ memory }));
  assert.deepEqual(
    textsOf([of(need(), need({ name: "b", rssBytes: 300 * 2 ** 20 }))]),
    [
      "ok memory for workers: a 2 x at least 64 MiB, b 2 x at least 300 MiB: 728 MiB of the " +
      "limit of 1024 MiB",
    ],
  );
  const declared = need({ limits: { memoryBytes: 0.75 * GIB }, rssBytes: 2 ** 20 });
  assert.deepEqual(
    textsOf([of(declared)]),
    [
      "warning memory for workers: a 2 x at most 768 MiB: 1536 MiB of the limit of 1024 MiB",
    ],
  );
  assert.equal(of(need({ size: 17 })).state, "warning");
  const machine = hardwareInfo({ memory: { totalBytes: 8 * GIB } });
  assert.match(memoryNeedFinding([declared], machine).text, /1536 MiB of 8192 MiB$/);
  const unknown = hardwareInfo({ memory: { totalBytes: null } });
  assert.equal(memoryNeedFinding([need({ size: 256 })], unknown).state, "ok");
});

Deno.test("unusedDevicesFindings() warns of accelerators that no pool assigns", () => {
  const info = hardwareInfo({
    devices: [device(), device({ index: 1, visible: false })],
  });
  assert.deepEqual(
    textsOf(unusedDevicesFindings(info, [{}, { devices: "inherit" }])),
    [
      "warning unused devices: cuda:0: no pool has `devices`, so every worker may use all of " +
      "them, or none",
    ],
  );
  assert.deepEqual(unusedDevicesFindings(info, [{}, { devices: "cpu" }]), []);
  assert.deepEqual(unusedDevicesFindings(hardwareInfo(), [{}]), []);
  const mac = hardwareInfo({ devices: [device({ kind: "mps" })] });
  assert.deepEqual(unusedDevicesFindings(mac, [{}]), []);
});
