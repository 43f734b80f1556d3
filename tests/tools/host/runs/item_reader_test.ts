import assert from "node:assert/strict";
import { type Batch, ItemReader } from "../../../../src/tools/host/runs/mod.ts";
import { until } from "../../../fixtures/until.ts";

function readerOf(
  iterator: Iterator<unknown> | AsyncIterator<unknown>,
  check: (item: unknown) => number = () => 1,
  now = (): number => 0,
): ItemReader {
  return new ItemReader(iterator, {
    within: (step) => step(),
    check: (value) => ({ value, bytes: check(value) }),
    now,
  });
}

async function* counted(limit: number): AsyncGenerator<number, string> {
  for (let n = 0; n < limit; n++) yield n;
  return "over";
}

/** Reads to the end; returns the batches. */
async function batches(reader: ItemReader, maxBytes?: number): Promise<Batch[]> {
  const all: Batch[] = [];
  do all.push(await reader.next(maxBytes)); while (all.at(-1)?.done === false);
  return all;
}

Deno.test("ItemReader.next() answers with all items that are ready, at most 1,000", async () => {
  const all = await batches(readerOf(counted(2_500)));
  assert.deepEqual(all.flatMap(({ items }) => items), [...Array(2_500).keys()]);
  assert.ok(all.every(({ items }) => items.length <= 1_000));
  assert.equal(all.at(-1)?.result, "over");
});

Deno.test("ItemReader.next() ends a batch at its bytes", async () => {
  // On a busy machine a batch may also end by its time.
  await until(async () => {
    const all = await batches(readerOf(counted(7), () => 100), 250);
    const sizes = all.map(({ items }) => items.length);
    assert.ok(sizes.every((it) => it <= 3), String(sizes));
    assert.deepEqual(all.map(({ bytes }) => bytes), sizes.map((it) => it * 100));
    return sizes.join() === "3,3,1";
  }, "all batches end by their bytes");
});

Deno.test("ItemReader.next() does not wait for a second item that is not ready", async () => {
  const gate = Promise.withResolvers<void>();
  const reader = readerOf((async function* (): AsyncGenerator<number> {
    yield 1;
    await gate.promise;
    yield 2;
  })());
  assert.deepEqual((await reader.next()).items, [1]);
  gate.resolve();
  assert.deepEqual((await batches(reader)).flatMap(({ items }) => items), [2]);
});

Deno.test("ItemReader.next() gives the items before an error, then the error", async () => {
  const reader = readerOf((function* (): Generator<number> {
    yield 1;
    throw new Error("no luck");
  })());
  assert.deepEqual(await reader.next(), { items: [1], bytes: 1, done: false });
  await assert.rejects(reader.next(), { message: "no luck" });
  await assert.rejects(reader.next(), { message: "no luck" });
});

Deno.test("ItemReader closes a generator whose item is refused", async () => {
  let closed = false;
  const reader = readerOf(
    (function* (): Generator<number> {
      try {
        yield 1;
        yield 2;
      } finally {
        closed = true;
      }
    })(),
    (item) => {
      if (item === 2) throw new Error("refused");
      return 1;
    },
  );
  assert.deepEqual((await reader.next()).items, [1]);
  await assert.rejects(reader.next(), { message: "refused" });
  assert.ok(closed);
});

Deno.test("ItemReader.next() takes promises that a generator yields", async () => {
  const reader = readerOf([Promise.resolve(1), 2].values());
  assert.deepEqual((await batches(reader)).flatMap(({ items }) => items), [1, 2]);
});

Deno.test("ItemReader.close() ends a wait, and drops what comes late", async () => {
  const gate = Promise.withResolvers<IteratorResult<number>>();
  const reader = readerOf({ next: () => gate.promise } as AsyncIterator<unknown>);
  const waiting = reader.next();
  reader.close();
  assert.deepEqual(await waiting, { items: [], bytes: 0, done: true, result: undefined });
  gate.resolve({ done: false, value: 1 });
  assert.deepEqual((await reader.next()).items, []);
});

Deno.test("ItemReader.close() survives a generator that fails as it is closed", async () => {
  const reader = readerOf({
    next: () => ({ done: false, value: 1 }),
    return: () => {
      throw new Error("bad finally");
    },
  } as Iterator<unknown>, () => 300_000);
  assert.deepEqual((await reader.next()).items, [1]);
  reader.close();
  const later = readerOf({
    next: () => Promise.resolve({ done: false, value: 1 }),
    return: () => Promise.reject(new Error("bad finally")),
  } as AsyncIterator<unknown>, () => 300_000);
  assert.deepEqual((await later.next()).items, [1]);
  later.close();
});

Deno.test("ItemReader makes one item ahead at most while nobody waits", async () => {
  let made = 0;
  const reader = readerOf((async function* (): AsyncGenerator<number> {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      yield made++;
    }
  })());
  const { items } = await reader.next();
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.ok(made <= items.length + 1, `${made} items were made, and ${items.length} read`);
  reader.close();
});
