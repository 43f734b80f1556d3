import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { ServedPool } from "../../reload/mod.ts";
import type { ToolListStore } from "../../store/mod.ts";
import { type CodeHash, hashCode } from "./code_hash.ts";
import { type ListedPython, listKey } from "./list_key.ts";
import { PoolToolList } from "./pool_tool_list.ts";

/** A pool that has not started, and its Python. */
export interface ListedPool extends ServedPool {
  readonly python: ListedPython;
}

/** Dependencies of {@link ToolLists}. */
export interface ToolListsDeps {
  readonly store: ToolListStore;
  /** The data directory, which holds no code. */
  readonly dataDir: string;
}

/** The tools of pools that may have no worker, kept from one host to the next. */
export class ToolLists {
  readonly #deps: ToolListsDeps;

  constructor(deps: ToolListsDeps) {
    this.#deps = deps;
  }

  /** Removes the lists of all pools but these. Never throws. */
  async retain(pools: readonly string[]): Promise<void> {
    const { store } = this.#deps;
    try {
      const gone = (await store.list()).map(({ pool }) => pool).filter((it) => !pools.includes(it));
      if (gone.length > 0) await store.remove(gone);
    } catch (error) {
      getLogger("pool").warn("cannot remove the lists of the tools of former pools: {problem}", {
        problem: messageOf(error),
      });
    }
  }

  /**
   * Restores the tools of those of the pools that start without a worker, and keeps their tools
   * until it is disposed. Resolves when they are listed.
   */
  async follow(listed: readonly ListedPool[]): Promise<AsyncDisposable> {
    const { store, dataDir } = this.#deps;
    await using resources = new AsyncDisposableStack();
    const resting = listed.filter(({ pool }) => pool.limits.min === 0);
    if (resting.length === 0) return resources.move();
    const exclude = [await Deno.realPath(dataDir).catch(() => dataDir)];
    const hashOf = (folders: readonly string[]): Promise<CodeHash> =>
      hashCode(folders, { exclude });
    // Pools often have the same folders.
    const shared = new Map<string, Promise<CodeHash>>();
    const sharedHashOf = (folders: readonly string[]): Promise<CodeHash> => {
      const id = JSON.stringify(folders);
      const hash = shared.get(id) ?? hashOf(folders);
      shared.set(id, hash);
      return hash;
    };
    await Promise.all(resting.map(async ({ pool: { name, code }, poolConfig, python }) => {
      const keyNow = (): Promise<CodeHash> => listKey(poolConfig, python, hashOf);
      const first = listKey(poolConfig, python, sharedHashOf);
      const list = resources.use(new PoolToolList({ name, code, store, keyNow }, first));
      await list.restore();
    }));
    return resources.move();
  }
}
