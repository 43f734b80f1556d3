/** The parts of the schema. Each key carries its description for docs and error texts. */
import { z } from "zod";

export const KIB = 1024;
export const MIB = 1024 * KIB;
/** The memory that 32-bit offsets can address, in whole pages. */
export const MAX_SHARED_BYTES = 4096 * MIB - 4 * KIB;
/** A day. */
export const MAX_DURATION_MS = 86_400_000;
/** 64 TiB, which a double holds exactly. */
export const MAX_MEMORY_BYTES = 64 * 1024 * 1024 * MIB;

/** The description of a key for docs and error texts. */
export interface KeyMeta {
  readonly description: string;
  /** The allowed values, as the end of "allowed: ...". */
  readonly allowed: string;
  /** The allowed keys of an object whose keys are names. */
  readonly keys?: string;
  /** The environment variable that overrides the key. */
  readonly env?: string;
  /** The default in words, where it is not a plain value. */
  readonly defaultText?: string;
  /** The name that the key had in an earlier version; an error for it names the new one. */
  readonly formerly?: string;
  /** The value must not be shown. */
  readonly secret?: boolean;
}

/** A whole number in a range. */
export function whole(min: number, max: number, meta: Omit<KeyMeta, "allowed">): z.ZodNumber {
  const allowed = `a whole number from ${min} to ${max}`;
  return z.number().int().min(min).max(max).meta({ ...meta, allowed });
}

/** Returns the schema of a key that is a text, and not empty. */
export function text(meta: Omit<KeyMeta, "allowed"> & { allowed?: string }): z.ZodString {
  return z.string().min(1).refine((it) => !it.includes("\0"), "it holds a NUL character")
    .meta({ allowed: "a text that is not empty", ...meta });
}

/** Returns the schema of a key that is true or false. */
export function flag(meta: Omit<KeyMeta, "allowed">): z.ZodBoolean {
  return z.boolean().meta({ ...meta, allowed: "true, false" });
}

/** Returns the schema of a key whose value is one of these words. */
export function oneOf<const T extends readonly [string, ...string[]]>(
  values: T,
  meta: Omit<KeyMeta, "allowed">,
): z.ZodEnum<z.core.util.ToEnum<T[number]>> {
  return z.enum(values).meta({ ...meta, allowed: values.join(", ") });
}

/** Returns the schema of a key that is a list of texts. */
export function list(meta: Omit<KeyMeta, "allowed">, item: z.ZodString): z.ZodArray<z.ZodString> {
  return z.array(item).meta({ ...meta, allowed: "a list of texts" });
}

/** Returns the schema of an object with known keys and no others. */
export function group<T extends z.ZodRawShape>(
  shape: T,
  description: string,
  more: Partial<KeyMeta> = {},
): z.ZodObject<T, z.core.$strict> {
  return z.strictObject(shape).meta({ description, allowed: "an object", ...more });
}
