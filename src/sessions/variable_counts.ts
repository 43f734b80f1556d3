import type { SessionRow, SessionStore } from "../store/mod.ts";
import type { ByteLru } from "./byte_lru.ts";

interface Count {
  readonly life: string;
  value: number;
}

const PAGE = 1_000;
const COUNT_BYTES = 200;

/** The number of variables of the sessions in use. It is counted once, and then kept up to date. */
export class VariableCounts {
  readonly #store: Pick<SessionStore, "listVars">;
  readonly #cache: ByteLru<object>;
  readonly #max: number;

  constructor(
    { store, cache, max }: {
      readonly store: Pick<SessionStore, "listVars">;
      readonly cache: ByteLru<object>;
      readonly max: number;
    },
  ) {
    this.#store = store;
    this.#cache = cache;
    this.#max = max;
  }

  /** Returns the number of variables that may be added to a session, at most `wanted`. */
  async room(session: SessionRow, wanted: number): Promise<number> {
    if (wanted === 0) return 0;
    const count = this.#get(session) ?? await this.#count(session);
    if (count.value + wanted <= this.#max) return wanted;
    // Writes that failed may have been counted.
    const exact = await this.#count(session);
    return Math.max(0, Math.min(wanted, this.#max - exact.value));
  }

  /** Counts variables that are being added, or, below 0, that were not added or were removed. */
  add(session: SessionRow, difference: number): void {
    const count = this.#get(session);
    if (count !== undefined) count.value += difference;
  }

  #get({ id, life }: SessionRow): Count | undefined {
    const count = this.#cache.get(`n${id}`) as Count | undefined;
    return count?.life === life ? count : undefined;
  }

  async #count({ id, life }: SessionRow): Promise<Count> {
    const count: Count = { life, value: 0 };
    let after: string | undefined;
    do {
      const page = await this.#store.listVars(id, { after, limit: PAGE });
      count.value += page?.items.length ?? 0;
      after = page?.next;
    } while (after !== undefined);
    this.#cache.set(`n${id}`, count, COUNT_BYTES + 2 * id.length);
    return count;
  }
}
