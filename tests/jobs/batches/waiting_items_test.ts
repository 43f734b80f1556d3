import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { NOTHING_REACHED } from "../../../src/jobs/batches/checkpoint.ts";
import type { BatchItem, ItemFeed } from "../../../src/jobs/batches/item_feed.ts";
import { BEGINNING } from "../../../src/jobs/batches/inputs/mod.ts";
import { OpenItems } from "../../../src/jobs/batches/open_items.ts";

const BLOCK_CHARS = 128 * 1024;
const COUNT = 200;

/** Items each of which is a slice of a text of its own, as lines of a file are. */
function slices(): ItemFeed {
  let next = 0;
  return {
    total: undefined,
    readPart: 0,
    get next() {
      return next;
    },
    place: BEGINNING,
    read(): Promise<readonly BatchItem[]> {
      const index = next++;
      const block = `{"item":${index},"é":"世界"}\n`.padEnd(BLOCK_CHARS, "x");
      const args = block.split("\n")[0];
      return Promise.resolve([{ index, place: BEGINNING, args, weight: 20 }]);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Returns the bytes of the heap that are in use. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return Deno.memoryUsage().heapUsed;
}

Deno.test("OpenItems keeps of an item that waits for another attempt only its own text", async () => {
  const items = new OpenItems(slices(), NOTHING_REACHED);
  const before = heapBytes();
  for (let i = 0; i < COUNT; i++) {
    await items.read();
    for (const item of items.take(1, 1_000)) items.retryAt(item, 1);
  }
  const grown = heapBytes() - before;
  assert.ok(grown < COUNT * BLOCK_CHARS / 4, `${grown} bytes`);
  assert.equal(items.takeDue(2), undefined);
  const again = Array.from({ length: COUNT }, () => items.take(1, 1_000)[0]?.args);
  assert.deepEqual(again, Array.from({ length: COUNT }, (_, i) => `{"item":${i},"é":"世界"}`));
});
