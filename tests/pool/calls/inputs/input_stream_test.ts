import assert from "node:assert/strict";
import { type InputSource, Value } from "../../../../src/bridge/mod.ts";
import { SnakedenError } from "../../../../src/errors.ts";
import { CallInputs, InputStream } from "../../../../src/pool/calls/inputs/mod.ts";
import { microtasks, nextTurn } from "../../../fixtures/until.ts";

const LIMITS = { streamWindowBytes: 1_048_576, maxDepth: 10 };

interface Batch {
  readonly items: readonly unknown[];
  readonly done: boolean;
}

function open(source: InputSource, limits = LIMITS): InputStream {
  return new InputStream(source, "args.it", limits);
}

async function batch(stream: InputStream): Promise<Batch> {
  return (await stream.next()).decode() as Batch;
}

async function all(stream: InputStream): Promise<{ sizes: number[]; items: unknown[] }> {
  const sizes: number[] = [];
  const items: unknown[] = [];
  for (let done = false; !done;) {
    const next = await batch(stream);
    sizes.push(next.items.length);
    items.push(...next.items);
    done = next.done;
  }
  return { sizes, items };
}

async function* upTo(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) yield i;
}

function* counted(n: number, seen: { taken: number; closed: number }): Generator<string> {
  try {
    for (let i = 0; i < n; i++) {
      seen.taken++;
      yield "x".repeat(100);
    }
  } finally {
    seen.closed++;
  }
}

Deno.test("InputStream.next() answers with all items that are ready", async () => {
  const { sizes, items } = await all(open(upTo(2_500)));
  assert.deepEqual(sizes.slice(0, 2), [1_000, 1_000]);
  assert.equal(items.length, 2_500);
  assert.deepEqual(items, Array.from({ length: 2_500 }, (_, i) => i));
  assert.deepEqual(await batch(open(upTo(0))), { items: [], done: true });
  assert.deepEqual(await batch(open(upTo(2))), { items: [0, 1], done: true });
});

Deno.test("InputStream.next() does not wait for a second item", async () => {
  const { promise } = Promise.withResolvers<never>();
  const stream = open((async function* (): AsyncGenerator<number> {
    yield 1;
    yield await promise;
  })());
  assert.deepEqual(await batch(stream), { items: [1], done: false });
  stream.close();
});

Deno.test("InputStream reads nothing before the first ask, and then no further than its window", async () => {
  const seen = { taken: 0, closed: 0 };
  const stream = open(counted(1e9, seen), { ...LIMITS, streamWindowBytes: 10_000 });
  await nextTurn();
  assert.deepEqual([seen.taken, stream.isRead], [0, false]);
  await stream.next();
  await nextTurn();
  assert.ok(seen.taken <= 210, `${seen.taken} were taken`);
  const { taken } = seen;
  await nextTurn();
  assert.equal(seen.taken, taken);
  stream.close();
  stream.close();
  await microtasks();
  assert.equal(seen.closed, 1);
});

Deno.test("InputStream bounds the number of items that it reads ahead", async () => {
  let taken = 0;
  const stream = open((function* (): Generator<number> {
    for (;;) yield taken++;
  })());
  await stream.next();
  await nextTurn();
  assert.ok(taken <= 3_001, `${taken} were taken`);
  stream.close();
});

Deno.test("InputStream.next() throws the error of the source after the items before it", async () => {
  const oops = new RangeError("oops");
  const stream = open((async function* (): AsyncGenerator<number> {
    yield 1;
    throw oops;
  })());
  assert.deepEqual(await batch(stream), { items: [1], done: false });
  for (let i = 0; i < 2; i++) {
    await assert.rejects(stream.next(), { code: "input_failed", cause: oops });
  }
  assert.deepEqual(stream.failure, { error: oops });
});

Deno.test("InputStream closes a source whose item cannot be sent", async () => {
  let closed = 0;
  const stream = open((async function* (): AsyncGenerator<unknown> {
    try {
      yield 1;
      yield { run: (): void => {} };
    } finally {
      closed++;
    }
  })());
  assert.deepEqual(await batch(stream), { items: [1], done: false });
  await assert.rejects(stream.next(), {
    code: "invalid_value",
    details: { path: "args.it[1].run" },
  });
  stream.close();
  await microtasks();
  assert.equal(closed, 1);
});

Deno.test("InputStream.close() ends a wait at once, although the source hangs", async () => {
  const never = new Promise<never>(() => {});
  const cancelled: unknown[] = [];
  const sources: InputSource[] = [
    (async function* (): AsyncGenerator<number> {
      yield await never;
    })(),
    new ReadableStream({ pull: () => never, cancel: (reason) => void cancelled.push(reason) }),
  ];
  for (const source of sources) {
    const waiting = open(source);
    const next = batch(waiting);
    waiting.close();
    assert.deepEqual(await next, { items: [], done: true });
  }
  assert.equal(cancelled.length, 1);
});

Deno.test("InputStream.close() of an unread source does not begin it", () => {
  let begun = 0;
  open({
    [Symbol.asyncIterator](): AsyncIterator<number> {
      begun++;
      return upTo(1);
    },
  }).close();
  assert.equal(begun, 0);
});

Deno.test("InputStream copies buffers, so a source may fill one again", async () => {
  const buffer = new Uint8Array(1);
  const { items } = await all(open((function* (): Generator<unknown> {
    for (let i = 0; i < 3; i++) yield { at: i, buffer: buffer.fill(i) };
  })()));
  const expected = [0, 1, 2].map((at) => ({ at, buffer: new Uint8Array([at]) }));
  assert.deepEqual(items, expected);
});

Deno.test("CallInputs are closed when the last holder releases them", async () => {
  const seen = { taken: 0, closed: 0 };
  const inputs = new CallInputs(LIMITS);
  inputs.add(counted(5_000, seen), "args.it");
  inputs.hold();
  inputs.hold();
  const asked = inputs.answer("input.next", Value.from({ id: 0 }));
  assert.ok(asked instanceof Promise);
  await asked;
  assert.equal(inputs.isRead, true);
  inputs.release();
  await microtasks();
  assert.equal(seen.closed, 0);
  inputs.release();
  await microtasks();
  assert.equal(seen.closed, 1);
});

Deno.test("CallInputs.answer() refuses unknown streams, and leaves other methods to others", () => {
  const inputs = new CallInputs(LIMITS);
  for (const id of [0, -1, "0", null]) {
    const ask = (): unknown => inputs.answer("input.next", Value.from({ id }));
    assert.throws(ask, (error) => error instanceof SnakedenError && error.code === "invalid_input");
  }
  const cancelled = inputs.answer("input.cancel", Value.from({ id: 9 }));
  assert.ok(cancelled instanceof Value);
  assert.equal(cancelled.decode(), null);
  assert.equal(inputs.answer("session.get_vars", Value.from({})), undefined);
});

Deno.test("CallInputs.add() refuses a source that two arguments share, unless each can read it anew", () => {
  const inputs = new CallInputs(LIMITS);
  const shared = [upTo(1), new ReadableStream(), (function* (): Generator<number> {})()];
  for (const [at, source] of shared.entries()) {
    inputs.add(source, `args.a${at}`);
    assert.throws(() => inputs.add(source, "args.b.c"), {
      code: "invalid_input",
      message: new RegExp(`args\\.b\\.c: given the stream that args\\.a${at} has`),
    });
  }
  const fresh = { [Symbol.asyncIterator]: () => upTo(1) };
  assert.deepEqual([inputs.add(fresh, "args.d"), inputs.add(fresh, "args.e")], [3, 4]);
});

Deno.test("CallInputs.add() refuses a stream in place of the arguments", () => {
  const inputs = new CallInputs(LIMITS);
  assert.throws(() => inputs.add(upTo(1), "args"), /args: .* allowed: an object of arguments/);
});
