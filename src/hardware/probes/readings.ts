/** Values as the tools of the vendors print them. What a tool does not know becomes null. */

const MAX_TEXT_CHARS = 200;
const KIB = 1024;

/** Factors of the units of memory. The tools of AMD and Intel write MB where they mean MiB. */
const MEMORY_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: KIB,
  kib: KIB,
  mb: KIB ** 2,
  mib: KIB ** 2,
  gb: KIB ** 3,
  gib: KIB ** 3,
};

/** The words by which tools say that they do not know, in brackets or without. */
const UNKNOWN = new Set([
  "",
  "n/a",
  "not supported",
  "not available",
  "unknown",
  "unknown error",
  "err!",
  "none",
  "null",
  "gpu is lost",
  "gpu requires reset",
  "insufficient permissions",
]);

/** Returns true for a cell by which a tool says that it does not know. */
export function isUnknown(cell: string): boolean {
  const text = cell.trim();
  return /^\[.*\]$/.test(text) || UNKNOWN.has(text.toLowerCase());
}

/** Returns a text as one line for a person, without ids of devices, cut to a readable length. */
export function textLine(text: string): string {
  const line = plain(text.slice(0, 10 * MAX_TEXT_CHARS))
    // Ids are for people with the API key; texts of problems are for everybody.
    .replaceAll(/\b(?:GPU-|MIG-)*[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, "<id>");
  return line.length > MAX_TEXT_CHARS ? `${line.slice(0, MAX_TEXT_CHARS)}…` : line;
}

/** Returns a text such as a name or a version; null if it is unknown or no text. */
export function readText(value: unknown): string | null {
  if (typeof value !== "string" || isUnknown(value)) return null;
  const text = plain(value.slice(0, 10 * MAX_TEXT_CHARS));
  return text === "" ? null : text.slice(0, MAX_TEXT_CHARS);
}

/** Returns a text without colours and control characters, with single spaces. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/\u001b\[[\d;]*m/g, "")
    // deno-lint-ignore no-control-regex
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\ufffd\s]+/g, " ").trim();
}

/**
 * Returns a number that is not negative; null for anything else. It may be a number, or a text with
 * or without a unit, or an object `{ value, unit }`.
 */
export function readNumber(value: unknown): number | null {
  return readQuantity(value)?.amount ?? null;
}

/** Returns a percentage as a share from 0 to 1. */
export function readShare(value: unknown): number | null {
  const percent = readNumber(value);
  return percent === null || percent > 100 ? null : percent / 100;
}

/** Returns a number of bytes. `unit` is that of values that name none. */
export function readBytes(value: unknown, unit: "b" | "mib"): number | null {
  const quantity = readQuantity(value);
  if (quantity === null) return null;
  const name = quantity.unit === "" ? unit : quantity.unit.toLowerCase();
  const factor = Object.hasOwn(MEMORY_UNITS, name) ? MEMORY_UNITS[name] : undefined;
  if (factor === undefined) return null;
  const bytes = Math.round(quantity.amount * factor);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** Returns the memory of a device. No device has 0 bytes, so 0 means that it is unknown. */
export function readMemory(value: unknown, unit: "b" | "mib"): number | null {
  const bytes = readBytes(value, unit);
  return bytes === 0 ? null : bytes;
}

/** Returns the free memory; null if it does not fit the memory of the device. */
export function fittingFree(free: number | null, memoryBytes: number | null): number | null {
  return free === null || memoryBytes === null || free > memoryBytes ? null : free;
}

/** Returns a number of a device, such as `0`; null if it is none. */
export function readIndex(value: unknown): number | null {
  const text = typeof value === "number" ? `${value}` : value;
  return typeof text === "string" && /^\d{1,4}$/.test(text) ? Number(text) : null;
}

interface Quantity {
  readonly amount: number;
  readonly unit: string;
}

function readQuantity(value: unknown): Quantity | null {
  if (typeof value === "object" && value !== null && "value" in value) {
    const inner = typeof value.value === "object" ? null : readQuantity(value.value);
    const unit = "unit" in value && typeof value.unit === "string" ? value.unit : "";
    return inner === null ? null : { amount: inner.amount, unit: inner.unit || unit.trim() };
  }
  if (typeof value === "number") {
    return Number.isFinite(value) && value >= 0 ? { amount: value, unit: "" } : null;
  }
  if (typeof value !== "string") return null;
  const match = /^(\d{1,20}(?:\.\d{1,20})?)\s*([a-z%°]{0,5})$/i.exec(value.trim());
  return match === null ? null : { amount: Number(match[1]), unit: match[2] ?? "" };
}
