import { DEVICE_ID, shownValue } from "../config/mod.ts";
import { type FieldIssue, InvalidInputError, SnakedenError } from "../errors.ts";
import { readVariable } from "../granted.ts";
import { absentText, deviceNames, hiddenText } from "./absence.ts";
import { type Device, DEVICE_KINDS, type DeviceKind } from "./device.ts";
import type { HardwareInfo } from "./hardware_info.ts";

/** The requirements of a device. */
export interface SelectOptions {
  /** The memory that must be free. */
  readonly minFreeBytes?: number;
}

/** A device that was wanted, and the reason why there is none. */
interface Attempt {
  readonly want: string;
  readonly why: string;
}

const ALLOWED = '"auto", ' + DEVICE_KINDS.map((it) => JSON.stringify(it)).join(", ") +
  ', or the id of a device, such as "cuda:0", "rocm:1" or "cuda:0:1" for a MIG instance';

/**
 * Checks a request for a device. Returns the function that finds the first device that fits.
 *
 * @throws {InvalidInputError} `invalid_input`. The function throws {@link SnakedenError}
 * `device_unavailable`.
 */
export function selectDevice(
  wanted: readonly string[],
  options: SelectOptions = {},
): (hardware: HardwareInfo) => Device {
  const issues = [...wantedIssues(wanted), ...bytesIssues(options.minFreeBytes)];
  if (issues.length > 0) {
    const list = issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
    throw new InvalidInputError(`Cannot select a device: ${list}`, issues);
  }
  const wants = new Set(
    wanted.flatMap((it): readonly string[] => it === "auto" ? DEVICE_KINDS : [it]),
  );
  return (hardware) => {
    const tried: Attempt[] = [];
    let retryable = false;
    for (const want of wants) {
      // The id of a GPU that is divided stands for its instances, as it does in pools.
      const found = hardware.devices.filter(({ id, kind, mig }) =>
        [id, kind, mig?.parent].includes(want)
      );
      const reasons = found.map((it) => obstacleOf(it, hardware, options.minFreeBytes));
      const fit = found[reasons.indexOf(undefined)];
      if (fit !== undefined) return fit;
      // A variable of the host and a missing device stay as they are.
      retryable ||= found.some(({ visible }) => visible);
      tried.push({
        want,
        why: reasons.join("; ") || absentText(kindOf(want), hardware.problems),
      });
    }
    const list = tried.map(({ want, why }) => `${want}: ${why}`).join("; ");
    const has = `this machine has ${deviceNames(hardware)}`;
    const message = `Cannot select a device: ${list} (${has})`;
    throw new SnakedenError("device_unavailable", message, { retryable, details: { tried } });
  };
}

/** Returns the kind of a device by a valid id, or by the kind itself. */
function kindOf(want: string): DeviceKind {
  return DEVICE_KINDS.find((it) => it === want.split(":", 1)[0]) ?? "cpu";
}

/** Returns the reason why a device does not fit; undefined if it does. */
function obstacleOf(
  { id, kind, visible, health, freeBytes, unified }: Device,
  { memory }: HardwareInfo,
  minFreeBytes = 0,
): string | undefined {
  if (!visible) return hiddenText(kind, readVariable, id);
  if (health !== "healthy") return `${id} is unhealthy, since its workers crash too often`;
  if (minFreeBytes === 0) return undefined;
  const free = freeBytes ?? (unified ? memory.availableBytes : null);
  if (free === null) return `the free memory of ${id} is unknown, and ${minFreeBytes} are needed`;
  if (free >= minFreeBytes) return undefined;
  return `${id} has ${free} bytes free, of ${minFreeBytes} needed`;
}

/** Programs without types may pass anything. */
function wantedIssues(wanted: unknown): FieldIssue[] {
  if (!Array.isArray(wanted) || wanted.length === 0) {
    const message = `given ${shownValue(wanted)}; allowed: a list with at least one of ${ALLOWED}`;
    return [{ path: "wanted", message }];
  }
  return wanted.flatMap((want: unknown, i) => {
    if (want === "auto" || DEVICE_KINDS.some((it) => it === want)) return [];
    if (typeof want === "string" && DEVICE_ID.test(want)) return [];
    return [{ path: `wanted[${i}]`, message: `given ${shownValue(want)}; allowed: ${ALLOWED}` }];
  });
}

function bytesIssues(minFreeBytes: unknown): FieldIssue[] {
  if (minFreeBytes === undefined) return [];
  if (Number.isInteger(minFreeBytes) && Number(minFreeBytes) >= 0) return [];
  const message = `given ${shownValue(minFreeBytes)}; allowed: a whole number of bytes, at least 0`;
  return [{ path: "minFreeBytes", message }];
}
