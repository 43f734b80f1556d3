import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { ByteQueue, type Bytes } from "../../../../src/routes/calls/input/byte_queue.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function bytes(text: string): Bytes {
  return encoder.encode(text);
}

Deno.test("ByteQueue returns the lines of a text, however it is cut into parts", () => {
  const line = fc.oneof(
    { weight: 5, arbitrary: fc.stringMatching(/^[a-c]{0,8}$/) },
    { weight: 1, arbitrary: fc.integer({ min: 1_000, max: 50_000 }).map((it) => "d".repeat(it)) },
  );
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
  fc.assert(fc.property(fc.array(line, { maxLength: 20 }), cuts, (lines, at) => {
    const text = bytes(lines.map((it) => `${it}\n`).join(""));
    const places = [0, ...at.map((it) => Math.floor(it * text.length)), text.length];
    places.sort((a, b) => a - b);
    const queue = new ByteQueue();
    const read: string[] = [];
    for (let i = 1; i < places.length; i++) {
      queue.add(text.slice(places[i - 1], places[i]));
      for (let it = queue.takeLine(); it !== undefined; it = queue.takeLine()) {
        read.push(decoder.decode(it));
      }
    }
    assert.deepEqual(read, lines);
    assert.equal(queue.length, 0);
  }));
});

Deno.test("ByteQueue takes bytes across parts, and never changes those that were taken", () => {
  const part = fc.uint8Array({ maxLength: 40_000 });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.integer({ min: 1, max: 30_000 }), (all, n) => {
      const queue = new ByteQueue();
      const taken: Bytes[] = [];
      for (const it of all) {
        const room = new Uint8Array(it);
        // What was copied may be written again.
        if (!queue.add(room)) room.fill(0);
        while (queue.length >= n) taken.push(queue.take(n));
      }
      taken.push(queue.take(queue.length));
      assert.deepEqual(Buffer.concat(taken), Buffer.concat(all));
    }),
    { numRuns: 50 },
  );
});

Deno.test("ByteQueue keeps no large memory for a part that fills less than half of it", () => {
  const queue = new ByteQueue();
  assert.equal(queue.add(new Uint8Array(1_000_000).subarray(0, 20_000)), false);
  assert.equal(queue.take(20_000).buffer.byteLength, 20_000);
  assert.equal(queue.add(new Uint8Array(70_000).subarray(0, 65_536)), true);
});
