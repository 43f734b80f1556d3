import assert from "node:assert/strict";
import { LAUNCHERS } from "../../src/pool/mod.ts";
import { concurrent } from "../../src/pool/profiles/concurrent.ts";
import { PROFILES } from "../../src/pool/profiles/mod.ts";
import { type PoolProfile, type Start, testProfile, testWindow } from "./conformance.ts";

/** The pools whose workers are tried: each profile, with the least and with more capacity. */
const POOLS: readonly PoolProfile[] = [
  { profile: "process" },
  { profile: "thread", threadsPerWorker: 1 },
  { profile: "thread", threadsPerWorker: 4 },
  { profile: "async", concurrencyPerWorker: 3 },
];

/** The ways in which workers are started and reached: each launcher, over each carrier. */
const STARTS: readonly Start[] = [
  { launcher: "spawn", carrier: "socket" },
  { launcher: "spawn", carrier: "grpc" },
  { launcher: "prefork", carrier: "socket" },
  { launcher: "prefork", carrier: "grpc" },
];

for (const pool of POOLS) testProfile(pool, STARTS);
for (const capacity of [1, 3]) testWindow(`any of ${capacity}`, concurrent(capacity));

Deno.test("all profiles are tried, by all launchers", () => {
  assert.deepEqual([...new Set(POOLS.map(({ profile }) => profile))], Object.keys(PROFILES));
  assert.deepEqual([...new Set(STARTS.map(({ launcher }) => launcher))], Object.keys(LAUNCHERS));
});
