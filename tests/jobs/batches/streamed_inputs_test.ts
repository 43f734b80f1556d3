/** Batches whose items come one after the other. */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type JobInput, NdArray, type Snakeden, type SnakedenError } from "../../../mod.ts";
import { startDen } from "../../fixtures/host.ts";
import { until } from "../../fixtures/until.ts";

type Batch = Extract<JobInput, { readonly kind: "batch" }>;

async function outcomes(den: Snakeden, batch: Omit<Batch, "kind">): Promise<unknown[]> {
  const handle = await den.jobs.submit({ kind: "batch", ...batch });
  const results = await Array.fromAsync(handle.results());
  return results.toSorted((a, b) => a.index - b.index)
    .map((it) => "error" in it ? it.error.code : it.result);
}

function* keys(count: number): Generator<{ readonly key: number }> {
  for (let key = 0; key < count; key++) yield { key };
}

async function* later<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const it of items) {
    await nextTurn();
    yield it;
  }
}

Deno.test("items of any iterable are written to a file that the job keeps", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const squares = Array.from({ length: 1_500 }, (_, key) => key ** 2);
  const inputs = [
    keys(1_500),
    later(keys(1_500)),
    new Set(keys(1_500)),
    ReadableStream.from(keys(1_500)),
  ];
  for (const it of inputs) {
    assert.deepEqual(await outcomes(den, { tool: "square", inputs: it }), squares);
  }
  assert.deepEqual(await outcomes(den, { tool: "square", inputs: keys(0) }), []);
  const { items } = await den.files.list();
  assert.deepEqual(
    items.map(({ name, bytes }) => [name, bytes > 0]),
    [["inputs.ndjson", false], ...inputs.map(() => ["inputs.ndjson", true])],
  );
  for (const { id } of items) await assert.rejects(den.files.remove(id), { code: "file_in_use" });
});

Deno.test("a list of more than 10,000 items is written to a file, a shorter one is not", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  for (const [count, files] of [[10_000, 0], [10_001, 1]] as const) {
    const inputs = [...keys(count)];
    assert.equal((await outcomes(den, { tool: "square", inputs })).at(-1), (count - 1) ** 2);
    assert.equal((await den.files.list()).items.length, files);
  }
});

Deno.test("items of an iterable may be every value that those of a list may be", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const big = 12345678901234567890n;
  const values = [
    null,
    'ü\n"',
    big,
    NaN,
    new Uint8Array([1, 2]),
    { big, bytes: new Uint8Array([3]) },
    [new NdArray("<f8", [1, 2], new Float64Array([0.5, 2]))],
    { $snakeden: "int", value: 5 },
    new Map([["a", new Date(0)]]),
    undefined,
  ];
  const listed = await outcomes(den, { tool: "echo", inputs: values, input: "value" });
  const common = { args: { other: new Uint8Array([9]) } };
  assert.deepEqual(listed.slice(0, 6), values.slice(0, 6));
  const streamed = await outcomes(den, { tool: "echo", inputs: later(values), input: "value" });
  assert.deepEqual(streamed, listed);
  const inline = { tool: "echo_with", inputs: values, input: "value", ...common };
  assert.deepEqual(await outcomes(den, { ...inline, inputs: later(values) }), listed);
  assert.deepEqual(await outcomes(den, inline), listed);
});

Deno.test("no more items are taken than are written, and none after an error or an abort", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const leaving = new AbortController();
  let taken = 0;
  let isClosed = false;
  async function* source(end: (taken: number) => unknown): AsyncGenerator<object> {
    try {
      for (taken = 0;; taken++) {
        await end(taken);
        yield { key: taken };
      }
    } finally {
      isClosed = true;
    }
  }
  const failure = new RangeError("the table is gone");
  const cases: [string, (taken: number) => unknown, unknown][] = [
    ["error", (it) => it === 3_000 ? Promise.reject(failure) : undefined, failure],
    [
      "abort",
      (it) => it === 3_000 && leaving.abort(new TypeError("enough")),
      new TypeError("enough"),
    ],
  ];
  for (const [name, end, error] of cases) {
    isClosed = false;
    const submitted = den.jobs.submit(
      { kind: "batch", tool: "square", inputs: source(end) },
      { signal: leaving.signal },
    );
    await assert.rejects(submitted, error as Error, name);
    await until(() => isClosed, `${name}: the items are closed`);
    // Those of one chunk that was being made.
    assert.ok(taken < 3_600, `${name}: ${taken}`);
  }
  const again = den.jobs.submit(
    { kind: "batch", tool: "square", inputs: source(() => assert.fail("it was taken")) },
    { signal: leaving.signal },
  );
  await assert.rejects(again, { message: "enough" });
  assert.deepEqual([await den.files.list(), (await den.jobs.list()).items], [{ items: [] }, []]);
});

Deno.test("an abort ends a submission whose next item does not come", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const leaving = new AbortController();
  const silent = Promise.withResolvers<never>();
  let returned = 0;
  const inputs = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        leaving.abort(new TypeError("enough"));
        return silent.promise;
      },
      return: () => Promise.resolve({ done: true as const, value: returned++ }),
    }),
  };
  const submitted = den.jobs.submit({ kind: "batch", tool: "square", inputs }, leaving);
  await assert.rejects(submitted, { message: "enough" });
  assert.equal(returned, 1);
  assert.deepEqual(await den.files.list(), { items: [] });
});

Deno.test("items that cannot be kept, and fields that are wrong, leave no file", async () => {
  const config = { jobs: { maxBatchItems: 700, maxArgsBytes: 1024 }, files: { maxFiles: 3 } };
  await using den = await startDen({ adapter: "batch_work" }, config);
  const untouched: Iterable<object> = { [Symbol.iterator]: () => assert.fail("it was taken") };
  const wrong = [
    [{ inputs: later([{ key: 1 }, 5]) }, /inputs\[1\]: given 5; allowed: an object/],
    [{ inputs: keys(701) }, /inputs: given more than 700 items; allowed: at most that \(jobs.max/],
    [{ inputs: [{ key: "x".repeat(2_000) }].values() }, /inputs\[0\]: given \d+ .*at most 1024/],
    [{ inputs: [{ key: Symbol("no") }].values() }, /inputs\[0\]\.key/],
    [{ inputs: "abc" }, /inputs: given "abc"; allowed: a list/],
    [{ inputs: new Uint8Array(3) }, /inputs: given .*; allowed: a list/],
    [{ inputs: untouched, inputsFile: "x" }, /inputsFile: given beside inputs/],
    [{ inputs: untouched, format: "csv" }, /format: given without inputsFile/],
    [{ inputs: untouched, tool: "none" }, /none/],
    [{ inputs: untouched, window: 0 }, /window/],
  ] as const;
  for (const [fields, message] of wrong) {
    const input = { kind: "batch", tool: "square", ...fields } as unknown as JobInput;
    await assert.rejects(den.jobs.submit(input), { message });
  }
  const many = den.jobs.submitMany([{ kind: "batch", tool: "square", inputs: untouched }]);
  await assert.rejects(many, { message: /\[0\]\.inputs: given .*; allowed: a list/ });
  assert.deepEqual(await den.files.list(), { items: [] });
  // Its own file would be one too many.
  for (let i = 0; i < 3; i++) await den.files.add(new Uint8Array(1));
  const full = den.jobs.submit({ kind: "batch", tool: "square", inputs: keys(3) });
  await assert.rejects(full, { code: "file_quota_exceeded" });
});

Deno.test("a submission that is repeated makes no second job, and no second file", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const batch = { kind: "batch", tool: "square" } as const;
  for (const name of [{ id: "mine" }, { idempotencyKey: "key" }]) {
    const first = await den.jobs.submit({ ...batch, ...name, inputs: keys(20) });
    const second = await den.jobs.submit({ ...batch, ...name, inputs: later(keys(20)) });
    assert.deepEqual([first.answer, second.answer, second.id], ["created", "existing", first.id]);
    const conflict: SnakedenError = await den.jobs.submit({ ...batch, ...name, inputs: keys(21) })
      .then(() => assert.fail(), (it) => it);
    assert.equal(conflict.code, "idempotency_conflict");
    assert.deepEqual(await first.result(), { done: 20, failed: 0, total: 20 });
  }
  const unique = { unique: { key: "one" }, delayMs: 60_000 };
  await den.jobs.submit({ ...batch, ...unique, inputs: keys(5) });
  const dropped = await den.jobs.submit({ ...batch, ...unique, inputs: keys(6) });
  assert.equal(dropped.answer, "dropped");
  assert.equal((await den.files.list()).items.length, 3);
});
