import { z } from "zod";
import { decodeRecord, PROGRAM_HEAD, type RecordType, VARIABLE_HEAD } from "../../store/mod.ts";
import { type Generation, generationSchema } from "../kv_chunks.ts";
import { partsOf, Row, type RowValue } from "../rows/mod.ts";

/** The length of the longest body that is in the row itself, and not in chunks. */
export const INLINE_BYTES = 32_768;

const encoder = new TextEncoder();

/** The head of a row that has a body: with `long`, the body is in chunks. */
export interface LongHead {
  readonly long?: Generation | undefined;
}

const longSchema = z.object({ long: generationSchema.optional() });

const headSchema = z.object({
  id: z.string(),
  life: z.string().min(1),
  version: z.int().positive(),
  createdAt: z.int(),
  ttlMs: z.int().positive(),
  long: generationSchema.optional(),
});

/** The part of a session that only {@link SessionStore.update} changes. Its body is metadata. */
export type SessionHead = Readonly<z.output<typeof headSchema>>;

const stateSchema = z.object({
  life: z.string().min(1),
  touchedAt: z.int(),
  expiresAt: z.int(),
  /** The time of its row in the index of expiries: never later than `expiresAt`. */
  indexedAt: z.int(),
  /** The number of the last change of a variable. */
  seq: z.int().nonnegative(),
  /** True if a program was ever written. */
  hasPrograms: z.boolean(),
  /** True if a variable was ever longer than a row can hold. */
  hasLong: z.boolean(),
  /** The pools to whose workers it was bound; absent if there is none. */
  boundIn: z.array(z.string()).readonly().optional(),
});

/** The part of a session that each touch and each change of a variable writes. */
export type SessionState = Readonly<z.output<typeof stateSchema>>;

/** The record types of the rows. */
export const SESSION_HEAD: RecordType<SessionHead> = {
  name: "session",
  version: 1,
  schema: headSchema,
};
export const SESSION_STATE: RecordType<SessionState> = {
  name: "session_state",
  version: 1,
  schema: stateSchema,
};
export const LONG_VARIABLE = withLong(VARIABLE_HEAD);
export const LONG_PROGRAM = withLong(PROGRAM_HEAD);

function withLong<T>({ name, version, schema }: RecordType<T>): RecordType<T & LongHead> {
  return { name, version, schema: z.intersection(schema, longSchema) };
}

/**
 * Returns the head and the body of a row, which the caller must not change. Decodes what is bytes.
 *
 * @throws {Error} See {@link decodeRow}.
 */
export function openRow<T extends object>(
  type: RecordType<T>,
  row: RowValue,
): { readonly head: T; readonly body: Uint8Array } {
  return row instanceof Row ? row as Row<T> : decodeRow(type, row);
}

/**
 * Decodes a row, also one in memory, so that the caller may change the head.
 *
 * @throws {Error} If it is not such a row; the message says why.
 */
export function decodeRow<T>(
  type: RecordType<T>,
  row: RowValue,
): { readonly head: T; readonly body: Uint8Array } {
  const { text, body } = row instanceof Row ? row : partsOf(row);
  const record = typeof text === "string" ? encoder.encode(text) : text;
  return { head: decodeRecord(type, record), body };
}
