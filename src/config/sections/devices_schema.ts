import { z } from "zod";
import { MAX_MEMORY_BYTES, MIB, whole } from "../schema_parts.ts";

/** The words that a pool may have in place of a list of ids. */
const WORDS = ["inherit", "auto", "cuda", "rocm", "mps", "xpu", "cpu"] as const;

const NUMBER = "(?:0|[1-9]\\d{0,2})";
/** The form of the ids in src/hardware/device.ts. */
export const DEVICE_ID: RegExp = new RegExp(
  `^(?:cuda:${NUMBER}(?::${NUMBER})?|(?:rocm|xpu):${NUMBER}|mps|cpu)$`,
);

const IDS = "cuda:N, cuda:N:M (a MIG instance), rocm:N, xpu:N, mps or cpu";
const ALLOWED = `${WORDS.join(", ")}, or a list of ids such as ["cuda:0", "cuda:1"]; an id is ` +
  IDS;

const idSchema = z.string().regex(DEVICE_ID).meta({
  allowed: `in a list, ids: ${IDS}; a word such as "auto" or "cuda" stands alone`,
});

/** The keys of a pool that give its workers devices. */
export const deviceKeys = {
  devices: z.union([z.enum(WORDS), z.array(idSchema).min(1).max(64)]).meta({
    description: "Devices that the workers are spread over: the best kind of the machine " +
      "(`auto`), all of one kind, or some. With `inherit`, workers see what the host sees.",
    allowed: ALLOWED,
  }).default("inherit"),
  workersPerDevice: whole(1, 64, {
    description: 'Workers that share a device. Not with `devices: "inherit"`.',
    defaultText: "`size` / devices, else 1",
  }).optional(),
  deviceMemoryPerWorkerBytes: whole(MIB, MAX_MEMORY_BYTES, {
    description: "Device memory that is reserved for each worker. The reservations of all pools " +
      'must fit the device. Not with `devices: "inherit"`.',
    defaultText: "none",
  }).optional(),
};
