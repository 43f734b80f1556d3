/** Maps: one tool for many items, in the library. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import type { MapOutcome, Snakeden, SnakedenError } from "../../../mod.ts";
import { startDen, tempDir } from "../../fixtures/host.ts";
import { until } from "../../fixtures/until.ts";

const numbers = (count: number): { readonly i: number }[] =>
  Array.from({ length: count }, (_, i) => ({ i }));

function startBulk(pool: object = {}): Promise<Snakeden> {
  return startDen({ adapter: "bulk", ...pool });
}

/** Returns results, and the codes of errors. */
function shown(outcomes: readonly MapOutcome[]): unknown[] {
  return outcomes.map(({ error, result }) => error === undefined ? result : error.code);
}

async function linesOf(path: string): Promise<number[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split("\n").slice(0, -1).map(Number);
}

Deno.test("den.map() gives the results of all items, in their order or as they end", async () => {
  await using den = await startBulk();
  const all = numbers(20_000).map(({ i }) => i);
  assert.deepEqual(await den.map<number>("noop", numbers(20_000)), all);
  const ordered = await Array.fromAsync(den.map<number>("noop", numbers(20_000)));
  assert.deepEqual(ordered, all);
  const options = { ordered: false } as const;
  const others = await Array.fromAsync(den.map<number>("noop", numbers(20_000), options));
  assert.deepEqual(others.toSorted((a, b) => a - b), all);
  assert.deepEqual(await den.map("noop", []), []);
});

Deno.test("den.map() yields what ends first, while an item that runs for long is on its way", async () => {
  await using dir = await tempDir();
  await using den = await startBulk();
  const gate = join(dir.path, "begun");
  const items = [
    { item: 0, path: gate, how: "sleep", seconds: 60 },
    ...Array.from({ length: 30 }, (_, i) => ({ item: i + 1, path: gate })),
  ];
  const options = { ordered: false, batchSize: 1, onError: "yield" } as const;
  const seen: number[] = [];
  for await (const { index } of den.map("noted", items, options)) {
    seen.push(index);
    if (seen.length === 30) break;
  }
  assert.deepEqual(seen.toSorted((a, b) => a - b), Array.from({ length: 30 }, (_, i) => i + 1));
});

Deno.test("den.map() throws the first error of an item with its index, and stops", async () => {
  await using dir = await tempDir();
  await using den = await startBulk({ size: 1 });
  const path = join(dir.path, "begun");
  function* items(): Generator<object> {
    for (let item = 0;; item++) yield { item, path, how: item === 57 ? "raise" : "" };
  }
  const results: unknown[] = [];
  await assert.rejects(async () => {
    for await (const it of den.map("noted", items() as Iterable<Record<string, unknown>>)) {
      results.push(it);
    }
  }, (error: SnakedenError) => {
    assert.deepEqual([error.code, error.details["index"]], ["python_exception", 57]);
    return true;
  });
  assert.deepEqual(results, Array.from({ length: 57 }, (_, i) => i));
  // The worker is free again.
  assert.equal(await den.execute("noop", { i: 1 }), 1);
});

Deno.test("den.executeMany() gives what came of each item", async () => {
  await using den = await startBulk();
  const outcomes = await den.executeMany("add", [
    { a: 1, b: 2 },
    { a: "one" },
    7 as unknown as Record<string, unknown>,
    { a: Symbol("s") },
    { a: 3 },
  ]);
  assert.deepEqual(shown(outcomes), [
    3,
    "invalid_arguments",
    "invalid_input",
    "invalid_value",
    13,
  ]);
  assert.deepEqual(outcomes.map(({ index }) => index), [0, 1, 2, 3, 4]);
});

Deno.test("a reader that leaves ends the iterable, which may be endless, and what runs", async () => {
  await using dir = await tempDir();
  await using den = await startBulk();
  const path = join(dir.path, "begun");
  let [read, isClosed] = [0, false];
  function* endless(): Generator<{ i: number }> {
    try {
      while (true) yield { i: read++ };
    } finally {
      isClosed = true;
    }
  }
  let seen = 0;
  for await (const i of den.map<number>("noop", endless())) {
    assert.equal(i, seen++);
    if (seen === 5_000) break;
  }
  assert.ok(isClosed);
  assert.ok(read >= seen);
  const slow = Array.from({ length: 4 }, (_, item) => ({ item, path, how: "sleep", seconds: 60 }));
  const leaving = new AbortController();
  const map = den.map("noted", slow, { signal: leaving.signal, batchSize: 1 });
  const ended = assert.rejects(map.then(), /enough/);
  await until(async () => (await linesOf(path)).length === 2, "two items run");
  leaving.abort(new Error("enough"));
  await ended;
  assert.equal(await den.execute("noop", { i: 1 }), 1);
});

Deno.test("den.map() reads no further than its reader, however slow that is", async () => {
  await using den = await startBulk();
  let read = 0;
  function* many(): Generator<{ bytes: number }> {
    while (true) {
      read++;
      yield { bytes: 100_000 };
    }
  }
  const results = den.map<string>("text_of", many())[Symbol.asyncIterator]();
  assert.equal((await results.next()).value?.length, 100_000);
  // It comes to rest without a reader.
  let [before, looks] = [-1, 0];
  await until(() => {
    looks = before === read ? looks + 1 : 0;
    before = read;
    return looks === 100;
  }, "no further items are read");
  assert.ok(read < 2_000, `${read} items of 100 KB`);
  for (let i = 0; i < 500; i++) assert.equal((await results.next()).value?.length, 100_000);
  await results.return?.();
});

Deno.test("den.map() sends the items of a slow source at once", async () => {
  await using den = await startBulk();
  const asked: PromiseWithResolvers<void>[] = [];
  async function* slow(): AsyncGenerator<{ i: number }> {
    for (let i = 0; i < 5; i++) {
      const gate = Promise.withResolvers<void>();
      asked.push(gate);
      if (i > 0) await gate.promise;
      yield { i };
    }
  }
  const results = den.map<number>("noop", slow(), { batchSize: 100 })[Symbol.asyncIterator]();
  for (let i = 0; i < 5; i++) {
    assert.equal((await results.next()).value, i);
    await until(() => asked.length > Math.min(4, i + 1), "the source is asked for the next");
    asked[i + 1]?.resolve();
  }
  assert.equal((await results.next()).done, true);
});

Deno.test("the error of a source ends a map after the results of the items before", async () => {
  await using den = await startBulk();
  async function* breaks(): AsyncGenerator<{ i: number }> {
    for (let i = 0; i < 10; i++) yield { i };
    await Promise.resolve();
    throw new RangeError("no more");
  }
  const results: number[] = [];
  await assert.rejects(async () => {
    for await (const it of den.map<number>("noop", breaks())) results.push(it);
  }, /RangeError: no more/);
  assert.deepEqual(results, Array.from({ length: 10 }, (_, i) => i));
});

Deno.test("the death of a worker fails exactly the item that ran, and the others run elsewhere", async () => {
  await using dir = await tempDir();
  await using den = await startBulk();
  const path = join(dir.path, "begun");
  const items = Array.from({ length: 2_000 }, (_, item) => ({
    item,
    path,
    how: item === 900 ? "kill" : item === 1_200 ? "segfault" : "",
  }));
  const outcomes = await den.executeMany<number>("noted", items);
  const failed = outcomes.filter(({ error }) => error !== undefined);
  assert.deepEqual(failed.map(({ index, error }) => [index, error?.code]), [
    [900, "worker_crashed"],
    [1_200, "worker_crashed"],
  ]);
  assert.equal(failed[0]?.error?.details["item"], undefined);
  const begun = await linesOf(path);
  assert.equal(begun.length, 2_000, "each item began once");
  assert.equal(new Set(begun).size, 2_000);
});

Deno.test("an item that may run twice runs again when its worker has died", async () => {
  await using dir = await tempDir();
  await using den = await startBulk({ maxReruns: 2 });
  const path = join(dir.path, "begun");
  const items = [0, 1, 2].map((item) => ({ item, path, how: item === 1 ? "kill" : "" }));
  const outcomes = await den.executeMany("noted", items, { idempotent: true });
  assert.deepEqual(shown(outcomes), [0, "worker_crashed", 2]);
  const begun = await linesOf(path);
  assert.equal(begun.filter((it) => it === 1).length, 3);
  assert.equal(begun.length, 5);
});

Deno.test("an item has the time of a call, and no other item loses it", async () => {
  await using den = await startBulk();
  const items = [0, 1, 2, 3].map((i) => i === 2 ? { how: "sleep", seconds: 60 } : { how: `${i}` });
  const outcomes = await den.executeMany("ends", items, { timeoutMs: 300 });
  assert.deepEqual(shown(outcomes), ["0", "1", "deadline_exceeded", "3"]);
});

Deno.test("a map runs host tools, with as many calls at a time as its window", async () => {
  await using den = await startBulk();
  let [running, most] = [0, 0];
  using _tool = den.tools.register({
    name: "double",
    input: z.object({ n: z.number() }),
    run: async ({ n }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      if (n === 3) throw new Error("three");
      return 2 * n;
    },
  });
  const items = Array.from({ length: 40 }, (_, n) => ({ n }));
  const outcomes = await den.executeMany("double", items, { window: 4 });
  assert.deepEqual(
    shown(outcomes),
    items.map(({ n }) => n === 3 ? "host_tool_failed" : 2 * n),
  );
  assert.equal(most, 4);
});

for (
  const [tool, pool] of [
    ["twice", { profile: "thread", threadsPerWorker: 3, adapter: "side_by_side" }],
    ["echo", { profile: "async", adapter: "waits_async" }],
  ] as const
) {
  Deno.test(`a map runs in workers of the profile ${pool.profile}`, async () => {
    await using den = await startDen({ size: 1, ...pool });
    const items = numbers(2_000).map(({ i }) => tool === "twice" ? { number: i } : { value: i });
    const results = await den.map(tool, items);
    assert.deepEqual(results, numbers(2_000).map(({ i }) => tool === "twice" ? 2 * i : i));
  });
}

Deno.test("the items of a map run in the session of its options", async () => {
  await using den = await startBulk();
  await den.sessions.open("s");
  const seen = await den.map<number[]>("remember", [1, 2, 3].map((n) => ({ n })), {
    sessionId: "s",
    window: 1,
  });
  assert.deepEqual(seen, [[1], [1, 2], [1, 2, 3]]);
});

Deno.test("a map is refused for options that it cannot have", async () => {
  await using den = await startBulk();
  for (
    const [options, fields] of [
      [{ window: 0 }, ["window"]],
      [{ window: 1e9, batchSize: 0.5 }, ["batchSize", "window"]],
      [{ ordered: "yes" }, ["ordered"]],
      [{ onError: "ignore" }, ["onError"]],
      [{ onProgress: () => {} }, ["onProgress"]],
      [{ timeoutMs: -1 }, ["timeoutMs"]],
    ] as const
  ) {
    assert.throws(() => den.map("noop", [], options as object), (error: SnakedenError) => {
      const { issues } = error.details as { issues: { path: string }[] };
      assert.deepEqual([error.code, issues.map(({ path }) => path)], ["invalid_input", fields]);
      return true;
    });
  }
  assert.throws(() => den.map("noop", 5 as never), /items: given a number/);
  await assert.rejects(den.map("nope", numbers(3)).then(), { code: "unknown_tool" });
  const map = den.map("noop", numbers(3));
  assert.deepEqual(await map, [0, 1, 2]);
  assert.deepEqual(await map, [0, 1, 2]);
  await assert.rejects(Array.fromAsync(map), TypeError);
});
