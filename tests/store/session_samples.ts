/** Functions that the conformance tests of sessions share. */
import type {
  NewVariable,
  PageAsk,
  Position,
  SessionStore,
  SetAnswer,
  Store,
  VariableRow,
  WatchEvent,
} from "../../src/store/mod.ts";
import assert from "node:assert/strict";
import type { StorePlace } from "./conformance.ts";
import { bytesOf, newRunId } from "./samples.ts";

/** A store whose clock the test moves. */
export interface ClockedStore extends AsyncDisposable {
  readonly store: Store;
  readonly sessions: SessionStore;
  /** The time of the store. */
  now: number;
}

/** Opens the store of a place, at a time of 1,000,000 or the given one. */
export async function openAt(at: StorePlace, now = 1_000_000): Promise<ClockedStore> {
  const clock = { now };
  const store = await at.open(newRunId(), { now: () => clock.now });
  return Object.assign(clock, {
    store,
    sessions: store.sessions,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  });
}

/** Opens a session with a time to live of 1,000 ms and no metadata. */
export async function openSession(sessions: SessionStore, id: string): Promise<void> {
  await sessions.open(id, { ttlMs: 1_000, metadata: {} });
}

/** Returns a variable of `length` bytes to write. */
export function variable(name: string, length = 3, rest: Partial<NewVariable> = {}): NewVariable {
  return { name, type: "bytes", value: bytesOf(length), ...rest };
}

/** Returns the answer for something that was written, by default at the time of {@link openAt}. */
export function setAnswer(version: number, updatedAt = 1_000_000): SetAnswer {
  return { state: "set", version, updatedAt };
}

/** Returns the lengths of variables; undefined for each that does not exist. */
export async function lengthsOf(
  sessions: SessionStore,
  id: string,
  names: readonly string[],
): Promise<(number | undefined)[] | undefined> {
  return (await sessions.getVars(id, names))?.map((row) => row?.value.byteLength);
}

/** Reads all pages of a list. */
export async function allPages<T>(
  read: (page: PageAsk) => Promise<{ items: readonly T[]; next?: string } | undefined>,
  limit: number,
): Promise<T[]> {
  const found: T[] = [];
  let after: string | undefined;
  do {
    const page = await read({ after, limit });
    assert.ok(page !== undefined && page.items.length <= limit);
    found.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return found;
}

/** Watches a session until `isEnough`, or until the session ends. */
export async function watchUntil(
  sessions: SessionStore,
  id: string,
  from: Position,
  isEnough: (events: readonly WatchEvent[]) => boolean,
): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  const { signal } = new AbortController();
  for await (const event of sessions.watch(id, from, { signal })) {
    events.push(event);
    if (isEnough(events)) break;
  }
  return events;
}

/** The session of a host that is killed right after these writes. */
export async function writeKilledSession(sessions: SessionStore): Promise<void> {
  await sessions.open("killed", { ttlMs: 3_600_000, metadata: { a: 1 } });
  await Promise.all([
    sessions.setVars("killed", [variable("short", 10), variable("long", 300_000)]),
    sessions.setVars("killed", [variable("other", 20)]),
    sessions.update("killed", 1, { metadata: { a: 2 } }),
    sessions.putProgram("killed", { name: "p", body: [1] }),
    sessions.putProgram(null, { name: "g", body: [2] }),
  ]);
}

/** Returns a variable without its times. */
export function essenceOf(row: VariableRow | undefined): unknown {
  if (row === undefined) return undefined;
  const { updatedAt: _, value, ...rest } = row;
  return { ...rest, value: value.toHex() };
}
