import assert from "node:assert/strict";
import { Loads } from "../../src/sessions/loads.ts";

Deno.test("Loads.run() reads once for all who wait, and keeps the result", async () => {
  const loads = new Loads<number>();
  const kept: number[] = [];
  let reads = 0;
  const run = (): Promise<number> =>
    loads.run("a", () => Promise.resolve(++reads), (it) => kept.push(it));
  assert.deepEqual(await Promise.all([run(), run(), run()]), [1, 1, 1]);
  assert.deepEqual(kept, [1]);
  assert.equal(await run(), 2);
});

Deno.test("Loads.run() does not keep what was read before a write, and reads again after it", async () => {
  const loads = new Loads<string>();
  const kept: string[] = [];
  const old = Promise.withResolvers<string>();
  const first = loads.run("a", () => old.promise, (it) => kept.push(it));
  loads.markStale("a");
  loads.markStale("other");
  const second = loads.run("a", () => Promise.resolve("new"), (it) => kept.push(it));
  assert.equal(await second, "new");
  old.resolve("old");
  assert.equal(await first, "old");
  assert.deepEqual(kept, ["new"]);
});

Deno.test("Loads.run() passes an error to all who wait, and keeps nothing", async () => {
  const loads = new Loads<number>();
  const kept: number[] = [];
  const fail = (): Promise<number> => Promise.reject(new Error("broken"));
  const both = [1, 2].map(() => loads.run("a", fail, (it) => kept.push(it)));
  for (const it of both) await assert.rejects(it, /broken/);
  assert.equal(kept.length, 0);
  assert.equal(await loads.run("a", () => Promise.resolve(1), (it) => kept.push(it)), 1);
});
