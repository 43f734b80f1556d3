import { Hardware, type HardwareInfo } from "../../src/hardware/mod.ts";
import type { Device } from "../../src/hardware/mod.ts";

const TICK_MS = 5;

/** The hardware of the machine, and what it took to find it. */
export interface Detection {
  readonly info: HardwareInfo;
  readonly milliseconds: number;
  /** The longest time for which the event loop was held meanwhile. */
  readonly heldMs: number;
}

/** Asks for the hardware of the machine once, as a host does. */
export async function detect(): Promise<Detection> {
  await using hardware = new Hardware();
  let heldMs = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    heldMs = Math.max(heldMs, now - last - TICK_MS);
    last = now;
  }, TICK_MS);
  try {
    const startedAt = performance.now();
    const info = await hardware.detect();
    return { info, milliseconds: performance.now() - startedAt, heldMs };
  } finally {
    clearInterval(timer);
  }
}

/** Returns the accelerators that pools with `devices: "auto"` use: all of the best kind. */
export function acceleratorsOf({ devices }: HardwareInfo): Device[] {
  const usable = devices.filter((it) => it.kind !== "cpu" && it.visible && it.health === "healthy");
  return usable.filter(({ kind }) => kind === usable[0]?.kind);
}

/** Describes a detection: a line for each device, and one for each probe that failed. */
export function describeDetection({ info, milliseconds, heldMs }: Detection): string {
  const devices = info.devices.filter(({ kind }) => kind !== "cpu").map(describeDevice);
  const problems = info.problems.map(({ probe, what, text }) => `${probe} (${what}): ${text}`);
  const { model, usableCores } = info.cpu;
  return [
    `in ${milliseconds.toFixed(0)} ms, with the event loop held for ${
      heldMs.toFixed(0)
    } ms at most`,
    `cpu: ${model ?? "of unknown model"}, ${usableCores} usable cores`,
    ...(devices.length === 0 ? ["no accelerator was found"] : devices),
    ...problems,
  ].join("\n");
}

function describeDevice(device: Device): string {
  const { id, name, arch, driver, runtime, uuid, mig, visible, health } = device;
  const facts = [
    arch === null ? "" : `arch ${arch}`,
    memoryText(device),
    driver === null ? "" : `driver ${driver}`,
    runtime === null ? "" : `for CUDA or ROCm up to ${runtime}`,
    uuid ?? "",
    mig === null ? "" : `MIG ${mig.profile} of ${mig.parent}`,
    visible ? "" : "hidden by a variable of this process",
    health === "healthy" ? "" : health,
  ];
  return `${id}: ${[name, ...facts].filter((it) => it !== "").join(", ")}`;
}

function memoryText({ memoryBytes, freeBytes, unified }: Device): string {
  if (unified) return "the memory of the machine";
  if (memoryBytes === null) return "memory unknown";
  const free = freeBytes === null ? "" : `, ${mebibytes(freeBytes)} free`;
  return `${mebibytes(memoryBytes)}${free}`;
}

/** Returns a number of bytes as text. */
export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20).toLocaleString("en")} MiB`;
}
