import { setImmediate } from "node:timers";
import { messageOf, SnakedenError } from "../../errors.ts";
import type { BackgroundFailures } from "../background_failures.ts";
import { BatchReader } from "./batch_reader.ts";
import { type Change, ChangedRows, valueOf } from "./changed_rows.ts";
import type { GroupCommit, Timer } from "../group_commit.ts";
import { Journal } from "./journal.ts";
import { KeptRows } from "./kept_rows.ts";
import type { Records } from "../records.ts";
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
const APPLY = "write the rows of sessions to their own keys";

interface Request {
  readonly changes: readonly Change[];
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
  readonly failures: BackgroundFailures;
}

/**
 * Rows that are written many times faster than KV writes single keys. A commit of KV costs 0.2 ms
 * and each key in it about 10 to 20 µs more, so the changes of all callers first become one value:
 * an entry of the *journal*. They are durable then. Later they are *applied*: written to their own
 * keys, each row once however often it has changed, and then the entries are removed. Until then,
 * reads find them in memory, and after a crash, {@link KvRows.recover} applies them.
 *
 * Callers decide a change by those before it. So a commit that fails takes back all changes that
 * are not durable, also those that wait for a later commit.
 */
export class KvRows {
  readonly #deps: KvRowsDeps;
  readonly #reader: BatchReader;
  readonly #journal: Journal;
  readonly #changed = new ChangedRows();
  readonly #kept = new KeptRows();
  /** The rows that are being set aside. */
  readonly #settingAside = new Map<string, Promise<void>>();
  #waiting: Request[] = [];
  #committing: Promise<void> | undefined;
  /** The latest call of {@link KvRows.write}. */
  #last: Promise<void> = Promise.resolve();
  #applying: Promise<void> | undefined;
  /** Resolves after the next commit that applies changes. */
  #progress = Promise.withResolvers<void>();
  #cancelTimer: (() => void) | undefined;
  #onTakenBack: () => void = () => {};
  #isClosed = false;

  constructor(deps: KvRowsDeps) {
    this.#deps = deps;
    this.#reader = new BatchReader(deps.kv);
    this.#journal = new Journal(deps.kv, deps.records);
  }

  /** Sets what is called in the turn in which all changes that are not durable are taken back. */
  set onTakenBack(notify: () => void) {
    this.#onTakenBack = notify;
  }

  /**
   * Returns the value of a row as of the last {@link KvRows.write}, durable or not; a promise if it
   * must be read.
   */
  peek(key: Deno.KvKey): RowValue | undefined | Promise<RowValue | undefined> {
    const id = idOf(key);
    const change = this.#changed.get(id);
    if (change !== undefined) return valueOf(change);
    return this.#kept.get(id) ?? this.#load(key, id);
  }

  /** Returns the value of a row. If the latest one is not durable yet, waits until it is. */
  async get(key: Deno.KvKey): Promise<RowValue | undefined> {
    const id = idOf(key);
    while (true) {
      const change = this.#changed.get(id);
      if (change !== undefined) {
        // A failed commit takes its changes back, so the row is read again.
        const isDurable = await change.pending?.then(() => true, () => false) ?? true;
        if (isDurable) return valueOf(change);
        continue;
      }
      const kept = this.#kept.get(id);
      if (kept !== undefined) return kept;
      const stored = await this.#reader.get(key);
      // What was changed while it was read need not be durable.
      if (this.#changed.get(id) === undefined) return this.#kept.get(id) ?? rowOf(stored);
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
    let [group, size]: [Change[], number] = [[], 0];
    const groups: { changes: Change[]; bytes: number }[] = [];
    for (const mutation of mutations) {
      const id = idOf(mutation.key);
      const bytes = costOf(id, mutation);
      if (group.length >= ENTRY.changes || size + bytes > ENTRY.bytes) {
        groups.push({ changes: group, bytes: size });
        [group, size] = [[], 0];
      }
      group.push(this.#changed.add({ id, mutation, bytes, pending: caller.promise }));
      size += bytes;
    }
    groups.push({ changes: group, bytes: size });
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

  /** Sets an unreadable row aside, once for all readers, unless it was changed meanwhile. */
  setAside(key: Deno.KvKey, value: RowValue, reason: string): Promise<void> {
    const id = idOf(key);
    const running = this.#settingAside.get(id);
    if (running !== undefined) return running;
    const mine = this.#setAside(key, value, reason).finally(() => this.#settingAside.delete(id));
    this.#settingAside.set(id, mine);
    return mine;
  }

  async #setAside(key: Deno.KvKey, value: RowValue, reason: string): Promise<void> {
    const id = idOf(key);
    const isThere = (): boolean => {
      const change = this.#changed.get(id);
      return (change === undefined ? this.#kept.get(id) ?? value : valueOf(change)) === value;
    };
    if (!isThere()) return;
    const isCopied = await this.#deps.records.copyAside(key, { value: bytesOf(value), reason });
    // Removed like any row, so that what is written meanwhile is not.
    if (isCopied && isThere()) await this.write([{ type: "delete", key }]);
  }

  /** Applies the changes of an earlier run; returns their number. Call it before anything else. */
  async recover(): Promise<number> {
    let count = 0;
    for (const mutation of (await this.#journal.recover()).flat()) {
      const id = idOf(mutation.key);
      this.#changed.add({ id, mutation, bytes: costOf(id, mutation), pending: undefined });
      count++;
    }
    await this.apply();
    return count;
  }

  /** Makes all changes durable and applies them. */
  async close(): Promise<void> {
    await this.#committing;
    this.#isClosed = true;
    this.#cancelTimer?.();
    // If this fails, the next start applies what is left in the journal.
    await this.apply().catch(() => {});
  }

  async #load(key: Deno.KvKey, id: string): Promise<RowValue | undefined> {
    const value = await this.#reader.get(key);
    const change = this.#changed.get(id);
    if (change !== undefined) return valueOf(change);
    return this.#kept.get(id) ?? rowOf(value);
  }

  async #commitAll(): Promise<void> {
    // One turn, so that all callers that the last commit has woken are in the next one.
    await afterCallbacks();
    while (this.#waiting.length > 0) {
      for (let isDone = false; this.#isOver(STOP_AT) && !isDone;) {
        isDone = await Promise.race([
          this.#startApplying().then(() => true, () => true),
          this.#progress.promise.then(() => false),
        ]);
      }
      await this.#commitOne(this.#takeBatch());
      await afterCallbacks();
    }
    // Set in the same turn as the last check of the loop.
    this.#committing = undefined;
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
    const latest = new Map<string, RowChange>();
    for (const { changes } of batch) for (const it of changes) latest.set(it.id, it.mutation);
    try {
      await this.#journal.append([...latest.values()]);
    } catch (cause) {
      return this.#fail(batch, cause);
    }
    for (const { changes, caller, isLast } of batch) {
      for (const change of changes) this.#changed.confirm(change);
      if (isLast) caller.resolve();
    }
    this.#plan();
  }

  /** Takes all changes back that are not durable. */
  #fail(batch: readonly Request[], cause: unknown): void {
    const failed = [...batch, ...this.#waiting];
    this.#waiting = [];
    let count = 0;
    for (const { changes } of failed) {
      count += changes.length;
      for (const change of changes) this.#changed.takeBack(change);
    }
    this.#onTakenBack();
    const error = new SnakedenError(
      "store_failed",
      `Cannot write ${count} changes to the store: ${messageOf(cause)}`,
      { retryable: true, details: { changes: count }, cause },
    );
    for (const { caller } of failed) caller.reject(error);
  }

  #isOver({ changes, bytes }: { readonly changes: number; readonly bytes: number }): boolean {
    return this.#changed.size > changes || this.#changed.bytes > bytes;
  }

  /** Applies the changes soon, or at once if there are many. */
  #plan(): void {
    if (this.#applying !== undefined) return;
    if (this.#isOver(APPLY_AT)) void this.#startApplying().catch(() => {});
    else this.#planLater();
  }

  #planLater(): void {
    if (this.#isClosed || this.#changed.size === 0) return;
    this.#cancelTimer ??= this.#deps.timer.after(APPLY_AFTER_MS, () => {
      this.#cancelTimer = undefined;
      void this.#startApplying().catch(() => {});
    });
  }

  /** Applies the changes that are durable; joins an application that runs. */
  #startApplying(): Promise<void> {
    return this.#applying ??= this.#apply();
  }

  async #apply(): Promise<void> {
    // In one turn: these entries have no changes but these rows'.
    const ids = this.#changed.takeDurable();
    const entries = this.#journal.take();
    try {
      await this.#applyRows(ids);
      await this.#journal.remove(entries);
      this.#deps.failures.clear(APPLY);
    } catch (cause) {
      this.#changed.giveBack(ids);
      this.#journal.giveBack(entries);
      const text = `Cannot apply changes to the store: ${messageOf(cause)}`;
      const error = new SnakedenError("store_failed", text, { retryable: true, cause });
      this.#deps.failures.report(APPLY, error);
      throw error;
    } finally {
      this.#applying = undefined;
      this.#planLater();
    }
  }

  /** Applies rows in commits that KV takes, and with a turn of the event loop after each. */
  async #applyRows(ids: Iterable<string>): Promise<void> {
    let group: Change[] = [];
    let [bytes, keyBytes] = [0, 0];
    for (const id of ids) {
      const change = this.#changed.durable(id);
      if (change === undefined) continue;
      const isFull = group.length === APPLIED.changes || bytes + change.bytes > APPLIED.bytes ||
        keyBytes + 3 * id.length > APPLIED.keyBytes;
      if (isFull && group.length > 0) {
        await this.#applyGroup(group);
        [group, bytes, keyBytes] = [[], 0, 0];
      }
      group.push(change);
      bytes += change.bytes;
      keyBytes += 3 * id.length;
    }
    if (group.length > 0) await this.#applyGroup(group);
  }

  async #applyGroup(group: readonly Change[]): Promise<void> {
    const atomic = this.#deps.kv.atomic();
    const rows = group.map(({ mutation }) => {
      if (mutation.type === "delete") return void atomic.delete(mutation.key);
      const bytes = bytesOf(mutation.value);
      atomic.set(mutation.key, bytes);
      return bytes;
    });
    await atomic.commit();
    group.forEach((change, i) => {
      this.#changed.forget(change);
      this.#kept.set(change.id, rows[i]);
    });
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
    await afterCallbacks();
  }
}

/** Waits for the callbacks that are due, not for timers: that would take a millisecond. */
function afterCallbacks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Returns the row that KV has; what is not bytes becomes an unreadable one. */
function rowOf(value: unknown): Uint8Array | undefined {
  if (value === null) return undefined;
  return value instanceof Uint8Array ? value : new Uint8Array();
}

/** Returns the most bytes that a change takes in a commit. */
function costOf(id: string, mutation: RowChange): number {
  return 3 * id.length + (mutation.type === "set" ? maxBytesOf(mutation.value) : 0);
}

/** Returns a text for a key. The parts of keys have no zero character. */
function idOf(key: Deno.KvKey): string {
  return key.join("\0");
}
