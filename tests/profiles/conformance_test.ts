import assert from "node:assert/strict";
import { concurrent } from "../../src/pool/profiles/concurrent.ts";
import { PROFILES } from "../../src/pool/profiles/mod.ts";
import { type PoolProfile, testProfile, testWindow } from "./conformance.ts";

/** The pools whose workers are tried: each profile, with the least and with more capacity. */
const POOLS: readonly PoolProfile[] = [
  { profile: "process" },
  { profile: "thread", threadsPerWorker: 1 },
  { profile: "thread", threadsPerWorker: 4 },
  { profile: "async", concurrencyPerWorker: 3 },
];

for (const pool of POOLS) testProfile(pool);
for (const capacity of [1, 3]) testWindow(`any of ${capacity}`, concurrent(capacity));

Deno.test("all profiles are tried", () => {
  assert.deepEqual([...new Set(POOLS.map(({ profile }) => profile))], Object.keys(PROFILES));
});
