import type { SessionRow, SessionStore } from "../../store/mod.ts";
import type { ByteLru } from "../byte_lru.ts";

interface Count {
  readonly life: string;
  value: number;
  /** The names of all variables, and maybe of some that do not exist; absent if they are many. */
  names: Set<string> | undefined;
  bytes: number;
  /** True if nothing was added or removed since it was counted. */
  isExact: boolean;
}

const PAGE = 1_000;
const COUNT_BYTES = 200;
/** The memory of a name in a set, without its characters. */
const NAME_BYTES = 60;
/** The most names of one session that are in memory. */
const MAX_NAMES = 10_000;

/**
 * The number of variables of the sessions in use, and their names unless they are many, so that a
 * new variable needs no read. They are counted once, and then kept up to date.
 */
export class VariableCounts {
  readonly #store: Pick<SessionStore, "listVars" | "position">;
  readonly #cache: ByteLru<object>;
  readonly #max: number;
  /** The number of times that a variable was removed or may not have been added. */
  #losses = 0;

  constructor(
    { store, cache, max }: {
      readonly store: Pick<SessionStore, "listVars" | "position">;
      readonly cache: ByteLru<object>;
      readonly max: number;
    },
  ) {
    this.#store = store;
    this.#cache = cache;
    this.#max = max;
  }

  /** Returns true if there is certainly no such variable; false says nothing. */
  lacks(session: SessionRow, name: string): boolean {
    return this.#get(session)?.names?.has(name) === false;
  }

  /** Returns true if so many variables may certainly be added to a session. */
  hasRoom(session: SessionRow, wanted: number): boolean {
    const count = this.#get(session);
    return count !== undefined && count.value + wanted <= this.#max;
  }

  /**
   * Returns the number of variables that may be added to a session, at most `wanted`. `writing` are
   * the names of variables that are being written. None may be added meanwhile.
   */
  async room(session: SessionRow, wanted: number, writing: Iterable<string>): Promise<number> {
    if (wanted === 0) return 0;
    const count = this.#get(session) ?? await this.#count(session, writing);
    if (count.value + wanted <= this.#max) return wanted;
    // Writes that failed may have been counted. A count of many variables takes long.
    const exact = count.isExact ? count : await this.#count(session, writing);
    return Math.max(0, Math.min(wanted, this.#max - exact.value));
  }

  /**
   * Notes a variable that is being written. One that is not new may be missing all the same: it may
   * have been counted while it was removed.
   */
  add(session: SessionRow, name: string, isNew: boolean): void {
    const count = this.#get(session);
    if (count === undefined) return;
    if (count.names === undefined) {
      if (isNew) count.value++;
    } else if (!count.names.has(name)) {
      count.names.add(name);
      count.value++;
      count.bytes += NAME_BYTES + 2 * name.length;
      this.#keep(session, count);
    }
  }

  /** Counts a variable that was removed. */
  remove(session: SessionRow, name: string): void {
    this.#losses++;
    const count = this.#get(session);
    if (count === undefined) return;
    count.isExact = false;
    if (count.names === undefined || count.names.delete(name)) count.value--;
  }

  /** Forgets what is not certain any more; the next new variable counts again. */
  forget({ id }: SessionRow): void {
    this.#losses++;
    this.#cache.delete(`n${id}`);
  }

  #get({ id, life }: SessionRow): Count | undefined {
    const count = this.#cache.get(`n${id}`) as Count | undefined;
    return count?.life === life ? count : undefined;
  }

  async #count(session: SessionRow, writing: Iterable<string>): Promise<Count> {
    const { id, life } = session;
    const names = new Set(writing);
    const losses = this.#losses;
    let value = names.size;
    let after: string | undefined;
    const position = await this.#store.position(id);
    // Without a change there is no variable.
    const isEmpty = position?.life === life && position.seq === 0;
    while (!isEmpty) {
      const page = await this.#store.listVars(id, { after, limit: PAGE }, life);
      for (const { name } of page?.items ?? []) {
        if (names.has(name)) continue;
        value++;
        if (names.size <= MAX_NAMES) names.add(name);
      }
      after = page?.next;
      if (after === undefined) break;
    }
    let bytes = COUNT_BYTES + 2 * id.length;
    for (const name of names) bytes += NAME_BYTES + 2 * name.length;
    // What was lost meanwhile may have been counted.
    const count: Count = { life, value, names, bytes, isExact: losses === this.#losses };
    this.#keep(session, count);
    return count;
  }

  #keep({ id }: SessionRow, count: Count): void {
    if (count.names !== undefined && count.names.size > MAX_NAMES) {
      count.names = undefined;
      count.bytes = COUNT_BYTES + 2 * id.length;
    }
    this.#cache.set(`n${id}`, count, count.bytes);
  }
}
