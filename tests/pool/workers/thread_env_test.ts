import assert from "node:assert/strict";
import { libraryThreads, type ThreadNeeds } from "../../../src/pool/mod.ts";

/** The pools `a`, `b`, ... with a size and a setting each. */
function shares(
  usableCores: number,
  ...pools: readonly (readonly [size: number, libraryThreads: number | "auto"])[]
): number[] {
  const needs = pools.map(([size, threads], i): ThreadNeeds => ({
    name: String.fromCharCode(97 + i),
    size,
    libraryThreads: threads,
  }));
  return [...libraryThreads(needs, usableCores).values()];
}

Deno.test("libraryThreads() keeps a number, whatever the machine has", () => {
  assert.deepEqual(shares(2, [4, 1], [2, 64]), [1, 64]);
});

Deno.test("libraryThreads() shares the cores among the workers of a pool with auto", () => {
  assert.deepEqual(shares(16, [2, "auto"]), [8]);
  assert.deepEqual(shares(7, [2, "auto"]), [3]);
  assert.deepEqual(shares(2, [8, "auto"]), [1]);
});

Deno.test("libraryThreads() shares among all pools with auto the cores that the others leave", () => {
  assert.deepEqual(shares(16, [8, 1], [2, "auto"]), [1, 4]);
  assert.deepEqual(shares(16, [3, "auto"], [1, "auto"]), [4, 4]);
  assert.deepEqual(shares(4, [2, 4], [2, "auto"]), [4, 1]);
});

Deno.test("libraryThreads() counts a worker once for each call that it runs on a thread", () => {
  const of = (libraryThreads: number | "auto"): ThreadNeeds => ({
    name: "threads",
    size: 2,
    profile: "thread",
    threadsPerWorker: 4,
    libraryThreads,
  });
  assert.deepEqual([...libraryThreads([of("auto")], 32).values()], [4]);
  const beside: ThreadNeeds = { name: "processes", size: 2, libraryThreads: "auto" };
  assert.deepEqual([...libraryThreads([of(1), beside], 16).values()], [1, 4]);
});
