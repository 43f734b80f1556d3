/** Tests workers that run several calls at a time, each on a thread, over both carriers. */
import assert from "node:assert/strict";
import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";
import { defineTool } from "../../../mod.ts";
import { until } from "../../fixtures/until.ts";
import { CARRIERS, startThreads } from "./thread_den.ts";

const FOUR = [0, 1, 2, 3];

for (const carrier of CARRIERS) {
  Deno.test(`case 13: given workers of capacity 4, when 4 slow calls arrive, then they run at the same time in one process (${carrier})`, async () => {
    await using it = await startThreads({ carrier });
    const calls = FOUR.map(() => it.den.execute("meet", { name: "all", calls: 4 }));
    const [pid, ...others] = await Promise.all(calls);
    assert.deepEqual(others, [pid, pid, pid]);
    assert.equal(it.den.workers.list()[0]?.pid, pid);
  });

  Deno.test(`case 14: given a capacity-4 worker that frees 4 slots, when 4 are queued, then all 4 are dispatched (${carrier})`, async () => {
    await using it = await startThreads({ carrier });
    const names = FOUR.map((i) => `call${i}`);
    const held = names.map((name) => it.begin("hold", name));
    await it.begun(...names);
    const queued = FOUR.map(() => it.den.execute("meet", { name: "next", calls: 4 }));
    await until(() => it.den.pools.get("default").queued === 4, "four calls wait");
    const { capacity, begun } = it.den.pools.get("default");
    assert.deepEqual([capacity, begun], [4, 4]);
    await it.go(...names);
    assert.equal(new Set(await Promise.all([...held, ...queued])).size, 1);
  });

  Deno.test(`streams, input streams and asks of several calls do not mix (${carrier})`, async () => {
    await using it = await startThreads({ carrier });
    const { den } = it;
    let asked = 0;
    den.tools.register(defineTool({ name: "number", expose: "all", run: () => ++asked }));
    const streams = FOUR.map(async (i) => {
      const items = [];
      for await (const item of den.stream("count", { items: 40, size: 20_000 + i })) {
        items.push(String(item));
      }
      assert.equal(items.length, 40);
      assert.ok(items.every((it, n) => it.startsWith(`${n}:`) && it.length === 20_000 + i));
      assert.equal(new Set(items.map((it) => it.split(":")[1])).size, 1);
    });
    async function* upTo(n: number): AsyncGenerator<number> {
      for (let i = 0; i <= n; i++) yield i;
    }
    const sums = FOUR.map((i) => den.execute("add", { numbers: upTo(1_000 * i) }));
    const asks = FOUR.map(() => den.execute("ask", { name: "number" }));
    await Promise.all(streams);
    const expected = FOUR.map((i) => 1_000 * i * (1_000 * i + 1) / 2);
    assert.deepEqual(await Promise.all(sums), expected);
    assert.deepEqual((await Promise.all(asks)).map(Number).sort(), [1, 2, 3, 4]);
  });

  Deno.test(`a call is stopped wherever it is, and its neighbours and its worker go on (${carrier})`, async () => {
    await using it = await startThreads({ carrier });
    const { den } = it;
    den.tools.register(
      defineTool({ name: "silent", expose: "all", run: () => new Promise(() => {}) }),
    );
    const pid = await den.execute("pid", {});
    const neighbour = it.begin("hold", "neighbour");
    await it.begun("neighbour");
    for (const [tool, code] of [["spin", "deadline_exceeded"], ["forever", "deadline_exceeded"]]) {
      const late = it.begin(tool ?? "", `late-${tool}`, {}, { timeoutMs: 300 });
      await assert.rejects(late, { code });
    }
    await it.seen("late-forever");
    for (const tool of ["spin", "forever", "watch"]) {
      const leaving = new AbortController();
      const left = it.begin(tool, tool, {}, { signal: leaving.signal });
      await it.begun(tool);
      leaving.abort(new Error("left"));
      await assert.rejects(left, /left/);
    }
    await it.seen("watch");
    await assert.rejects(den.execute("ask", { name: "silent" }, { timeoutMs: 300 }), {
      code: "deadline_exceeded",
    });
    for await (const item of den.stream("endless", {})) if (item === 5) break;
    // All places are free again, and the worker is the same one.
    const free = () => den.workers.list()[0]?.begun === 1;
    await until(free, "all calls but one have ended");
    const three = FOUR.slice(1).map(() => den.execute("meet", { name: "after", calls: 3 }));
    assert.deepEqual(await Promise.all(three), [pid, pid, pid]);
    await it.go("neighbour");
    assert.equal(await neighbour, pid);
    assert.equal(den.workers.list()[0]?.replaceCause, undefined);
  });

  Deno.test(`the output of each call is its own, though calls print at the same time (${carrier})`, async () => {
    const records: LogRecord[] = [];
    configureSync({
      reset: true,
      sinks: { test: (record) => void records.push(record) },
      loggers: [
        { category: ["snakeden", "worker"], sinks: ["test"], lowestLevel: "info" },
        { category: ["logtape", "meta"], sinks: [] },
      ],
    });
    try {
      await using it = await startThreads({ carrier });
      const calls = FOUR.map((i) =>
        it.den.execute("say", { parts: [`a${i}`, `b${i}`, `c${i}`], name: "say", calls: 4 })
      );
      const ids = await Promise.all(calls);
      const of = (line: string) => records.find(({ properties }) => properties["line"] === line);
      for (const i of FOUR) {
        for (const line of [`a${i}b${i}c${i}`, `err of a${i}b${i}c${i}`]) {
          const record = await until(() => of(line), line);
          assert.equal(record.properties["callId"], ids[i]);
        }
      }
    } finally {
      resetSync();
    }
  });

  Deno.test(`a tool of the main thread runs there, beside the others, and asynchronous tools on the loops of their threads (${carrier})`, async () => {
    await using it = await startThreads({ carrier });
    const { den } = it;
    const held = it.begin("on_main", "main");
    await it.begun("main");
    const names = await Promise.all(
      [0, 1, 2].map(() => den.execute("wait_async", { name: "loops", calls: 3 })),
    );
    assert.equal(new Set(names).size, 3);
    await it.go("main");
    assert.equal(await held, true);
    const stopped = it.begin("on_main", "stopped", {}, { timeoutMs: 300 });
    await assert.rejects(stopped, { code: "deadline_exceeded" });
    assert.equal(await den.execute("on_main", {}), true);
  });
}

Deno.test("case 15: given idle workers of threads, when sequential calls are made, then load is spread", async () => {
  await using it = await startThreads({ size: 3, threadsPerWorker: 2 });
  const pids: unknown[] = [];
  for (let i = 0; i < 9; i++) pids.push(await it.den.execute("pid", {}));
  const counts = Object.values(Object.groupBy(pids, (pid) => String(pid))).map((it) => it?.length);
  assert.deepEqual(counts, [3, 3, 3]);
});

Deno.test("the least-loaded worker gets the next call, and none is full while another has room", async () => {
  await using it = await startThreads({ size: 2, threadsPerWorker: 2 });
  const names = FOUR.map((i) => `call${i}`);
  const held: Promise<unknown>[] = [];
  const loads: (readonly number[])[] = [];
  for (const name of names) {
    held.push(it.begin("hold", name));
    await it.begun(name);
    loads.push(it.den.workers.list().map(({ begun }) => begun).sort());
  }
  assert.deepEqual(loads, [[0, 1], [1, 1], [1, 2], [2, 2]]);
  await it.go(...names);
  await Promise.all(held);
});

Deno.test("objects that tools keep with a session are there for all threads of a worker", async () => {
  await using it = await startThreads();
  await it.den.sessions.open("s1");
  const values = ["a", "b", "c"];
  let kept: unknown;
  for (const value of values) {
    kept = await it.den.execute("remember", { value }, { sessionId: "s1" });
  }
  assert.deepEqual(kept, values);
});

Deno.test("threads that a tool leaves end with their worker, and harm no call", async () => {
  await using it = await startThreads();
  const [worker] = it.den.workers.list();
  await it.den.execute("leave_threads", { count: 20 });
  const calls = FOUR.map(() => it.den.execute("meet", { name: "after", calls: 4 }));
  assert.deepEqual(await Promise.all(calls), FOUR.map(() => worker?.pid));
  await it.den.stop();
  assert.throws(() => Deno.statSync(`/proc/${worker?.pid}/status`));
});
