/**
 * The client that also starts its host: `SnakedenClient.spawn()` runs a host as a process beside a
 * program in Node 20, Bun or Deno, and ends it with the program. The rest of this module is that of
 * `snakeden/client`, which has no part for processes, so that pages can load it.
 *
 * - {@link SpawnedClient}: the client of such a host.
 * - host_process.ts, host_output.ts: the process, and what it writes.
 * - find_checkout.ts, find_deno.ts: the programs that it needs.
 * - watched_fetch.ts: requests that fail with the reason why the host has ended.
 *
 * @example
 * ```ts ignore
 * import { SnakedenClient } from "snakeden/spawn";
 *
 * const den = await SnakedenClient.spawn({ config: { pools: [{ name: "default", size: 2 }] } });
 * console.log(den.url, await den.execute<number>("add", { a: 2, b: 3 }));
 * await den.stop();
 * ```
 *
 * @module
 */
export * from "../client/mod.ts";
export type { LogEntry } from "../log.ts";
export type { HostEnd } from "./host_process.ts";
export type { SpawnOptions } from "./spawn_options.ts";
export { SnakedenClient, SpawnedClient } from "./spawned_client.ts";
