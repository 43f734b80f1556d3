/** Tests of bulk calls on real workers, on both carriers. */
import assert from "node:assert/strict";
import { Value } from "../../src/bridge/mod.ts";
import { SnakedenError } from "../../src/errors.ts";
import { shown, startBulkHost } from "../fixtures/bulk_host.ts";

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Calls.bulk() returns what each item returns, in order (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    for (const tool of ["add", "add_async"]) {
      const { outcomes, end, error } = await it.bulk(tool, ['{"a":1}', '{"a":2,"b":3}', '{"a":5}']);
      assert.equal(error, undefined);
      assert.deepEqual(shown(outcomes), [11, 5, 15]);
      assert.equal(end?.workerId, "default-1");
    }
    for (const tool of ["count", "count_async"]) {
      const { outcomes } = await it.bulk(tool, ['{"n":3}', '{"n":0}']);
      assert.deepEqual(shown(outcomes), [[0, 1, 2], []]);
    }
  });

  Deno.test(`Calls.bulk() runs 100,000 items, and none (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    const items = Array.from({ length: 100_000 }, (_, i) => JSON.stringify({ i }));
    const many = await it.bulk("noop", items);
    assert.equal(many.error, undefined);
    assert.deepEqual(shown(many.outcomes), items.map((_, i) => i));
    const none = await it.bulk("noop", []);
    assert.deepEqual([none.error, none.outcomes], [undefined, []]);
  });

  Deno.test(`Calls.bulk() carries buffers and other values beyond JSON in both directions (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    const values: unknown[] = [
      "plain",
      new Uint8Array([1, 2, 3]),
      2n ** 70n,
      { nested: [new Float64Array([0.5, 1.5]), "text", new Uint8Array(300_000).fill(7)] },
      NaN,
      "$snakeden",
      [],
    ];
    const items = values.map((value) => Value.from({ value }));
    // Plain texts beside values with tags.
    const mixed = [...items, '{"value":"as text"}', Value.from({ value: new Uint8Array([9]) })];
    const { outcomes, error } = await it.bulk("echo", mixed);
    assert.equal(error, undefined);
    assert.deepEqual(shown(outcomes), [...values, "as text", new Uint8Array([9])]);
  });

  Deno.test(`Calls.bulk() runs the items around one that is no object or no JSON (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    const { outcomes, error } = await it.bulk("add", [
      '{"a":1}',
      "[1,2]",
      '{"a":1},{"a":2}',
      "",
      '{"a":3}]',
      '{\n  "a": 4\n}',
      '{"a":"5\n"}',
      '"text"',
      '{"a":1,"c":2}',
      "{}",
      '{"a":6}',
    ]);
    assert.equal(error, undefined);
    assert.deepEqual(shown(outcomes), [
      11,
      "invalid_arguments",
      "invalid_arguments",
      "invalid_arguments",
      "invalid_arguments",
      14,
      "invalid_arguments",
      "invalid_arguments",
      "invalid_arguments",
      "invalid_arguments",
      16,
    ]);
  });

  Deno.test(`Calls.bulk() makes each item a call of its own (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    const reports: unknown[] = [];
    const { outcomes, end, error } = await it.bulk("whoami", ["{}", "{}"], { sessionId: "s1" }, {
      onProgress: (report) => reports.push(report.decode()),
    });
    assert.equal(error, undefined);
    const seen = { id: end?.callId, tool: "whoami", session: "s1" };
    assert.deepEqual(shown(outcomes), [seen, seen]);
    // A newer report may have replaced the first one.
    assert.deepEqual(reports.at(-1), { item: 1, report: { fraction: 0.5, message: "half" } });
    // A thread that an item has left behind can ask for nothing on behalf of the next one.
    const late = await it.bulk("linger", ["{}", "{}"], { sessionId: "s1" });
    assert.deepEqual(shown(late.outcomes), ["nothing before", "has ended"]);
  });

  Deno.test(`Calls.bulk() keeps session variables as calls do (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    const { variables } = await it.host.sessions.open("s1");
    const { outcomes, error } = await it.bulk("remember", ['{"n":1}', '{"n":2}', '{"n":3}'], {
      sessionId: "s1",
    });
    assert.equal(error, undefined);
    assert.deepEqual(shown(outcomes), [[1], [1, 2], [1, 2, 3]]);
    assert.deepEqual((await variables.get("seen")).value, [1, 2, 3]);
  });

  Deno.test(`Calls.bulk() runs tools that were registered (${carrier})`, async () => {
    await using it = await startBulkHost(carrier);
    await it.host.calls.execute("register", { name: "twice" }, {});
    const { outcomes } = await it.bulk("twice", ['{"n":2}', '{"n":4}']);
    assert.deepEqual(shown(outcomes), [4, 8]);
  });
}

Deno.test("Calls.bulk() pauses the worker while its caller takes nothing", async () => {
  await using it = await startBulkHost("socket");
  const items = Array.from({ length: 100_000 }, (_, i) => JSON.stringify({ i }));
  const held = Promise.withResolvers<void>();
  const first = Promise.withResolvers<void>();
  let calls = 0;
  const ending = it.bulk("noop", items, { timeoutMs: 200 }, {
    onOutcomes: async () => {
      first.resolve();
      if (calls++ === 0) await held.promise;
    },
  });
  await first.promise;
  // Longer than an item may take: the worker waits, and no item is blamed for it.
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(calls, 1);
  held.resolve();
  const { outcomes, error } = await ending;
  assert.equal(error, undefined);
  assert.equal(outcomes.length, items.length);
});

Deno.test("Calls.bulk() hands on outcomes while an item runs", async () => {
  await using it = await startBulkHost("socket");
  const arrived = Promise.withResolvers<number>();
  const quick = Array.from({ length: 10 }, () => "{}");
  const leaving = new AbortController();
  const ending = it.bulk("ends", [...quick, '{"how":"sleep","seconds":60}'], {
    signal: leaving.signal,
  }, { onOutcomes: (some, at) => at + some.length === 10 ? arrived.resolve(10) : undefined });
  assert.equal(await arrived.promise, 10);
  leaving.abort(new SnakedenError("cancelled", "enough"));
  const { error } = await ending;
  assert.equal((error as Error).message, "enough");
});

Deno.test("Calls.bulk() ends a call whose caller cannot take an outcome", async () => {
  await using it = await startBulkHost("socket");
  const items = Array.from({ length: 100_000 }, (_, i) => JSON.stringify({ i }));
  const disk = new Error("the disk is full");
  for (const fail of [() => Promise.reject(disk), () => assert.fail(disk)]) {
    const { error } = await it.bulk("noop", items, {}, { onOutcomes: fail });
    assert.equal(error, disk);
  }
  assert.deepEqual(shown((await it.bulk("noop", ['{"i":1}'])).outcomes), [1]);
});

Deno.test("Calls.bulk() refuses an input stream, an unknown tool and bad options", async () => {
  await using it = await startBulkHost("socket");
  const refused = async (
    ...args: Parameters<typeof it.bulk>
  ): Promise<string> => ((await it.bulk(...args)).error as SnakedenError).code;
  assert.equal(await refused("noop", ["{}"], { timeoutMs: -1 }), "invalid_input");
  assert.equal(await refused("nope", ["{}"]), "unknown_tool");
  assert.equal(await refused("noop", ["{}"], { pool: "nope" }), "unknown_pool");
  const leaving = AbortSignal.abort(new SnakedenError("cancelled", "left"));
  assert.equal(await refused("noop", ["{}"], { signal: leaving }), "cancelled");
});
