import { SYSTEM_CLOCK } from "../async/mod.ts";
import type { Config } from "../config/mod.ts";
import { messageOf } from "../errors.ts";
import { KvStore, type MovedAside, type Store, StoreInUseError } from "../kv/mod.ts";
import { getLogger } from "../log.ts";
import type { SetAside } from "../store/mod.ts";

/** A host that has just been killed may hold its locks for another instant. */
const STORE_PATIENCE_MS = 500;

/** The state of the store, for whoever runs it. */
export interface StoreReport {
  /** `in memory` when another host has the store of the data directory, or it cannot be opened. */
  readonly state: "open" | "in memory";
  /** The database that could not be used at the start of this run; an empty one is used instead. */
  readonly movedAside?: MovedAside;
  /** Records that could not be read, of this run and earlier ones. */
  readonly setAside: readonly SetAside[];
}

/** The store of the data directory, or undefined where this host may go without. */
export async function openStore(
  { dataDir, store: { commitWindowMs } }: Config,
  { runId, required }: { readonly runId: string; readonly required: boolean },
): Promise<Store | undefined> {
  try {
    return await KvStore.open({
      dataDir,
      runId,
      windowMs: commitWindowMs,
      timer: SYSTEM_CLOCK,
      patienceMs: required ? STORE_PATIENCE_MS : 0,
    });
  } catch (error) {
    if (required) throw error;
    const text = "keeping rows in memory: {problem}";
    const log = getLogger("store");
    if (error instanceof StoreInUseError) log.debug(text, { problem: error.message });
    else log.warn(text, { problem: messageOf(error) });
    return undefined;
  }
}

/** Describes the store of a host, which may have none. */
export async function reportStore(store: Store | undefined): Promise<StoreReport> {
  if (store === undefined) return { state: "in memory", setAside: [] };
  const { movedAside } = store;
  const setAside = await store.listSetAside();
  return { state: "open", setAside, ...(movedAside === undefined ? {} : { movedAside }) };
}
