import assert from "node:assert/strict";
import { type CallOptions, Calls, PoliciesByPool } from "../../src/calls/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { ToolRegistry } from "../../src/tools/mod.ts";
import { FakePool } from "../fixtures/fakes/fake_pool.ts";
import { FakePools } from "../fixtures/fakes/fake_pools.ts";

interface SetUp extends AsyncDisposable {
  readonly calls: Calls;
  readonly fake: FakePool;
}

/** Makes one pool `default` that retries as configured. */
async function setUp(retry?: { readonly attempts: number }): Promise<SetUp> {
  const fake = await FakePool.start({ name: "default", maxReruns: 0 });
  const fakes = new FakePools([fake]);
  const { pools } = parseConfig({
    pools: [{
      name: "default",
      ...(retry === undefined ? {} : { retry: { ...retry, baseMs: 1, capMs: 1 } }),
    }],
  });
  const calls = new Calls({
    limits: { maxDepth: 8, streamWindowBytes: 1_000 },
    tools: new ToolRegistry(fakes.byName),
    policies: new PoliciesByPool(pools),
  });
  return { calls, fake, [Symbol.asyncDispose]: () => fakes[Symbol.asyncDispose]() };
}

Deno.test("Calls.call() hands the call to the pool before it returns, so that calls keep their order", async () => {
  await using it = await setUp();
  const outcome = it.calls.call("echo", { a: 1 }, {});
  assert.equal(it.fake.pool.stats.requests, 1);
  assert.deepEqual((await outcome).value.decode(), { a: 1 });
});

Deno.test("Calls.call() refuses bad options, arguments and tools before the pool counts anything", async () => {
  for (const retry of [undefined, { attempts: 2 }]) {
    await using it = await setUp(retry);
    const bad: [string, Record<string, unknown>, CallOptions, string][] = [
      ["echo", {}, { timeoutMs: -1 }, "invalid_input"],
      ["echo", { at: () => {} }, {}, "invalid_value"],
      ["ecko", {}, {}, "unknown_tool"],
      ["echo", {}, { pool: "defualt" }, "unknown_pool"],
    ];
    for (const [tool, args, options, code] of bad) {
      await assert.rejects(it.calls.call(tool, args, options), { code });
    }
    assert.equal(it.fake.pool.stats.requests, 0);
  }
});

Deno.test("Calls.call() repeats a call if the pool has a policy for it", async () => {
  for (const [retry, requests] of [[undefined, 1], [{ attempts: 2 }, 2]] as const) {
    await using it = await setUp(retry);
    await assert.rejects(it.calls.call("die", {}, { idempotent: true }), {
      code: "worker_crashed",
    });
    assert.equal(it.fake.pool.stats.requests, requests);
  }
});

Deno.test("Calls.stream() begins with the first read", async () => {
  for (const retry of [undefined, { attempts: 2 }]) {
    await using it = await setUp(retry);
    const stream = it.calls.stream("stream", {}, {});
    assert.equal(it.fake.pool.stats.requests, 0);
    for await (const _chunk of stream) break;
    assert.equal(it.fake.pool.stats.requests, 1);
  }
});
