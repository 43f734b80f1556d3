import assert from "node:assert/strict";
import { ToolStream } from "../../src/calls/tool_stream.ts";
import { ChunkStream } from "../../src/pool/mod.ts";
import { FakePool } from "../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../fixtures/until.ts";

/** Opens a stream of a tool of the pool, as the facade does. */
function open<T>(it: FakePool, tool: string): ToolStream<T> {
  return new ToolStream<T>((signal) => {
    const stream = new ChunkStream(1_024);
    stream.attach(it.submit(tool, { sink: stream, signal }));
    return stream;
  });
}

Deno.test("ToolStream yields the chunks, and has the result once it is read to the end", async () => {
  await using it = await FakePool.start();
  const stream = open<number>(it, "stream");
  assert.deepStrictEqual(await Array.fromAsync(stream), [0, 1, 2]);
  assert.equal(await stream.result, "end");
});

Deno.test("ToolStream.events() yields all events, encoded", async () => {
  await using it = await FakePool.start();
  const events = await Array.fromAsync(open(it, "stream").events());
  assert.deepStrictEqual(events.map((event) => event.type), ["chunk", "chunk", "chunk", "done"]);
});

Deno.test("ToolStream starts the call with the first read", async () => {
  await using it = await FakePool.start();
  const stream = open(it, "stream");
  await microtasks();
  assert.equal(it.calls.length, 0);
  await Array.fromAsync(stream);
  assert.equal(it.calls.length, 1);
});

Deno.test("ToolStream cancels the call of a reader that leaves the loop", async () => {
  await using it = await FakePool.start();
  const stream = open(it, "hold");
  const reading = stream[Symbol.asyncIterator]();
  const first = reading.next();
  await until(() => it.launcher.alive.some((worker) => worker.running), "the call runs");
  const [worker] = it.launcher.alive;
  const id = worker?.running?.id ?? 0;
  worker?.carrier.deliver({ chunk: { id, value: { json: new TextEncoder().encode("1") } } });
  assert.deepStrictEqual(await first, { done: false, value: 1 });
  await reading.return(undefined);
  await until(() => worker?.running === undefined, "the work has stopped");
  await assert.rejects(stream.result, { name: "AbortError" });
  assert.equal(it.pool.stats.cancelled, 1);
});

Deno.test("ToolStream throws the error of the call, in the loop and in the result", async () => {
  await using it = await FakePool.start();
  const stream = open(it, "raise");
  await assert.rejects(Array.fromAsync(stream), { code: "python_exception" });
  await assert.rejects(stream.result, { code: "python_exception" });
});

Deno.test("ToolStream throws the error with which the pool refuses the call", async () => {
  await using it = await FakePool.start({ queueLimit: 0 });
  it.submit("hold");
  const stream = open(it, "stream");
  await assert.rejects(Array.fromAsync(stream), { code: "pool_saturated" });
  await assert.rejects(stream.result, { code: "pool_saturated" });
});

Deno.test("ToolStream can be read once", async () => {
  await using it = await FakePool.start();
  const stream = open(it, "stream");
  await Array.fromAsync(stream);
  await assert.rejects(Array.fromAsync(stream), TypeError);
  assert.equal(await stream.result, "end");
});

Deno.test("ToolStream yields the result of a tool that does not stream, but not after chunks", async () => {
  await using it = await FakePool.start();
  const asOne = (tool: string): ToolStream =>
    new ToolStream((signal) => {
      const stream = new ChunkStream(1_024);
      stream.attach(it.submit(tool, { sink: stream, signal }));
      return stream;
    }, { isOneResult: () => true });
  const stream = asOne("echo");
  assert.deepStrictEqual(await Array.fromAsync(stream), [{ tool: "echo" }]);
  assert.deepStrictEqual(await stream.result, { tool: "echo" });
  // Its code was replaced while it ran.
  assert.deepStrictEqual(await Array.fromAsync(asOne("stream")), [0, 1, 2]);
});
