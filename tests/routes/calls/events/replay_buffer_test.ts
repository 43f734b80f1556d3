import fc from "fast-check";
import assert from "node:assert/strict";
import {
  ReplayBuffer,
  type ReplayEntry,
} from "../../../../src/routes/calls/events/replay_buffer.ts";

const NO_ROOM: Disposable = { [Symbol.dispose]: () => {} };

const encoder = new TextEncoder();

function entryOf(firstId: number, texts: readonly string[], room = NO_ROOM): ReplayEntry {
  let at = 0;
  const ends = texts.map((text) => at += encoder.encode(text).byteLength);
  return { firstId, ends, parts: [encoder.encode(texts.join(""))], room };
}

/** Returns the numbers of the events in bytes, each of which ends with `;`. */
function eventsIn(parts: readonly Uint8Array[]): number[] {
  const text = parts.map((it) => new TextDecoder().decode(it)).join("");
  return text.split(";").slice(0, -1).map((it) => Number.parseInt(it));
}

Deno.test("ReplayBuffer gives a client that is cut off at any byte each event once, in order", () => {
  const sizes = fc.array(fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }), { maxLength: 12 });
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(400)), fc.nat(300), (batches, cuts, maxBytes) => {
      const buffer = new ReplayBuffer();
      const seen: number[] = [];
      let lastRead = 0;
      let given = 0;
      let left = cuts.shift() ?? Infinity;
      let isLost = false;
      let id = 1;
      const read = (): void => {
        for (let next = buffer.after(given); next && !isLost; next = buffer.after(given)) {
          const bytes = next.parts.reduce((sum, it) => sum + it.byteLength, 0);
          if (bytes <= left) {
            left -= bytes;
            seen.push(...eventsIn(next.parts));
            lastRead = given = next.lastId;
            buffer.trim(maxBytes, given);
            continue;
          }
          // What was written is passed on, whether the client has read it or not.
          const arrived = eventsIn([next.parts[0]?.subarray(0, left) ?? new Uint8Array()]);
          seen.push(...arrived);
          lastRead += arrived.length;
          buffer.trim(maxBytes, next.lastId);
          left = cuts.shift() ?? Infinity;
          isLost = !buffer.reaches(lastRead);
          given = lastRead;
          if (!isLost) buffer.trim(-1, given);
        }
      };
      for (const batch of batches) {
        const texts = batch.map((size, i) => `${id + i}${"é".repeat(size)};`);
        buffer.push(entryOf(id, texts));
        id += texts.length;
        if (!isLost) read();
      }
      assert.deepEqual(
        seen,
        Array.from({ length: isLost ? seen.length : id - 1 }, (_, i) => i + 1),
      );
      // Nothing is lost that the buffer had room for.
      if (isLost) assert.ok(buffer.bytes <= Math.max(maxBytes, 1_000));
      else assert.equal(lastRead, buffer.lastId);
    }),
    { numRuns: 500 },
  );
});

Deno.test("ReplayBuffer.reaches() is false for dropped events and for those that are not there yet", () => {
  const buffer = new ReplayBuffer();
  assert.deepEqual([buffer.reaches(0), buffer.reaches(1)], [true, false]);
  for (let id = 1; id < 7; id += 2) buffer.push(entryOf(id, ["1234", "1234"]));
  assert.equal(buffer.bytes, 24);
  buffer.trim(16, 6);
  assert.deepEqual([1, 2, 6, 7].map((it) => buffer.reaches(it)), [false, true, true, false]);
  assert.equal(buffer.bytes, 16);
});

Deno.test("ReplayBuffer.trim() keeps what was not sent, and releases the room of the rest once", () => {
  const released: number[] = [];
  const buffer = new ReplayBuffer();
  for (let id = 1; id <= 4; id++) {
    const room = { [Symbol.dispose]: () => void released.push(id) };
    buffer.push(entryOf(id, ["1234"], room));
  }
  buffer.trim(0, 2);
  assert.deepEqual(released, [1, 2]);
  buffer.clear();
  assert.deepEqual(released, [1, 2, 3, 4]);
  assert.equal(buffer.bytes, 0);
});

Deno.test("ReplayBuffer.after() finds each of 10,000 events after most were dropped", () => {
  const buffer = new ReplayBuffer();
  for (let id = 1; id <= 10_000; id++) {
    buffer.push(entryOf(id, [`${id};`]));
    buffer.trim(1_000, id - 10);
  }
  for (let id = 9_990; id < 10_000; id++) {
    assert.deepEqual(eventsIn(buffer.after(id)?.parts ?? []), [id + 1]);
  }
  assert.equal(buffer.after(10_000), undefined);
  assert.ok(buffer.bytes <= 1_000);
});
