import type { ReadEnv } from "../../config/mod.ts";
import { absentText, hiddenText } from "../absence.ts";
import type { Device, DeviceKind } from "../device.ts";
import { DEVICE_KINDS } from "../device.ts";
import type { HardwareInfo } from "../hardware_info.ts";

/** The facts by which devices are found. */
export interface Machine extends Pick<HardwareInfo, "devices" | "memory" | "problems"> {
  /** Returns a variable of this process. */
  readonly env: ReadEnv;
}

/** The devices for one want of a pool, or the reason why there are none. */
export type Found = { readonly devices: readonly Device[] } | { readonly why: string };

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
  return {
    why: present.length > 0 ? hiddenText(kind, machine.env) : absentText(kind, machine.problems),
  };
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
