import { nextTurn } from "../../async/mod.ts";
import { messageOf } from "../../errors.ts";
import type { AcceptedWork, RecordType } from "../../store/mod.ts";
import type { BackgroundFailures } from "../background_failures.ts";
import { keys } from "../keys.ts";
import type { Generation, KvChunks } from "../kv_chunks.ts";
import { type KvRows, partsOf, Row, type RowChange, type RowValue } from "../rows/mod.ts";
import { decodeRow, INLINE_BYTES, type LongHead } from "./session_records.ts";

const CLEAN = "remove the variables and programs of sessions that have ended";
/** The ended lives whose rows are removed at once, and the rows of each that are read at once. */
const CLEANED_AT_ONCE = { lives: 20, rows: 100 } as const;
/** The rows of a page that one turn of the event loop decodes in a few milliseconds. */
const DECODED_A_TURN = 500;

/** A row whose body was not read yet. */
export interface FoundRow<T> {
  readonly head: T & LongHead;
  readonly body: Uint8Array;
}

/** Dependencies of {@link KvNamedRows}. */
export interface KvNamedRowsDeps {
  readonly rows: KvRows;
  readonly chunks: KvChunks;
  readonly failures: BackgroundFailures;
  readonly accepted: AcceptedWork;
}

/** The variables and programs of sessions: rows with a body that may be long. */
export class KvNamedRows {
  readonly #deps: KvNamedRowsDeps;
  readonly #ended: string[] = [];
  #cleaning: Promise<void> | undefined;
  #isClosing = false;

  constructor(deps: KvNamedRowsDeps) {
    this.#deps = deps;
  }

  /** Writes the body of a row to chunks if it is long. */
  async store(body: Uint8Array<ArrayBuffer>): Promise<Generation | undefined> {
    return body.byteLength > INLINE_BYTES ? await this.#deps.chunks.write(body) : undefined;
  }

  /**
   * Returns the latest row, durable or not; a promise unless it is in memory. Sets an unreadable
   * one aside.
   */
  peek<T extends object>(
    key: Deno.KvKey,
    type: RecordType<T & LongHead>,
  ): FoundRow<T> | undefined | Promise<FoundRow<T> | undefined> {
    const row = this.#deps.rows.peek(key);
    if (row instanceof Promise) return row.then((it) => this.#decode(key, type, it));
    return row instanceof Row ? row as Row<T & LongHead> : this.#decode(key, type, row);
  }

  /** Returns a durable row with its whole body; sets an unreadable one aside. */
  async read<T extends { readonly bytes: number }>(
    key: Deno.KvKey,
    type: RecordType<T & LongHead>,
  ): Promise<{ head: T; value: Uint8Array<ArrayBuffer> } | undefined> {
    let last: string | undefined;
    while (true) {
      const row = await this.#deps.rows.get(key);
      const found = await this.#decode(key, type, row);
      if (found === undefined || row === undefined) return undefined;
      const { long, ...head } = found.head;
      if (long === undefined) return { head: head as unknown as T, value: found.body.slice() };
      const { value, problem } = await this.#deps.chunks.read(long);
      if (problem === undefined) return { head: head as unknown as T, value };
      // A write may have replaced the row, and removed these chunks, while they were read.
      if (last === long.generation) {
        await this.#deps.rows.setAside(key, row, problem);
        return undefined;
      }
      last = long.generation;
    }
  }

  /** Returns a page of the rows of one life. */
  async page<T extends { readonly name: string }>(
    prefix: Deno.KvKey,
    { after, limit }: { readonly after?: string | undefined; readonly limit: number },
    type: RecordType<T & LongHead>,
  ): Promise<{ items: FoundRow<T>[]; next?: string }> {
    const start = after === undefined ? {} : { start: [...prefix, `${after}\0`] };
    const found = await this.#deps.rows.list({ prefix, ...start }, limit + 1);
    const items: FoundRow<T>[] = [];
    for (const [i, { key, value }] of found.slice(0, limit).entries()) {
      // The first time too: reading so many rows takes as long, and the next page may follow.
      if (found.length >= DECODED_A_TURN && i % DECODED_A_TURN === 0) await nextTurn();
      const row = await this.#decode(key, type, value instanceof Uint8Array ? value : NOTHING);
      if (row !== undefined) items.push(row);
    }
    const last = found.length > limit ? found[limit - 1] : undefined;
    return { items, ...(last && { next: String(last.key.at(-1)) }) };
  }

  /** Removes all rows of lives that have ended, in the background. */
  readonly clean = (life: string): void => {
    this.#ended.push(life);
    this.#cleaning ??= this.#cleanAll();
  };

  /** Removes the rows of lives that ended in an earlier run. */
  async resume(): Promise<void> {
    for (const { key } of await this.#deps.rows.list({ prefix: keys.endedLives }, 1e9)) {
      this.clean(String(key[1]));
    }
  }

  /** Stops the removal; the next start goes on with it. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#cleaning;
  }

  async #cleanAll(): Promise<void> {
    try {
      while (this.#ended.length > 0 && !this.#isClosing) {
        const lives = this.#ended.splice(0, CLEANED_AT_ONCE.lives);
        // Together, since each list has to apply the changes before it.
        await Promise.all(lives.map((it) => this.#cleanLife(it)));
      }
      this.#deps.failures.clear(CLEAN);
    } catch (error) {
      // The rows cannot be seen any more. The next start removes them.
      this.#deps.failures.report(CLEAN, error);
    }
    this.#cleaning = undefined;
  }

  async #cleanLife(life: string): Promise<void> {
    if (!await this.#cleanPrefix(keys.variables(life))) return;
    if (!await this.#cleanPrefix(keys.programs(life))) return;
    await this.#deps.rows.write([{ type: "delete", key: keys.endedLife(life) }]);
  }

  /** Returns false if the store is closing. */
  async #cleanPrefix(prefix: Deno.KvKey): Promise<boolean> {
    while (!this.#isClosing) {
      const found = await this.#deps.rows.list({ prefix }, CLEANED_AT_ONCE.rows);
      if (found.length === 0) return true;
      const mutations: RowChange[] = [];
      const generations: string[] = [];
      for (const { key, value } of found) {
        const long = value instanceof Uint8Array ? longOf(value) : undefined;
        if (long !== undefined) {
          generations.push(long.generation);
          mutations.push(this.#deps.chunks.release(long));
        }
        mutations.push({ type: "delete", key });
      }
      await this.#deps.rows.write(mutations);
      for (const generation of generations) {
        await this.#deps.chunks.removeChunks(generation);
        await this.#deps.rows.write([{ type: "delete", key: keys.looseChunks(generation) }]);
      }
      if (found.length < CLEANED_AT_ONCE.rows) return true;
    }
    return false;
  }

  #decode<T extends object>(
    key: Deno.KvKey,
    type: RecordType<T & LongHead>,
    row: RowValue | undefined,
  ): FoundRow<T> | undefined | Promise<undefined> {
    if (row === undefined) return undefined;
    try {
      const found = decodeRow(type, row);
      const { long, bytes, name } = found.head as LongHead & { bytes?: number; name?: string };
      if (name !== key.at(-1)) throw new Error("it is stored under another name");
      if (long === undefined && found.body.byteLength !== bytes) {
        throw new Error(`it has ${found.body.byteLength} of its ${bytes} bytes`);
      }
      return found;
    } catch (error) {
      return this.#deps.rows.setAside(key, row, messageOf(error)).then(() => undefined);
    }
  }
}

const NOTHING = new Uint8Array();

/** Returns the chunks that a row names, if it can be read. */
function longOf(row: Uint8Array): Generation | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(partsOf(row).text)).data.long;
  } catch {
    return undefined;
  }
}
