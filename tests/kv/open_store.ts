/** Functions that tests of the store share. */
import { SYSTEM_CLOCK } from "../../src/async/clock.ts";
import { ProcessRegistry, type RegistryOptions } from "../../src/host/mod.ts";
import { KvStore, type OpenOptions } from "../../src/kv/mod.ts";
import type { Store } from "../../src/store/mod.ts";
import { newRunId } from "../store/samples.ts";

export { newRunId };

/** Makes a data directory that is removed at the end of the test. */
export async function tempDir(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Opens the store of a data directory as a host does. */
export async function openStore(
  dataDir: string,
  runId = newRunId(),
  { now, timer = SYSTEM_CLOCK }: Partial<Pick<OpenOptions, "now" | "timer">> = {},
): Promise<KvStore> {
  return await KvStore.open({ dataDir, runId, windowMs: 1, timer, patienceMs: 0, now });
}

/** Creates the registry of a run over a store, as a host does. */
export function registryOver(
  { processes }: Store,
  { runId = newRunId(), startTimeOf = () => Promise.resolve(undefined) }: Partial<RegistryOptions> =
    {},
): ProcessRegistry {
  return new ProcessRegistry({ runId, startTimeOf, processes });
}

/** Changes the database directly, while no host has it. */
export async function tamper(dataDir: string, work: (kv: Deno.Kv) => Promise<void>): Promise<void> {
  using kv = await Deno.openKv(KvStore.pathIn(dataDir));
  await work(kv);
}
