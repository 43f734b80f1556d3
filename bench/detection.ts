/**
 * Detects the hardware once in a fresh process, then from the cache, and prints the times and the
 * longest time for which the event loop was held, as one line of JSON.
 */
import { Hardware } from "../src/hardware/mod.ts";
import { LoopProbe } from "./loop_probe.ts";

const CACHED_CALLS = 1_000;
const SETTLE_MS = 50;

async function measure(): Promise<Record<string, number>> {
  using probe = new LoopProbe();
  await using hardware = new Hardware();
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  // The machine alone also keeps a process waiting.
  await pause();
  probe.reset();
  await pause();
  const idleMs = probe.longestMs;
  probe.reset();
  const startedAt = performance.now();
  await hardware.detect();
  const coldMs = performance.now() - startedAt;
  const { longestMs } = probe;
  const cachedAt = performance.now();
  for (let i = 0; i < CACHED_CALLS; i++) await hardware.detect();
  const cachedMs = (performance.now() - cachedAt) / CACHED_CALLS;
  const refreshedAt = performance.now();
  await hardware.detect({ refresh: true });
  return {
    coldMs,
    refreshMs: performance.now() - refreshedAt,
    cachedMs,
    heldMs: longestMs,
    idleMs,
  };
}

if (import.meta.main) console.log(JSON.stringify(await measure()));
