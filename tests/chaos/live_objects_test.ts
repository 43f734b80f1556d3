import assert from "node:assert/strict";
import { liveObjects, privateEntries } from "../fixtures/live_objects.ts";

class Kept {
  readonly #open = new Map<number, string>();

  constructor(entries: number) {
    for (let i = 0; i < entries; i++) this.#open.set(i, "");
  }
}

class Dropped {}

Deno.test("liveObjects() counts what is held, and nothing else", async () => {
  const held = [new Kept(0), new Kept(1)];
  for (let i = 0; i < 3; i++) void new Dropped();
  assert.deepEqual(await liveObjects([Kept, Dropped]), { Kept: 2, Dropped: 0 });
  held.pop();
  assert.deepEqual(await liveObjects([Kept, Dropped]), { Kept: 1, Dropped: 0 });
  assert.equal(held.length, 1);
});

Deno.test("liveObjects() counts an object for its class and those above, and passes over proxies", async () => {
  class Child extends Kept {}
  const closed = new Proxy({}, {
    getPrototypeOf: () => {
      throw new Error("closed");
    },
  });
  const held = [new Child(0), closed, Object.create(null)];
  const { Kept: kept, Child: children } = await liveObjects([Kept, Child]);
  // The prototype of the child is one of the other class, too.
  assert.deepEqual([kept, children, held.length], [2, 1, 3]);
});

Deno.test("privateEntries() sums the entries of a field over all objects", async () => {
  const held = [new Kept(2), new Kept(3)];
  assert.deepEqual(await privateEntries(Kept, ["#open"]), { "#open": 5 });
  await assert.rejects(() => privateEntries(Kept, ["#none"]), /Kept has no map or set #none/);
  assert.equal(held.length, 2);
});
