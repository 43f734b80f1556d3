import { SYSTEM_CLOCK } from "../../async/mod.ts";
import type { Config } from "../../config/mod.ts";
import { messageOf, SnakedenError } from "../../errors.ts";
import { KV_CURE, KvStore, StoreInUseError } from "../../kv/mod.ts";
import { getLogger, warnVisibly } from "../../log.ts";
import { memoryStore, type Store } from "../../store/mod.ts";

/** Time to wait for the locks of a host that has just been killed. */
const STORE_PATIENCE_MS = 500;

const NO_KV =
  "this program has no Deno KV, so its records are kept in memory: the next start does " +
  `not find in them what a killed one has left; ${KV_CURE}`;

/** The store of a host. */
export interface OpenedStore {
  readonly store: Store;
  /** The reason why it is in memory; undefined if it is that of the data directory. */
  readonly problem?: Error;
}

/**
 * Opens the store of the data directory. This is the only place that chooses a driver. If the store
 * is in use or cannot be opened, a host that does not require it gets a store in memory.
 *
 * @throws {SnakedenError} `startup_failed` when it is `required` and cannot be opened.
 */
export async function openStore(
  { dataDir, store: { commitWindowMs } }: Config,
  { runId, required }: { readonly runId: string; readonly required: boolean },
): Promise<OpenedStore> {
  if (!required && !KvStore.isAvailable()) {
    warnVisibly("store", NO_KV);
    const problem = new SnakedenError("startup_failed", `this program has no Deno KV; ${KV_CURE}`);
    return { store: memoryStore(), problem };
  }
  try {
    const store = await KvStore.open({
      dataDir,
      runId,
      windowMs: commitWindowMs,
      timer: SYSTEM_CLOCK,
      patienceMs: required ? STORE_PATIENCE_MS : 0,
    });
    return { store };
  } catch (error) {
    if (required) throw error;
    const text = "records are kept in memory: {problem}";
    const log = getLogger("store");
    if (error instanceof StoreInUseError) log.debug(text, { problem: error.message });
    else log.warn(text, { problem: messageOf(error) });
    return { store: memoryStore(), problem: error instanceof Error ? error : new Error(text) };
  }
}
