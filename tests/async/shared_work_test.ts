import assert from "node:assert/strict";
import { SharedWork } from "../../src/async/mod.ts";

/** Work that ends when the test says so. */
class Work {
  readonly signals: AbortSignal[] = [];
  readonly #ends: PromiseWithResolvers<string>[] = [];

  readonly start = (signal: AbortSignal): Promise<string> => {
    const end = Promise.withResolvers<string>();
    this.signals.push(signal);
    this.#ends.push(end);
    return end.promise;
  };

  end(i: number, result: string | Error): void {
    if (result instanceof Error) this.#ends[i]?.reject(result);
    else this.#ends[i]?.resolve(result);
  }
}

Deno.test("SharedWork.run() does the work of a key once at a time, and again afterwards", async () => {
  const work = new Work();
  const shared = new SharedWork<string>();
  const both = [1, 2].map(() => shared.run("a", undefined, work.start));
  const other = shared.run("b", undefined, work.start);
  assert.equal(work.signals.length, 2);
  work.end(0, "one");
  work.end(1, "other");
  assert.deepEqual(await Promise.all([...both, other]), ["one", "one", "other"]);
  const again = shared.run("a", undefined, work.start);
  work.end(2, "two");
  assert.equal(await again, "two");
});

Deno.test("SharedWork.run() gives an error to all callers, and begins again afterwards", async () => {
  const work = new Work();
  const shared = new SharedWork<string>();
  const both = [1, 2].map(() => shared.run("a", undefined, work.start));
  work.end(0, new Error("broken"));
  for (const one of both) await assert.rejects(one, /broken/);
  const again = shared.run("a", undefined, work.start);
  work.end(1, "whole");
  assert.equal(await again, "whole");
});

Deno.test("SharedWork.run() goes on for the others when a caller leaves", async () => {
  const work = new Work();
  const shared = new SharedWork<string>();
  const leaver = new AbortController();
  const left = shared.run("a", leaver.signal, work.start);
  const stays = shared.run("a", undefined, work.start);
  leaver.abort(new Error("left"));
  await assert.rejects(left, /left/);
  assert.equal(work.signals[0]?.aborted, false);
  work.end(0, "done");
  assert.equal(await stays, "done");
});

Deno.test("SharedWork.run() aborts the work when the last caller leaves, who waits for its end", async () => {
  const work = new Work();
  const shared = new SharedWork<string>();
  const leaver = new AbortController();
  let hasLeft = false;
  const left = shared.run("a", leaver.signal, work.start).finally(() => hasLeft = true);
  leaver.abort(new Error("left"));
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(work.signals[0]?.aborted, true);
  assert.equal(hasLeft, false);
  // A newcomer waits for the end of what was aborted, and then begins again.
  const next = shared.run("a", undefined, work.start);
  assert.equal(work.signals.length, 1);
  work.end(0, new Error("aborted"));
  await assert.rejects(left, /left/);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(work.signals.length, 2);
  work.end(1, "fresh");
  assert.equal(await next, "fresh");
});

Deno.test("SharedWork.run() starts nothing for a caller who has left already", async () => {
  const work = new Work();
  const shared = new SharedWork<string>();
  await assert.rejects(shared.run("a", AbortSignal.abort(new Error("gone")), work.start), /gone/);
  assert.equal(work.signals.length, 0);
});
