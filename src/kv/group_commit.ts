import { messageOf, SnakedenError } from "../errors.ts";

/** A change of one key. */
export type Mutation =
  | { readonly type: "set"; readonly key: Deno.KvKey; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly key: Deno.KvKey };

/** The length of the longest value that KV accepts. */
export const MAX_VALUE_BYTES = 65_536;
/**
 * The limits of one atomic commit in the KV of Deno 2.9.6, as measured.
 * tests/kv/group_commit_test.ts checks them.
 */
const LIMITS = { mutations: 1_000, bytes: 819_200, keyBytes: 81_920 } as const;
const MAX_KEY_BYTES = 2_048;

/** Calls `ring` after a delay; returns a function that cancels it. A `Clock` has one: `after`. */
export interface Timer {
  after(delayMs: number, ring: () => void): () => void;
}

/** Options of {@link GroupCommit}. */
export interface GroupCommitOptions {
  /** The time that the first change waits for others. */
  readonly windowMs: number;
  readonly timer: Timer;
}

interface Cost {
  readonly mutations: number;
  readonly bytes: number;
  readonly keyBytes: number;
}

interface Request {
  readonly mutations: readonly Mutation[];
  readonly cost: Cost;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const NOTHING: Cost = { mutations: 0, bytes: 0, keyBytes: 0 };

/**
 * Writes the changes of many callers in one atomic commit. The first change waits `windowMs` for
 * others. Changes that arrive during a commit form the next one, which follows at once. Commits run
 * one after another, in the order of the callers.
 */
export class GroupCommit implements AsyncDisposable {
  readonly #kv: Pick<Deno.Kv, "atomic">;
  readonly #options: GroupCommitOptions;
  readonly #waiting: Request[] = [];
  #gathered = NOTHING;
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #isHurried = false;
  #closed = false;

  constructor(kv: Pick<Deno.Kv, "atomic">, options: GroupCommitOptions) {
    this.#kv = kv;
    this.#options = options;
  }

  /**
   * Makes all changes or none. Resolves when they are durable.
   *
   * @throws {SnakedenError} `store_failed` if the commit failed, for example because of a full
   * disk: all callers in that commit get this error, and nobody else. `invalid_input` if the
   * changes are too many for one commit. `shutting_down` after disposal.
   */
  async commit(mutations: readonly Mutation[]): Promise<void> {
    if (this.#closed) {
      throw new SnakedenError("shutting_down", "Cannot write to the store: it is closed");
    }
    const cost = checkedCost(mutations);
    if (mutations.length === 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ mutations, cost, resolve, reject });
    this.#gathered = sum(this.#gathered, cost);
    this.#arm();
    await promise;
  }

  /**
   * Writes waiting changes at once, and all later ones without waiting for a window. For a store
   * that is about to close.
   */
  hurry(): void {
    this.#isHurried = true;
    this.#start();
  }

  /** Writes waiting changes and refuses new ones. Never rejects: each caller gets its own error. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#start();
    await this.#running;
  }

  #arm(): void {
    if (this.#running !== undefined) return;
    if (this.#isHurried || !fits(this.#gathered)) return this.#start();
    const { timer, windowMs } = this.#options;
    this.#cancelTimer ??= timer.after(windowMs, () => this.#start());
  }

  #start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#waiting.length > 0) this.#running ??= this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      try {
        await this.#write(batch);
        for (const { resolve } of batch) resolve();
      } catch (cause) {
        const count = batch.reduce((count, it) => count + it.mutations.length, 0);
        const error = new SnakedenError(
          "store_failed",
          `Cannot write ${count} changes to the store: ${messageOf(cause)}`,
          { retryable: true, details: { changes: count }, cause },
        );
        for (const { reject } of batch) reject(error);
      }
    }
    // Set in the same turn as the last check of the loop, so that the next caller sees that no
    // commit runs.
    this.#running = undefined;
  }

  /** Takes the callers that fit into one commit, in their order. */
  #takeBatch(): Request[] {
    let total = NOTHING;
    let count = 0;
    for (const { cost } of this.#waiting) {
      const next = sum(total, cost);
      if (!fits(next)) break;
      total = next;
      count++;
    }
    const batch = this.#waiting.splice(0, count);
    this.#gathered = this.#waiting.reduce((all, { cost }) => sum(all, cost), NOTHING);
    return batch;
  }

  async #write(batch: readonly Request[]): Promise<void> {
    const atomic = this.#kv.atomic();
    for (const { mutations } of batch) {
      for (const mutation of mutations) {
        if (mutation.type === "set") atomic.set(mutation.key, mutation.value);
        else atomic.delete(mutation.key);
      }
    }
    await atomic.commit();
  }
}

/**
 * Returns the cost of changes. Refuses changes that KV would refuse, since they would fail the
 * whole commit.
 */
function checkedCost(mutations: readonly Mutation[]): Cost {
  let cost = NOTHING;
  for (const mutation of mutations) {
    const keyBytes = keyBytesOf(mutation.key);
    const valueBytes = mutation.type === "set" ? mutation.value.byteLength : 0;
    if (keyBytes > MAX_KEY_BYTES) throw tooLarge("a key", keyBytes, MAX_KEY_BYTES);
    if (valueBytes > MAX_VALUE_BYTES) throw tooLarge("a value", valueBytes, MAX_VALUE_BYTES);
    // KV counts the bytes of a key twice.
    cost = sum(cost, { mutations: 1, bytes: 2 * keyBytes + valueBytes, keyBytes });
  }
  if (fits(cost)) return cost;
  const { mutations: count, bytes, keyBytes } = cost;
  throw new SnakedenError(
    "invalid_input",
    `Cannot write ${count} changes of ${bytes} bytes (keys: ${keyBytes}) in one commit: ` +
      `the limits are ${LIMITS.mutations} changes and ${LIMITS.bytes} bytes (keys: ${LIMITS.keyBytes})`,
  );
}

function tooLarge(what: string, bytes: number, limit: number): SnakedenError {
  return new SnakedenError(
    "invalid_input",
    `Cannot write ${what} of ${bytes} bytes: the limit is ${limit} bytes`,
  );
}

function fits({ mutations, bytes, keyBytes }: Cost): boolean {
  return mutations <= LIMITS.mutations && bytes <= LIMITS.bytes && keyBytes <= LIMITS.keyBytes;
}

function sum(a: Cost, b: Cost): Cost {
  return {
    mutations: a.mutations + b.mutations,
    bytes: a.bytes + b.bytes,
    keyBytes: a.keyBytes + b.keyBytes,
  };
}

const encoder = new TextEncoder();

/**
 * Returns the length of a key in KV's encoding. A text is a tag, its bytes with each zero doubled,
 * and an end byte; a number is a tag and 8 bytes.
 */
function keyBytesOf(key: Deno.KvKey): number {
  let bytes = 0;
  for (const part of key) {
    if (typeof part === "string") {
      const text = encoder.encode(part);
      bytes += 2 + text.byteLength + text.reduce((zeros, it) => it === 0 ? zeros + 1 : zeros, 0);
    } else bytes += 9;
  }
  return bytes;
}
