import type { Device } from "../../src/hardware/mod.ts";
import { mebibytes } from "./detection.ts";
import { NotRun } from "./outcome.ts";
import type { Answer, WorkerReport } from "./probed_host.ts";

/** The workers of a pool, and the devices that it should use. */
export interface Placed {
  readonly reports: readonly WorkerReport[];
  /** Empty if the workers should run on the processor. */
  readonly devices: readonly Device[];
  readonly workersPerDevice: number;
}

/**
 * Checks that each device has its workers, and that each worker is told to use no other.
 *
 * @throws If not, with all differences.
 */
export function checkPlacement({ reports, devices, workersPerDevice }: Placed): string {
  const wanted = devices.length === 0 ? ["cpu"] : devices.map(({ id }) => id);
  const problems = wanted.flatMap((id) => {
    const own = reports.filter(({ device }) => device.id === id);
    return own.length === workersPerDevice
      ? []
      : [`${id} has ${own.length} workers instead of ${workersPerDevice}`];
  });
  for (const { worker, device, variables } of reports) {
    const known = devices.find(({ id }) => id === device.id);
    if (!wanted.includes(device.id)) problems.push(`${worker} is on ${device.id}`);
    for (const [name, value] of Object.entries(variablesFor(known))) {
      if (variables[name] === value) continue;
      problems.push(`${worker} on ${device.id} has ${name}=${variables[name]} instead of ${value}`);
    }
  }
  throwIfAny(problems);
  return reports.map(({ worker, device, variables }) =>
    `${worker} on ${device.id}, share ${device.share}: ${textOf(variables)}`
  ).join("\n");
}

/** The variables that make a device the only one; of the processor if there is no device. */
function variablesFor(device: Device | undefined): Record<string, string> {
  switch (device?.kind) {
    case "cuda": {
      const number = String(device.index);
      const visible = device.mig === null ? number : device.uuid ?? number;
      return { CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: visible };
    }
    case "xpu":
      return { ZE_AFFINITY_MASK: String(device.index) };
    case "rocm":
    case "mps":
      // For ROCm it depends on ROCR_VISIBLE_DEVICES of the host.
      return {};
    default:
      return { CUDA_VISIBLE_DEVICES: "-1" };
  }
}

/**
 * Checks that the driver itself shows each worker its device and no other. Only NVIDIA's can be
 * asked without a package.
 *
 * @throws If not; {@link NotRun} where there is no such driver.
 */
export function checkDriver({ reports }: Placed): string {
  const answers = answersOf(reports, "driver");
  if (answers.length === 0) throw new NotRun("no worker has found the driver of NVIDIA");
  const problems = answers.flatMap(({ worker, device, answer }) => {
    if ("error" in answer) return [`${worker} on ${device.id}: ${answer.error}`];
    if (answer.devices !== 1) return [`${worker} sees ${answer.devices} devices`];
    const isSame = device.uuid === null || hexOf(device.uuid) === hexOf(answer.uuid);
    return isSame ? [] : [`${worker} sees ${answer.uuid} instead of ${device.uuid}`];
  });
  throwIfAny(problems);
  return answers.flatMap(({ worker, device, answer }) =>
    "error" in answer
      ? []
      : [`${worker} sees ${device.id} alone, ${mebibytes(answer.freeBytes)} free`]
  ).join("\n");
}

/**
 * Checks that PyTorch has put a tensor on each device.
 *
 * @throws If not; {@link NotRun} where PyTorch is not installed.
 */
export function checkTorch({ reports }: Placed): string {
  const answers = answersOf(reports, "torch");
  if (answers.length === 0) throw new NotRun("torch is not installed in the Python of the workers");
  throwIfAny(
    answers.flatMap(({ worker, device, answer }) =>
      "error" in answer ? [`${worker} on ${device.id}: ${answer.error}`] : []
    ),
  );
  return answers.flatMap(({ worker, answer }) =>
    "error" in answer ? [] : [
      `${worker}: torch ${answer.version} holds ${mebibytes(answer.allocatedBytes)} on ` +
      answer.device,
    ]
  ).join("\n");
}

function answersOf<K extends "driver" | "torch">(
  reports: readonly WorkerReport[],
  key: K,
): (WorkerReport & { readonly answer: NonNullable<WorkerReport[K]> })[] {
  return reports.flatMap((report) => {
    const answer: Answer<unknown> = report[key];
    return answer === null ? [] : [{ ...report, answer: answer as NonNullable<WorkerReport[K]> }];
  });
}

/** The digits of an id such as `GPU-1b2c...`, which the driver gives without its beginning. */
function hexOf(uuid: string): string {
  return uuid.toLowerCase().replace(/^(?:gpu|mig)-/, "").replaceAll("-", "");
}

function textOf(variables: Readonly<Record<string, string>>): string {
  const text = Object.entries(variables).map(([name, value]) => `${name}=${value}`).join(" ");
  return text === "" ? "no variables" : text;
}

/** @throws If there are problems. */
export function throwIfAny(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(problems.join("\n"));
}
