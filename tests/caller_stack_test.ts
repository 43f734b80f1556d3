import assert from "node:assert/strict";
import { showCaller } from "../src/caller_stack.ts";
import { type CallOptions, Calls } from "../src/calls/mod.ts";
import { SnakedenError } from "../src/errors.ts";
import { ToolRegistry } from "../src/tools/mod.ts";
import { FakePool } from "./fixtures/fakes/fake_pool.ts";
import { FakePools } from "./fixtures/fakes/fake_pools.ts";
import { until } from "./fixtures/until.ts";

interface SetUp extends AsyncDisposable {
  readonly calls: Calls;
  readonly fake: FakePool;
}

async function setUp(): Promise<SetUp> {
  const fake = await FakePool.start({ name: "default", maxReruns: 0 });
  const fakes = new FakePools([fake]);
  const calls = new Calls({
    limits: { maxDepth: 8, streamWindowBytes: 1_000 },
    tools: new ToolRegistry(fakes.byName),
    policies: undefined,
  });
  return { calls, fake, [Symbol.asyncDispose]: () => fakes[Symbol.asyncDispose]() };
}

/**
 * Returns the functions of the stack with which a function of the program fails, without those of
 * Deno: whatever Deno was doing when it ran the microtasks comes first.
 */
async function framesOf(ofTheProgram: () => Promise<unknown>): Promise<string[]> {
  try {
    await ofTheProgram();
  } catch (error) {
    assert.ok(error instanceof SnakedenError);
    const { stack = "" } = error;
    assert.ok(stack.startsWith(`${error.name}: ${error.message}\n`), stack);
    const ofProgram = stack.split("\n").filter((it) => !/\((?:ext|node):/.test(it)).join("\n");
    return [...ofProgram.matchAll(/^ {4}at (?:async )?([\w.]+)/gm)].map(([, it]) => it ?? "");
  }
  return assert.fail("nothing was thrown");
}

for (const method of ["call", "execute"] as const) {
  Deno.test(`Calls.${method}() throws an error whose stack begins with the function that waits for it`, async () => {
    await using it = await setUp();
    for (const tool of ["raise", "die", "no_such_tool"]) {
      const frames = await framesOf(async function ofTheProgram(): Promise<void> {
        await it.calls[method](tool, {}, {});
      });
      assert.deepEqual(frames.slice(0, 2), ["ofTheProgram", "framesOf"], tool);
    }
  });
}

Deno.test("Calls.execute() leaves out the entrance of a call that is refused at once or fails later", async () => {
  await using it = await setUp();
  for (const tool of ["no_such_tool", "raise"]) {
    const entrance = (): Promise<unknown> => it.calls.execute(tool, {}, {}, entrance);
    const frames = await framesOf(async function ofTheProgram(): Promise<void> {
      await entrance();
    });
    assert.deepEqual(frames.slice(0, 2), ["ofTheProgram", "framesOf"], tool);
  }
});

Deno.test("Calls.call() shows the caller of calls that are awaited together", async () => {
  await using it = await setUp();
  const frames = await framesOf(async function ofTheProgram(): Promise<void> {
    await Promise.all([it.calls.call("echo", {}, {}), it.calls.call("raise", {}, {})]);
  });
  assert.deepEqual(frames.slice(0, 3), ["Promise.all", "ofTheProgram", "framesOf"]);
});

Deno.test("Calls.call() keeps the stack of an error with which the program aborts the call", async () => {
  await using it = await setUp();
  const leaving = new AbortController();
  const options: CallOptions = { signal: leaving.signal };
  const reason = new SnakedenError("cancelled", "left");
  const { stack } = reason;
  const call = it.calls.call("hold", {}, options);
  const stream = Array.fromAsync(it.calls.stream("hold", {}, options));
  await until(() => it.fake.pool.stats.requests === 2, "both calls are made");
  leaving.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  await assert.rejects(stream, (error) => error === reason);
  assert.equal(reason.stack, stack);
});

Deno.test("ToolStream throws an error whose stack begins with the function that reads it", async () => {
  await using it = await setUp();
  for (const tool of ["raise", "no_such_tool"]) {
    const chunks = await framesOf(async function ofTheProgram(): Promise<void> {
      for await (const chunk of it.calls.stream(tool, {}, {})) assert.fail(String(chunk));
    });
    assert.equal(chunks[0], "ofTheProgram", tool);
    const events = await framesOf(async function ofTheProgram(): Promise<void> {
      for await (const event of it.calls.stream(tool, {}, {}).events()) assert.fail(event.type);
    });
    // A refusal has the frame of `next()` as well.
    assert.equal(events.find((it) => it !== "events.next"), "ofTheProgram", tool);
  }
});

Deno.test("ToolStream.result throws an error whose stack begins with the function that awaits it", async () => {
  await using it = await setUp();
  for (const tool of ["raise", "no_such_tool"]) {
    const frames = await framesOf(async function ofTheProgram(): Promise<void> {
      await it.calls.stream(tool, {}, {}).result;
    });
    assert.equal(frames[0], "ofTheProgram", tool);
  }
});

Deno.test("showCaller() leaves errors of others as they are", () => {
  const error = new TypeError("of the program");
  const { stack } = error;
  showCaller(error, { below: () => {} });
  assert.equal(error.stack, stack);
});
