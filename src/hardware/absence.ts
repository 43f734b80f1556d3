import type { ReadEnv } from "../config/mod.ts";
import type { DeviceKind } from "./device.ts";
import type { HardwareInfo, HardwareProblem } from "./hardware_info.ts";

/** The probes that look for the devices of a kind. */
const PROBES: Readonly<Record<DeviceKind, readonly string[]>> = {
  cuda: ["nvidia-smi"],
  rocm: ["amd-smi", "rocm-smi"],
  mps: ["system_profiler"],
  xpu: ["xpu-smi"],
  cpu: [],
};

/** The variables of the host that hide devices of a kind; of each list, the first that is set. */
const HIDING: Readonly<Record<DeviceKind, readonly (readonly string[])[]>> = {
  cuda: [["CUDA_VISIBLE_DEVICES"]],
  rocm: [["ROCR_VISIBLE_DEVICES"], ["HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"]],
  mps: [],
  xpu: [["ZE_AFFINITY_MASK"]],
  cpu: [],
};

/** Returns the reason why a machine has no device of a kind, or not the one that was wanted. */
export function absentText(kind: DeviceKind, problems: readonly HardwareProblem[]): string {
  const found = problems.filter(({ probe }) => PROBES[kind].includes(probe));
  const list = found.map(({ probe, text }) => text.includes(probe) ? text : `${probe}: ${text}`);
  return ["it was not found", ...list].join("; ");
}

/** Returns the texts of the vendors' tools that are there, but could not look for devices. */
export function brokenProbes(problems: readonly HardwareProblem[]): readonly string[] {
  const probes = new Set(Object.values(PROBES).flat());
  return problems.filter(({ probe, what }) => probes.has(probe) && what !== "missing")
    .map(({ text }) => text);
}

/** Returns the reason why a device of a kind is not visible. The text calls it by `name`. */
export function hiddenText(kind: DeviceKind, env: ReadEnv, name = "it"): string {
  const set = HIDING[kind].flatMap((names) => {
    const variable = names.find((it) => env(it) !== undefined);
    return variable === undefined ? [] : [`${variable}=${env(variable)}`];
  });
  return set.length === 0
    ? `the environment of the host hides ${name}`
    : `${set.join(" and ")} in the environment of the host hides ${name}`;
}

/** Names the devices of a machine, for the text of an error. */
export function deviceNames({ devices }: Pick<HardwareInfo, "devices">): string {
  const shown = devices.map(({ id, name, visible }) => {
    const notes = [...(name === "" ? [] : [name]), ...(visible ? [] : ["hidden"])];
    return notes.length === 0 ? id : `${id} (${notes.join(", ")})`;
  });
  return shown.length === 0 ? "nothing" : shown.join(", ");
}
