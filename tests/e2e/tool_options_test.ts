import assert from "node:assert/strict";
import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";
import { DeadlineExceededError, type Snakeden, SnakedenError, Value } from "snakeden";
import { startDen } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const OPTIONS = { adapter: "tool_options", size: 1 } as const;

async function timeoutOf(den: Snakeden, options: { timeoutMs?: number }): Promise<unknown> {
  const error = await den.execute("slow", { seconds: 60 }, options).catch((error) => error);
  assert.ok(error instanceof DeadlineExceededError, String(error));
  return error.details["timeoutMs"];
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`@tool(timeout_ms=...) is the deadline of calls that name none, over ${carrier}`, async () => {
    await using den = await startDen({ ...OPTIONS, carrier });
    assert.equal(await timeoutOf(den, {}), 150);
    assert.equal(await timeoutOf(den, { timeoutMs: 20 }), 20);
    const slow = den.tools.list().find(({ name }) => name === "slow");
    assert.equal(slow?.timeoutMs, 150);
    assert.equal(den.tools.list().find(({ name }) => name === "who")?.timeoutMs, undefined);
  });

  Deno.test(`current_call().id is the id of the answer and of the log, over ${carrier}`, async () => {
    const records: LogRecord[] = [];
    configureSync({
      reset: true,
      sinks: { test: (record) => records.push(record) },
      loggers: [
        { category: ["snakeden", "worker"], sinks: ["test"], lowestLevel: "info" },
        { category: ["logtape", "meta"], sinks: [] },
      ],
    });
    try {
      await using den = await startDen({ ...OPTIONS, carrier });
      for (let i = 0; i < 40; i++) {
        const { value, callId } = await den.call("who", Value.from({}), { requestId: "mine" });
        assert.equal(value.decode(), callId);
      }
      await until(() => records.length >= 80, "all lines");
      const ids = records.map(({ properties }) => properties["callId"]);
      assert.equal(new Set(ids).size, 40);
    } finally {
      resetSync();
    }
  });

  Deno.test(`arrays: "list" sends arrays as lists, by call and by tool, over ${carrier}`, async () => {
    await using den = await startDen({ ...OPTIONS, carrier });
    assert.deepEqual(await den.execute("whole", { n: 2 }), new BigInt64Array([0n, 1n]));
    assert.deepEqual(await den.execute("whole", { n: 2 }, { arrays: "list" }), [0, 1]);
    assert.deepEqual(await den.execute("listed", { n: 2 }), [0, 1]);
    const bytes = await den.execute("listed", { n: 2 }, { arrays: "base64" });
    assert.deepEqual(bytes, new BigInt64Array([0n, 1n]));
    assert.deepEqual(await den.execute("series", { n: 2 }, { arrays: "list" }), [[[0, 0]], [[
      1,
      1,
    ]]]);
    const chunks = await Array.fromAsync(den.stream("series", { n: 2 }, { arrays: "list" }));
    assert.deepEqual(chunks, [[[0, 0]], [[1, 1]]]);
  });
}

Deno.test('arrays: "list" refuses more numbers than limits.maxListItems, and names it', async () => {
  await using den = await startDen(OPTIONS, { limits: { maxListItems: 3 } });
  assert.deepEqual(await den.execute("listed", { n: 3 }), [0, 1, 2]);
  const error = await den.execute("listed", { n: 4 }).catch((error) => error);
  assert.ok(error instanceof SnakedenError);
  assert.equal(error.code, "result_too_large");
  assert.match(error.message, /at least 4 numbers.*at most 3.*limits\.maxListItems/);
});
