import { z } from "zod";
import { messageOf } from "../errors.ts";

/** A kind of record, and the only version of it that is written and read. */
export interface RecordType<T> {
  readonly name: string;
  readonly version: number;
  readonly schema: z.ZodType<T>;
}

const envelopeSchema = z.object({ type: z.string(), v: z.number(), data: z.unknown() });

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Encodes a record as the bytes of {@link recordText}. */
export function encodeRecord<T>(type: RecordType<T>, data: T): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(recordText(type, data));
}

/** Returns a record with its kind and version, as JSON without a line break. */
export function recordText<T>({ name, version }: RecordType<T>, data: T): string {
  return JSON.stringify({ type: name, v: version, data });
}

/**
 * Decodes a record. Checks everything about it, since another version of the program, a crash or a
 * broken disk may have written the bytes.
 *
 * @throws {Error} If the bytes are not such a record; the message says why.
 */
export function decodeRecord<T>(type: RecordType<T>, value: unknown): T {
  if (!(value instanceof Uint8Array)) throw new Error(`it holds ${typeof value}, not bytes`);
  const envelope = envelopeSchema.safeParse(parseJsonBytes(value));
  if (!envelope.success) throw new Error("it has no kind and version");
  const { type: name, v, data } = envelope.data;
  if (name !== type.name) throw new Error(`it is a ${name}, not a ${type.name}`);
  if (v !== type.version) {
    throw new Error(`it has version ${v}; this program reads ${type.version}`);
  }
  const parsed = type.schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`${issue?.path.join(".") || "its data"}: ${issue?.message ?? "not valid"}`);
}

/**
 * Parses the UTF-8 bytes of a JSON text.
 *
 * @throws {Error} If they are not a JSON text.
 */
export function parseJsonBytes(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new Error(`it is not JSON: ${messageOf(error)}`, { cause: error });
  }
}
