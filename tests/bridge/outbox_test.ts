import assert from "node:assert/strict";
import fc from "fast-check";
import { Outbox } from "../../src/bridge/outbox.ts";
import { FakeCarrier } from "../fixtures/fakes/fake_carrier.ts";
import { microtasks } from "../fixtures/until.ts";

const MIB = 1 << 20;

/** Returns the ids of the pings in each frame. */
function idsOf(carrier: FakeCarrier): (number | undefined)[][] {
  return carrier.frames.map((frame) => frame.map((it) => it.ping?.id));
}

Deno.test("Outbox writes the messages of one turn as one frame", async () => {
  const carrier = new FakeCarrier();
  const outbox = new Outbox(carrier);
  for (let id = 1; id <= 3; id++) outbox.push({ ping: { id } });
  assert.deepStrictEqual(idsOf(carrier), []);
  await microtasks();
  assert.deepStrictEqual(idsOf(carrier), [[1, 2, 3]]);
  outbox.push({ ping: { id: 4 } });
  await microtasks();
  assert.deepStrictEqual(idsOf(carrier), [[1, 2, 3], [4]]);
});

Deno.test("Outbox cuts a frame at 1 MiB of payload", async () => {
  const carrier = new FakeCarrier();
  const outbox = new Outbox(carrier);
  outbox.push({ ping: { id: 1 } }, MIB - 1);
  outbox.push({ ping: { id: 2 } }, 1);
  outbox.push({ ping: { id: 3 } });
  assert.deepStrictEqual(idsOf(carrier), [[1, 2]]);
  await microtasks();
  assert.deepStrictEqual(idsOf(carrier), [[1, 2], [3]]);
});

Deno.test("Outbox waits while the carrier is blocked, and continues in order afterwards", async () => {
  const carrier = new FakeCarrier();
  const outbox = new Outbox(carrier);
  carrier.slow = true;
  outbox.push({ ping: { id: 1 } });
  await microtasks();
  for (let id = 2; id <= 4; id++) {
    outbox.push({ ping: { id } });
    await microtasks();
  }
  assert.deepStrictEqual(idsOf(carrier), [[1]]);
  outbox.drained();
  assert.deepStrictEqual(idsOf(carrier), [[1], [2, 3, 4]]);
  outbox.push({ ping: { id: 5 } });
  await microtasks();
  assert.deepStrictEqual(idsOf(carrier).length, 2, "still slow");
});

Deno.test("Outbox also cuts waiting messages at 1 MiB, and writes one frame for each drain", async () => {
  const carrier = new FakeCarrier();
  const outbox = new Outbox(carrier);
  carrier.slow = true;
  outbox.push({ ping: { id: 1 } });
  await microtasks();
  for (let id = 2; id <= 5; id++) outbox.push({ ping: { id } }, MIB / 2);
  outbox.push({ ping: { id: 6 } });
  outbox.drained();
  assert.deepStrictEqual(idsOf(carrier), [[1], [2, 3]]);
  outbox.drained();
  outbox.drained();
  assert.deepStrictEqual(idsOf(carrier), [[1], [2, 3], [4, 5], [6]]);
});

Deno.test("Outbox ignores a drain that it does not wait for", async () => {
  const carrier = new FakeCarrier();
  const outbox = new Outbox(carrier);
  outbox.drained();
  outbox.push({ ping: { id: 1 } });
  outbox.drained();
  await microtasks();
  assert.deepStrictEqual(idsOf(carrier), [[1]]);
});

Deno.test("Outbox.close() drops waiting and later messages", async () => {
  const carrier = new FakeCarrier();
  const outbox = new Outbox(carrier);
  outbox.push({ ping: { id: 1 } });
  outbox.close();
  outbox.push({ ping: { id: 2 } }, 2 * MIB);
  outbox.drained();
  await microtasks();
  assert.deepStrictEqual(carrier.frames, []);
});

Deno.test("Outbox.close() drops the frames that wait for a blocked carrier", async () => {
  const carrier = new FakeCarrier();
  const outbox = new Outbox(carrier);
  carrier.slow = true;
  outbox.push({ ping: { id: 1 } });
  await microtasks();
  outbox.push({ ping: { id: 2 } }, MIB);
  outbox.push({ ping: { id: 3 } });
  outbox.close();
  outbox.drained();
  await microtasks();
  assert.deepStrictEqual(idsOf(carrier), [[1]]);
});

Deno.test("Outbox stays closed if a write finds that the stream is gone", async () => {
  const carrier = new FakeCarrier();
  const outbox = new Outbox(carrier);
  carrier.slow = true;
  carrier.onMessage = () => outbox.close();
  outbox.push({ ping: { id: 1 } });
  await microtasks();
  carrier.slow = false;
  outbox.drained();
  outbox.push({ ping: { id: 2 } });
  await microtasks();
  assert.deepStrictEqual(idsOf(carrier), [[1]]);
});

Deno.test("Outbox loses no message and keeps the order, in any sequence of events", async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("push", "push large") },
    { weight: 1, arbitrary: fc.constantFrom("slow", "drain", "turn") },
  );
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const carrier = new FakeCarrier();
    const outbox = new Outbox(carrier);
    let pushed = 0;
    for (const it of steps) {
      if (it === "push") outbox.push({ ping: { id: ++pushed } }, 10);
      else if (it === "push large") outbox.push({ ping: { id: ++pushed } }, MIB / 2);
      else if (it === "slow") carrier.slow = true;
      else if (it === "turn") await microtasks();
      else {
        carrier.slow = false;
        outbox.drained();
      }
    }
    carrier.slow = false;
    outbox.drained();
    await microtasks();
    assert.deepStrictEqual(
      carrier.sent.map((it) => it.ping?.id),
      Array.from({ length: pushed }, (_, i) => i + 1),
    );
    assert.ok(carrier.frames.every((it) => it.length > 0), "an empty frame was written");
  }));
});
