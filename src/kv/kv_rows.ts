import { setImmediate } from "node:timers";
import { messageOf, SnakedenError } from "../errors.ts";
import { BatchReader } from "./batch_reader.ts";
import type { GroupCommit, Timer } from "./group_commit.ts";
import { decodeEntry, encodeEntry } from "./journal_entry.ts";
import { keys } from "./keys.ts";
import type { Records } from "./records.ts";
import { bytesOf, maxBytesOf, type RowChange, type RowValue } from "./row.ts";

/** The most changes and bytes of one entry of the journal. KV takes 819,200 bytes in a commit. */
const ENTRY = { changes: 2_000, bytes: 600_000 } as const;
/** The most changes and bytes of one commit that applies changes. */
const APPLIED = { changes: 450, bytes: 500_000, keyBytes: 75_000 } as const;
/** The changes, and their bytes, that wait in memory before they are applied, or stop writers. */
const APPLY_AT = { changes: 32_000, bytes: 16 * 2 ** 20 } as const;
const STOP_AT = { changes: 100_000, bytes: 64 * 2 ** 20 } as const;
/** The longest time that a change waits before it is applied. */
const APPLY_AFTER_MS = 2_000;
/** The rows kept in memory after they were applied. */
const KEPT = { rows: 20_000, bytes: 8 * 2 ** 20 } as const;

/** A row that was changed and not yet applied. */
interface Change {
  readonly mutation: RowChange;
  readonly bytes: number;
  /** Settles with the commit of the journal; undefined once that is done. */
  pending: Promise<void> | undefined;
  /** The change that this one has replaced; undefined once this one is durable. */
  before: Change | undefined;
}

interface Request {
  readonly changes: readonly (readonly [id: string, Change])[];
  readonly bytes: number;
  /** The caller; only the last of its requests has one. */
  readonly caller: Caller;
  readonly isLast: boolean;
}

interface Caller {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Dependencies of {@link KvRows}. */
export interface KvRowsDeps {
  readonly kv: Deno.Kv;
  readonly commits: GroupCommit;
  readonly records: Records;
  readonly timer: Timer;
}

/**
 * Rows that are written many times faster than KV writes single keys. A commit of KV costs 0.2 ms
 * and each key in it about 20 µs more, so the changes of all callers first become one value: an
 * entry of the *journal*. They are durable then. Later they are *applied*: written to their own
 * keys, each row once however often it has changed, and then the entries are removed. Until then,
 * reads find them in memory, and after a crash, {@link KvRows.recover} applies them.
 */
export class KvRows {
  readonly #deps: KvRowsDeps;
  readonly #reader: BatchReader;
  /** The latest change of each row that is not yet applied. */
  readonly #changed = new Map<string, Change>();
  #changedBytes = 0;
  /** Rows as they are in KV; the one that was applied first is the first one. */
  readonly #kept = new Map<string, RowValue>();
  #keptBytes = 0;
  readonly #waiting: Request[] = [];
  #committing: Promise<void> | undefined;
  /** The latest call of {@link KvRows.write}. */
  #last: Promise<void> = Promise.resolve();
  #applying: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #nextEntry = 1;
  /** The keys of the entries whose changes are not yet applied. */
  #entries: Deno.KvKey[] = [];

  constructor(deps: KvRowsDeps) {
    this.#deps = deps;
    this.#reader = new BatchReader(deps.kv);
  }

  /**
   * Returns the value of a row as of the last {@link KvRows.write}, durable or not; a promise if it
   * must be read.
   */
  peek(key: Deno.KvKey): RowValue | undefined | Promise<RowValue | undefined> {
    const id = idOf(key);
    const change = this.#changed.get(id);
    if (change !== undefined) return valueOf(change);
    if (this.#kept.has(id)) return this.#kept.get(id);
    return this.#load(key, id);
  }

  /** Returns the value of a row. If the latest one is not durable yet, waits until it is. */
  async get(key: Deno.KvKey): Promise<RowValue | undefined> {
    const id = idOf(key);
    while (true) {
      const change = this.#changed.get(id);
      if (change?.pending === undefined) return await this.peek(key);
      // A failed commit takes its changes back, so the row is read again.
      if (await change.pending.then(() => true, () => false)) return valueOf(change);
    }
  }

  /**
   * Changes rows, in order. Later calls of {@link KvRows.peek} see the changes at once. Resolves
   * when they are durable; they are atomic unless they are too large for one commit.
   *
   * @throws {SnakedenError} `store_failed`.
   */
  write(mutations: readonly RowChange[]): Promise<void> {
    if (mutations.length === 0) return Promise.resolve();
    const caller: Caller = Promise.withResolvers<void>();
    let [group, bytes]: [(readonly [string, Change])[], number] = [[], 0];
    const groups: { changes: typeof group; bytes: number }[] = [];
    for (const mutation of mutations) {
      const id = idOf(mutation.key);
      const cost = id.length * 3 + (mutation.type === "set" ? maxBytesOf(mutation.value) : 0);
      if (group.length >= ENTRY.changes || bytes + cost > ENTRY.bytes) {
        groups.push({ changes: group, bytes });
        [group, bytes] = [[], 0];
      }
      const before = this.#changed.get(id);
      const change: Change = { mutation, bytes: cost, pending: caller.promise, before };
      this.#put(id, change, before);
      group.push([id, change]);
      bytes += cost;
    }
    groups.push({ changes: group, bytes });
    for (const [i, it] of groups.entries()) {
      this.#waiting.push({ ...it, caller, isLast: i === groups.length - 1 });
    }
    this.#last = caller.promise;
    this.#committing ??= this.#commitAll();
    return caller.promise;
  }

  /** Returns up to `limit` rows of KV after all earlier changes were applied. */
  async list(selector: Deno.KvListSelector, limit: number): Promise<Deno.KvEntry<unknown>[]> {
    await this.apply();
    const batchSize = Math.min(limit, 500);
    return await Array.fromAsync(this.#deps.kv.list(selector, { limit, batchSize }));
  }

  /** Applies all changes of earlier calls that have become durable. */
  async apply(): Promise<void> {
    await this.#last.catch(() => {});
    await this.#applying?.catch(() => {});
    await this.#startApplying();
  }

  /**
   * Applies the changes of an earlier run. Sets unreadable entries of its journal aside. Call it
   * before anything else.
   */
  async recover(): Promise<number> {
    const entries = new Map<number, { parts: Uint8Array[]; key: Deno.KvKey }>();
    for await (const { key, value } of this.#deps.kv.list({ prefix: keys.journal })) {
      const number = Number(key[1]);
      this.#entries.push(key);
      const entry = entries.get(number) ?? { parts: [], key };
      entries.set(number, entry);
      entry.parts.push(value instanceof Uint8Array ? value : new Uint8Array());
      this.#nextEntry = number + 1;
    }
    for (const { parts, key } of entries.values()) {
      try {
        for (const mutation of decodeEntry(parts)) {
          const id = idOf(mutation.key);
          const bytes = mutation.type === "set" ? mutation.value.byteLength : 0;
          const change = { mutation, bytes, pending: undefined, before: undefined };
          this.#put(id, change, this.#changed.get(id));
        }
      } catch (error) {
        await this.#deps.records.setAside(key, parts[0], messageOf(error));
      }
    }
    await this.apply();
    return entries.size;
  }

  /** Makes all changes durable and applies them. */
  async close(): Promise<void> {
    await this.#committing;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    // If this fails, the next start applies what is left in the journal.
    await this.apply().catch(() => {});
  }

  #put(id: string, change: Change, before: Change | undefined): void {
    this.#changed.set(id, change);
    this.#changedBytes += change.bytes - (before?.bytes ?? 0);
  }

  async #load(key: Deno.KvKey, id: string): Promise<RowValue | undefined> {
    const value = await this.#reader.get(key);
    const change = this.#changed.get(id);
    if (change !== undefined) return valueOf(change);
    if (this.#kept.has(id)) return this.#kept.get(id);
    // Values that are not bytes count as unreadable ones.
    return value === null ? undefined : value instanceof Uint8Array ? value : new Uint8Array();
  }

  async #commitAll(): Promise<void> {
    // One turn, so that all callers that the last commit has woken are in the next one.
    await nextTurn();
    while (this.#waiting.length > 0) {
      if (this.#changed.size > STOP_AT.changes || this.#changedBytes > STOP_AT.bytes) {
        await this.#startApplying().catch(() => {});
      }
      await this.#commitOne(this.#takeBatch());
      await nextTurn();
    }
    // Set in the same turn as the last check of the loop.
    this.#committing = undefined;
    this.#plan();
  }

  #takeBatch(): Request[] {
    let [count, changes, bytes] = [0, 0, 0];
    for (const request of this.#waiting) {
      changes += request.changes.length;
      bytes += request.bytes;
      if (count > 0 && (changes > ENTRY.changes || bytes > ENTRY.bytes)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #commitOne(batch: readonly Request[]): Promise<void> {
    // The last change of each row.
    const latest = new Map(batch.flatMap(({ changes }) => changes));
    const entry = this.#nextEntry++;
    try {
      const atomic = this.#deps.kv.atomic();
      const mutations = Array.from(latest.values(), (it) => it.mutation);
      const written = encodeEntry(mutations).map((bytes, part) => {
        const key = keys.journalPart(entry, part);
        atomic.set(key, bytes);
        return key;
      });
      await atomic.commit();
      this.#entries.push(...written);
    } catch (cause) {
      return this.#fail(batch, cause);
    }
    for (const { changes, caller, isLast } of batch) {
      for (const [, change] of changes) {
        change.before = undefined;
        change.pending = undefined;
      }
      if (isLast) caller.resolve();
    }
    this.#plan();
  }

  /** Takes the changes of a failed commit back. */
  #fail(batch: readonly Request[], cause: unknown): void {
    const failed = new Set(batch.flatMap(({ changes }) => changes.map(([, change]) => change)));
    for (const [id] of batch.flatMap(({ changes }) => changes)) {
      const top = this.#changed.get(id);
      if (top === undefined) continue;
      // Later changes of the row stay, but must not come back to a failed one.
      for (let it: Change | undefined = top; it !== undefined; it = it.before) {
        while (it.before !== undefined && failed.has(it.before)) it.before = it.before.before;
      }
      if (!failed.has(top)) continue;
      this.#changedBytes += (top.before?.bytes ?? 0) - top.bytes;
      if (top.before === undefined) this.#changed.delete(id);
      else this.#changed.set(id, top.before);
    }
    const error = new SnakedenError(
      "store_failed",
      `Cannot write ${failed.size} changes to the store: ${messageOf(cause)}`,
      { retryable: true, details: { changes: failed.size }, cause },
    );
    for (const { caller } of batch) caller.reject(error);
  }

  /** Applies the changes soon, or at once if there are many. */
  #plan(): void {
    if (this.#changed.size === 0 || this.#applying !== undefined) return;
    if (this.#changed.size > APPLY_AT.changes || this.#changedBytes > APPLY_AT.bytes) {
      this.#startApplying().catch(() => {});
    } else {
      this.#cancelTimer ??= this.#deps.timer.after(APPLY_AFTER_MS, () => {
        this.#cancelTimer = undefined;
        this.#startApplying().catch(() => {});
      });
    }
  }

  #startApplying(): Promise<void> {
    return this.#applying ??= this.#applyAll().finally(() => {
      this.#applying = undefined;
    });
  }

  async #applyAll(): Promise<void> {
    // In one turn: these entries have no changes but these and earlier ones of the same rows.
    const entries = this.#entries.splice(0);
    const changes = [...this.#changed].flatMap(([id, top]): [string, Change][] => {
      const change = durableOf(top);
      return change === undefined ? [] : [[id, change]];
    });
    try {
      for (const group of groupsOf(changes)) {
        const atomic = this.#deps.kv.atomic();
        for (const [, { mutation }] of group) {
          if (mutation.type === "set") atomic.set(mutation.key, bytesOf(mutation.value));
          else atomic.delete(mutation.key);
        }
        await atomic.commit();
        for (const [id, change] of group) this.#applied(id, change);
      }
      for (let i = 0; i < entries.length; i += APPLIED.changes) {
        const atomic = this.#deps.kv.atomic();
        for (const key of entries.slice(i, i + APPLIED.changes)) atomic.delete(key);
        await atomic.commit();
      }
    } catch (cause) {
      this.#entries.unshift(...entries);
      const text = `Cannot apply ${changes.length} changes to the store: ${messageOf(cause)}`;
      throw new SnakedenError("store_failed", text, { retryable: true, cause });
    }
  }

  /** Forgets a change that is in KV, and keeps its row. */
  #applied(id: string, change: Change): void {
    const top = this.#changed.get(id);
    if (top === change) {
      this.#changed.delete(id);
      this.#changedBytes -= change.bytes;
    } else {
      for (let it = top; it !== undefined; it = it.before) {
        if (it.before === change) it.before = undefined;
      }
    }
    this.#keep(id, valueOf(change));
  }

  #keep(id: string, value: RowValue | undefined): void {
    const before = this.#kept.get(id);
    if (before !== undefined) this.#keptBytes -= maxBytesOf(before);
    this.#kept.delete(id);
    if (value === undefined) return;
    this.#kept.set(id, value);
    this.#keptBytes += maxBytesOf(value);
    const isFull = (): boolean => this.#kept.size > KEPT.rows || this.#keptBytes > KEPT.bytes;
    if (!isFull()) return;
    for (const [oldest, row] of this.#kept) {
      if (!isFull()) return;
      this.#kept.delete(oldest);
      this.#keptBytes -= maxBytesOf(row);
    }
  }
}

/** Returns the latest durable one of a change and those before it. */
function durableOf(top: Change): Change | undefined {
  let it: Change | undefined = top;
  while (it?.pending !== undefined) it = it.before;
  return it;
}

/** Splits changes so that each part fits into one commit. */
function groupsOf(changes: readonly [string, Change][]): [string, Change][][] {
  const groups: [string, Change][][] = [[]];
  let [bytes, keyBytes] = [0, 0];
  for (const item of changes) {
    const [id, change] = item;
    bytes += change.bytes;
    keyBytes += id.length * 3;
    if (
      (groups.at(-1)?.length ?? 0) >= APPLIED.changes || bytes > APPLIED.bytes ||
      keyBytes > APPLIED.keyBytes
    ) {
      groups.push([]);
      [bytes, keyBytes] = [change.bytes, id.length * 3];
    }
    groups.at(-1)?.push(item);
  }
  return groups;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function valueOf({ mutation }: Change): RowValue | undefined {
  return mutation.type === "set" ? mutation.value : undefined;
}

/** Returns a text for a key. The parts of keys have no zero character. */
function idOf(key: Deno.KvKey): string {
  return key.join("\0");
}
