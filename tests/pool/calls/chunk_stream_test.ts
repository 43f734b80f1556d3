import fc from "fast-check";
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Value } from "../../../src/bridge/mod.ts";
import { type CallOutcome, ChunkStream, type StreamEvent } from "../../../src/pool/mod.ts";
import { microtasks, until } from "../../fixtures/until.ts";

interface SetUp {
  readonly stream: ChunkStream;
  readonly credits: number[];
  readonly finish: PromiseWithResolvers<CallOutcome>;
}

function setUp(windowBytes = 4_096): SetUp {
  const stream = new ChunkStream(windowBytes);
  const credits: number[] = [];
  const finish = Promise.withResolvers<CallOutcome>();
  stream.attach({ outcome: finish.promise, credit: (bytes) => credits.push(bytes) });
  return { stream, credits, finish };
}

const OUTCOME: CallOutcome = {
  value: Value.from("end"),
  callId: "c",
  workerId: "w",
  durationMs: 1,
  queueMs: 0,
  runMs: 1,
};

/** All events up to the end, in words. */
async function readAll(stream: ChunkStream): Promise<string[]> {
  const events: string[] = [];
  for (let it = await stream.next(); it !== undefined; it = await stream.next()) {
    events.push(words(it));
  }
  return events;
}

function words(event: StreamEvent | undefined): string {
  return event === undefined ? "over" : `${event.type} ${event.value.jsonText()}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, it) => total + it, 0);
}

Deno.test("ChunkStream.next() returns chunks in order, then done, then undefined", async () => {
  const { stream, finish } = setUp();
  for (let i = 0; i < 3; i++) stream.onChunk(Value.from(i));
  finish.resolve(OUTCOME);
  assert.deepStrictEqual(await readAll(stream), ["chunk 0", "chunk 1", "chunk 2", 'done "end"']);
  assert.equal(await stream.next(), undefined);
});

Deno.test("ChunkStream.next() waits for the next event", async () => {
  const { stream, finish } = setUp();
  const reading = readAll(stream);
  await microtasks();
  stream.onChunk(Value.from(1));
  await microtasks();
  stream.onProgress(Value.from("half"));
  await microtasks();
  finish.resolve(OUTCOME);
  assert.deepStrictEqual(await reading, ["chunk 1", 'progress "half"', 'done "end"']);
});

Deno.test("ChunkStream.next() throws the error of the call after the chunks before it, once", async () => {
  const { stream, finish } = setUp();
  stream.onChunk(Value.from(1));
  finish.reject(new Error("raised"));
  assert.equal(words(await stream.next()), "chunk 1");
  await assert.rejects(stream.next(), /raised/);
  assert.equal(await stream.next(), undefined);
});

Deno.test("ChunkStream keeps only the latest progress", async () => {
  const { stream, finish } = setUp();
  for (let i = 0; i < 5; i++) stream.onProgress(Value.from(i));
  finish.resolve(OUTCOME);
  assert.deepStrictEqual(await readAll(stream), ["progress 4", 'done "end"']);
});

Deno.test("ChunkStream.hasNext is false if next() would wait", async () => {
  const { stream, finish } = setUp();
  assert.equal(stream.hasNext, false);
  stream.onChunk(Value.from(1));
  assert.equal(stream.hasNext, true);
  await stream.next();
  assert.equal(stream.hasNext, false);
  stream.onProgress(Value.from(1));
  assert.equal(stream.hasNext, true);
  await stream.next();
  finish.resolve(OUTCOME);
  await microtasks();
  assert.equal(stream.hasNext, true);
});

Deno.test("ChunkStream gives credit for exactly what was read, and never lets the window run dry", async () => {
  const step = fc.oneof(
    fc.record({ send: fc.nat({ max: 3_000 }) }),
    fc.constant("read" as const),
  );
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
    const windowBytes = 4_096;
    const { stream, credits, finish } = setUp(windowBytes);
    let sent = 0;
    let read = 0;
    for (const it of steps) {
      if (it !== "read") {
        // What a worker does: it sends while its uncredited weight is below the window.
        if (sent - sum(credits) >= windowBytes) continue;
        const value = Value.from("x".repeat(it.send));
        sent += value.weight;
        stream.onChunk(value);
      } else if (stream.hasNext) {
        const event = await stream.next();
        read += event?.value.weight ?? 0;
      }
      assert.ok(sum(credits) <= read, "credit for what was not read");
      assert.ok(credits.every((bytes) => bytes > 0));
      if (!stream.hasNext) assert.equal(sum(credits), sent, "the reader is done, credit is owed");
    }
    while (stream.hasNext) await stream.next();
    assert.equal(sum(credits), sent);
    finish.resolve(OUTCOME);
  }));
});

Deno.test("ChunkStream releases chunks as they are read, even if the reader never catches up", async () => {
  const { stream } = setUp(1 << 20);
  let dropped = 0;
  const registry = new FinalizationRegistry(() => dropped++);
  const send = (): void => {
    const value = Value.from(new Uint8Array(1_000));
    registry.register(value, 0);
    stream.onChunk(value);
  };
  send();
  for (let i = 0; i < 900; i++) {
    send();
    await stream.next();
  }
  assert.ok(stream.hasNext);
  setFlagsFromString("--expose_gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  await until(() => dropped >= 850, "the chunks that were read are let go");
});

Deno.test("ChunkStream stays in order over many chunks that wait", async () => {
  const { stream, finish } = setUp();
  const expected: string[] = [];
  for (let i = 0; i < 5_000; i++) {
    stream.onChunk(Value.from(i));
    expected.push(`chunk ${i}`);
  }
  finish.resolve(OUTCOME);
  assert.deepStrictEqual((await readAll(stream)).slice(0, -1), expected);
});

Deno.test("ChunkStream gives credit back in quarters of its window, and all of it to a reader that has caught up", async () => {
  const { stream, credits } = setUp(400);
  const chunk = Value.from("x".repeat(30));
  for (let i = 0; i < 10; i++) stream.onChunk(chunk);
  for (let i = 0; i < 10; i++) await stream.next();
  const { weight } = chunk;
  const perCredit = Math.ceil(100 / weight);
  assert.ok(perCredit > 1);
  const whole = Math.floor(10 / perCredit);
  const rest = 10 - whole * perCredit;
  const quarters = Array<number>(whole).fill(perCredit * weight);
  assert.deepEqual(credits, rest === 0 ? quarters : [...quarters, rest * weight]);
});
