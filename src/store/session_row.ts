import { z } from "zod";
import { SnakedenError } from "../errors.ts";
import { isSessionId, SESSION_ID_RULE } from "../session_id.ts";
import type { RecordType } from "./record.ts";

/** The longest time to live: 100 years. */
export const MAX_TTL_MS: number = 100 * 365 * 24 * 3_600_000;
/** The length of the longest metadata, as JSON in UTF-8. */
export const MAX_METADATA_BYTES: number = 2 ** 20;

const moment = z.int().nonnegative();

const sessionSchema = z.object({
  id: z.string().refine(isSessionId),
  life: z.string().min(1),
  version: z.int().positive(),
  createdAt: moment,
  ttlMs: z.int().positive().max(MAX_TTL_MS),
  expiresAt: moment,
  touchedAt: moment,
  metadata: z.record(z.string(), z.unknown()),
  boundIn: z.array(z.string()).readonly(),
});

/** An object of JSON. It comes back as `JSON.parse(JSON.stringify(it))`. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * A session. Its times are milliseconds since 1970, by the clock of the store.
 *
 * - `life` differs between two sessions that had the same id one after the other.
 * - `version` begins at 1 and rises by one with each {@link SessionStore.update}; nothing else
 *   changes it.
 * - `touchedAt` is the time of the last open, update or touch, and `expiresAt` is `ttlMs` later.
 * - `boundIn` has the names of the pools of {@link SessionStore.bind}.
 */
export interface SessionRow {
  readonly id: string;
  readonly life: string;
  readonly version: number;
  readonly createdAt: number;
  readonly ttlMs: number;
  readonly expiresAt: number;
  readonly touchedAt: number;
  readonly metadata: JsonObject;
  readonly boundIn: readonly string[];
}

/** The record type of a session. */
export const SESSION_ROW: RecordType<SessionRow> = {
  name: "session",
  version: 1,
  schema: sessionSchema,
};

/**
 * Refuses an id that no session can have. Every driver calls it first.
 *
 * @throws {SnakedenError} `invalid_input`.
 */
export function checkSessionId(id: string): void {
  if (isSessionId(id)) return;
  throw new SnakedenError(
    "invalid_input",
    `Cannot use ${JSON.stringify(id.slice(0, 150))} as the id of a session: ` +
      `an id has ${SESSION_ID_RULE}`,
  );
}

/**
 * Refuses the id of a session that no session can have; null is no id.
 *
 * @throws {SnakedenError} `invalid_input`.
 */
export function checkScope(scope: string | null): void {
  if (scope !== null) checkSessionId(scope);
}

/**
 * Refuses a time to live that no session can have.
 *
 * @throws {SnakedenError} `invalid_input`.
 */
export function checkTtl(ttlMs: number): void {
  if (Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS) return;
  throw new SnakedenError(
    "invalid_input",
    `Cannot use ${ttlMs} as the time to live of a session: ` +
      `it is a whole number of milliseconds from 1 to ${MAX_TTL_MS}`,
  );
}

/**
 * Refuses the size of a page or a sweep that is not a positive whole number.
 *
 * @throws {SnakedenError} `invalid_input`.
 */
export function checkLimit(limit: number): void {
  if (Number.isSafeInteger(limit) && limit >= 1) return;
  throw new SnakedenError(
    "invalid_input",
    `Cannot read ${limit} items at most: the limit is a whole number from 1`,
  );
}

/**
 * Returns metadata as JSON.
 *
 * @throws {SnakedenError} `invalid_input` if it is too long.
 */
export function metadataText(metadata: JsonObject): string {
  const text = JSON.stringify(metadata);
  // A UTF-16 unit takes 1 to 3 bytes of UTF-8.
  if (text.length * 3 > MAX_METADATA_BYTES) {
    const bytes = new TextEncoder().encode(text).byteLength;
    checkLength("the metadata of a session", bytes, MAX_METADATA_BYTES);
  }
  return text;
}

/**
 * Refuses what is too long for a store.
 *
 * @throws {SnakedenError} `invalid_input`.
 */
export function checkLength(what: string, bytes: number, limit: number): void {
  if (bytes <= limit) return;
  throw new SnakedenError(
    "invalid_input",
    `Cannot write ${what} of ${bytes} bytes: the limit is ${limit} bytes`,
  );
}

/** Returns a session as a touch leaves it. Its times never go back. */
export function touched<T extends Omit<SessionRow, "metadata">>(row: T, now: number): T {
  const touchedAt = Math.max(now, row.touchedAt);
  return { ...row, touchedAt, expiresAt: touchedAt + row.ttlMs };
}

/**
 * Returns the time of this host for the clock of a store: milliseconds since 1970. It never goes
 * back, since steps of the system's clock after the start of the process do not change it.
 */
export function storeTime(): number {
  return Math.floor(performance.timeOrigin + performance.now());
}

/** The session that is to be dropped; any, without a life and a version. */
export interface SessionToDrop {
  readonly life?: string | undefined;
  readonly version?: number | undefined;
}

/** Returns true for a session that may be dropped, else the answer to {@link SessionStore.drop}. */
export function fateOf(
  row: Pick<SessionRow, "life" | "version"> | undefined,
  { life, version }: SessionToDrop,
): boolean | "stale" {
  if (row === undefined || (life !== undefined && life !== row.life)) return false;
  return version === undefined || version === row.version || "stale";
}
