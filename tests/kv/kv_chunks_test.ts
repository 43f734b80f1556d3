import assert from "node:assert/strict";
import { SYSTEM_CLOCK } from "../../src/async/mod.ts";
import { GroupCommit } from "../../src/kv/group_commit.ts";
import { KvChunks } from "../../src/kv/kv_chunks.ts";

const COUNT = 60;
const BYTES = 700_000;

Deno.test("KvChunks.write() of many values at once hashes a part of them in each turn", async () => {
  let read = 0;
  let most = 0;
  /** Returns a value that counts its bytes that are read in one turn. */
  const watched = (fill: number): Uint8Array<ArrayBuffer> => {
    const value = new Uint8Array(BYTES).fill(fill);
    const subarray = (start: number, end: number): Uint8Array<ArrayBuffer> => {
      read += Math.min(end, BYTES) - start;
      most = Math.max(most, read);
      return Uint8Array.prototype.subarray.call(value, start, end) as Uint8Array<ArrayBuffer>;
    };
    return Object.assign(value, { subarray });
  };
  using kv = await Deno.openKv(":memory:");
  await using commits = new GroupCommit(kv, { windowMs: 0, timer: SYSTEM_CLOCK });
  const chunks = new KvChunks(kv, commits);
  let isOver = false;
  const look = (): void => {
    read = 0;
    if (!isOver) setTimeout(look);
  };
  look();
  const values = Array.from({ length: COUNT }, (_, i) => watched(i));
  const written = await Promise.all(values.map((it) => chunks.write(it)));
  isOver = true;
  await new Promise<void>((resolve) => setTimeout(resolve, 5));
  assert.ok(most > 0 && most < COUNT * BYTES / 2, `${most} bytes in one turn`);
  for (const [i, it] of written.entries()) {
    const { value, problem } = await chunks.read(it);
    assert.deepEqual([problem, value.length, value[BYTES - 1]], [undefined, BYTES, i]);
  }
});
