import type { Device, DeviceKind } from "../device.ts";
import { DEVICE_KINDS } from "../device.ts";
import type { HardwareInfo } from "../hardware_info.ts";

/** The facts by which devices are found. */
export interface Machine extends Pick<HardwareInfo, "devices" | "memory" | "problems"> {
  /** Returns a variable of this process. */
  readonly env: (name: string) => string | undefined;
}

/** The devices for one want of a pool, or the reason why there are none. */
export type Found = { readonly devices: readonly Device[] } | { readonly why: string };

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

/** Returns the devices for a kind, an id, or `auto`, which takes the best kind that is there. */
export function findDevices(want: string, machine: Machine): Found {
  if (want === "auto") {
    const usable = DEVICE_KINDS.map((kind) => ofKind(kind, machine).filter((it) => it.visible));
    return { devices: usable.find((it) => it.length > 0) ?? [] };
  }
  const kind = DEVICE_KINDS.find((it) => it === want.split(":")[0]);
  if (kind === undefined) return { why: `${want} is no kind of device` };
  // `mps` and `cpu` are kinds and ids.
  const present = want === kind ? ofKind(kind, machine) : withId(want, machine);
  const devices = present.filter((it) => it.visible);
  if (devices.length > 0) return { devices };
  return { why: present.length > 0 ? hiddenText(kind, machine) : absentText(kind, machine) };
}

/** Lists the devices of a kind; a GPU that is divided counts by its instances. */
function ofKind(kind: DeviceKind, { devices }: Machine): Device[] {
  const divided = new Set(devices.map(({ mig }) => mig?.parent));
  return devices.filter((it) => it.kind === kind && !divided.has(it.id));
}

/** Returns the device with an id, or its instances if it is divided. */
function withId(id: string, { devices }: Machine): Device[] {
  const instances = devices.filter(({ mig }) => mig?.parent === id);
  return instances.length > 0 ? instances : devices.filter((it) => it.id === id);
}

function hiddenText(kind: DeviceKind, { env }: Machine): string {
  const set = HIDING[kind].flatMap((names) => {
    const name = names.find((it) => env(it) !== undefined);
    return name === undefined ? [] : [`${name}=${env(name)}`];
  });
  return set.length === 0
    ? "the environment of the host hides it"
    : `${set.join(" and ")} in the environment of the host hides it`;
}

function absentText(kind: DeviceKind, { problems }: Machine): string {
  const found = problems.filter(({ probe }) => PROBES[kind].includes(probe));
  const list = found.map(({ probe, text }) => text.includes(probe) ? text : `${probe}: ${text}`);
  return ["it was not found", ...list].join("; ");
}

/** Names the devices of a machine, for the text of an error. */
export function deviceNames({ devices }: Pick<Machine, "devices">): string {
  const shown = devices.map(({ id, name, visible }) =>
    `${id}${name === "" ? "" : ` (${name})`}${visible ? "" : ", hidden"}`
  );
  return shown.length === 0 ? "nothing" : shown.join(", ");
}
