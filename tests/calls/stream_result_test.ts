import assert from "node:assert/strict";
import { ToolStream } from "../../src/calls/tool_stream.ts";
import { ChunkStream } from "../../src/pool/mod.ts";
import { FakePool } from "../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../fixtures/until.ts";

/** Opens a stream of a tool of the pool, as the facade does. */
function open(it: FakePool, tool: string, timeoutMs = 60_000): ToolStream {
  return new ToolStream((signal) => {
    const stream = new ChunkStream(1_024);
    stream.attach(it.submit(tool, { sink: stream, signal, timeoutMs }));
    return stream;
  });
}

Deno.test("ToolStream.result of a stream that nobody reads makes the call when it is awaited", async () => {
  await using it = await FakePool.start();
  const stream = open(it, "stream");
  assert.deepStrictEqual(await Promise.all([stream.result, stream.result]), ["end", "end"]);
  assert.equal(await stream.result, "end");
  assert.equal(it.calls.length, 1);
});

Deno.test("ToolStream.result throws the error of a call that it has made", async () => {
  await using it = await FakePool.start();
  await assert.rejects(open(it, "raise").result, { code: "python_exception" });
  await assert.rejects(open(it, "hold", 20).result, { code: "deadline_exceeded" });
});

Deno.test("ToolStream.result refuses readers that come after it has made the call, and says why", async () => {
  await using it = await FakePool.start();
  const stream = open(it, "stream");
  await stream.result;
  for (const reading of [stream, stream.events()]) {
    await assert.rejects(Array.fromAsync(reading), {
      name: "TypeError",
      message: /its result was awaited while nobody read it, which drops the chunks/,
    });
  }
});

Deno.test("ToolStream.result makes no call before it is awaited, so the stream can still be read", async () => {
  await using it = await FakePool.start();
  const stream = open(it, "stream");
  const { result } = stream;
  assert.equal(stream.result, result);
  assert.ok(result instanceof Promise);
  // A turn of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(it.calls.length, 0);
  assert.deepStrictEqual(await Array.fromAsync(stream), [0, 1, 2]);
  assert.equal(await result, "end");
});

Deno.test("ToolStream.result leaves the chunks to a reader that comes in the same turn", async () => {
  await using it = await FakePool.start();
  for (const wait of [(): Promise<void> => Promise.resolve(), microtasks]) {
    const stream = open(it, "stream");
    const result = stream.result.then((value) => [value]);
    await wait();
    assert.deepStrictEqual(await Promise.all([result, Array.fromAsync(stream)]), [
      ["end"],
      [0, 1, 2],
    ]);
  }
  assert.equal(it.calls.length, 2);
});

Deno.test("ToolStream.result waits while a reader pauses", async () => {
  await using it = await FakePool.start();
  const stream = open(it, "stream");
  const reading = stream[Symbol.asyncIterator]();
  assert.deepStrictEqual(await reading.next(), { done: false, value: 0 });
  const result = stream.result;
  const hasSettled = result.then(() => true);
  assert.equal(await Promise.race([hasSettled, microtasks().then(() => false)]), false);
  assert.deepStrictEqual(await Array.fromAsync(reading), [1, 2]);
  assert.equal(await result, "end");
});

Deno.test("ToolStream.result that fails is no unhandled rejection if nobody awaits it", async () => {
  await using it = await FakePool.start();
  const stream = open(it, "raise");
  const { result } = stream;
  await assert.rejects(Array.fromAsync(stream), { code: "python_exception" });
  await until(() => it.pool.stats.failed === 1, "the call has failed");
  assert.equal(await result.catch(() => "caught").finally(() => {}), "caught");
});
