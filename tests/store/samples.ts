/** Records and values for tests of stores, and functions that compare them. */
import assert from "node:assert/strict";
import type { ProcessRow } from "../../src/store/mod.ts";

/** Returns all sequences of up to `length` of these steps, including the empty one. */
export function sequencesOf<T>(steps: readonly T[], length: number): (readonly T[])[] {
  if (length === 0) return [[]];
  const shorter = sequencesOf(steps, length - 1);
  const longest = shorter.filter((it) => it.length === length - 1);
  return [...shorter, ...longest.flatMap((it) => steps.map((step) => [...it, step]))];
}

/** Returns the row of a worker that is about to be spawned. */
export function rowOf(runId: string, incarnation: string): ProcessRow {
  const reservedAt = "2026-01-02T03:04:05.678Z";
  return { runId, workerId: "default-1", incarnation, state: "reserved", reservedAt, hostPid: 42 };
}

/** Returns the row of the same worker with a process. */
export function activeOf(row: ProcessRow): ProcessRow {
  return { ...row, state: "active", pid: 77, group: 77 };
}

/** Returns bytes that identify their seed and differ at every position. */
export function bytesOf(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff);
}

/** Returns the seed of bytes that {@link bytesOf} has created; 0 if it is not one of 1 to 6. */
export function seedOf(value: Uint8Array): number {
  return [1, 2, 3, 4, 5, 6].find((seed) => bytesOf(1, seed)[0] === value[0]) ?? 0;
}

/** Compares like deepEqual, which takes seconds for long values that differ. */
export function assertSame(got: Uint8Array | undefined, expected: Uint8Array | undefined): void {
  assert.equal(got?.length, expected?.length);
  const at = got?.findIndex((byte, i) => byte !== expected?.[i]) ?? -1;
  assert.equal(at, -1, `byte ${at} differs`);
}

/** Returns a run id like that of a host. */
export function newRunId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}
