import assert from "node:assert/strict";
import type { Den } from "../../src/client/mod.ts";
import {
  DeadlineExceededError,
  InvalidInputError,
  PythonError,
  SnakedenError,
} from "../../src/errors.ts";
import { MAX_BATCH_SIZE, MAX_WINDOW } from "../../src/map/map_options.ts";
import { fakeDen } from "../../src/testing/mod.ts";
import { NdArray } from "../../src/values/mod.ts";
import { microtasks } from "../fixtures/until.ts";

const TOOLS = {
  classify: ({ text }: { text: string }): string => text.includes("good") ? "happy" : "neutral",
  echo: ({ value }: { value: unknown }): unknown => value,
  nothing: (): void => {},
  train: function* ({ epochs }: { epochs: number }): Generator<number, string> {
    for (let epoch = 1; epoch <= epochs; epoch++) yield epoch;
    return "trained";
  },
};

/** A function of a program under test: it takes the library, the client and the fake. */
async function summary(den: Den): Promise<string> {
  const labels = [await den.execute<string>("classify", { text: "a good day" })];
  for await (const epoch of den.stream<number>("train", { epochs: 2 })) labels.push(`${epoch}`);
  return labels.join(" ");
}

Deno.test("fakeDen() takes the place of a den, and records its calls", async () => {
  await using fake = fakeDen(TOOLS);
  assert.equal(await summary(fake), "happy 1 2");
  assert.deepEqual(
    fake.calls.map(({ tool, args, via, state, result, chunks }) => {
      return { tool, args, via, state, result, chunks };
    }),
    [
      {
        tool: "classify",
        args: { text: "a good day" },
        via: "execute",
        state: "done",
        result: "happy",
        chunks: [],
      },
      {
        tool: "train",
        args: { epochs: 2 },
        via: "stream",
        state: "done",
        result: "trained",
        chunks: [1, 2],
      },
    ],
  );
  fake.clearCalls();
  assert.equal(fake.calls.length, 0);
});

Deno.test("fakeDen() lists its tools", () => {
  const { tools } = fakeDen(TOOLS, { pool: "texts" });
  assert.deepEqual(tools.list().map(({ name, pool, streams }) => [name, pool, streams]), [
    ["classify", "texts", false],
    ["echo", "texts", false],
    ["nothing", "texts", false],
    ["train", "texts", true],
  ]);
  assert.equal(tools.find("train")?.name, "train");
  assert.equal(tools.find("train", "other"), undefined);
});

Deno.test("FakeDen.call() returns an outcome, whose value is decoded anew each time", async () => {
  const outcome = await fakeDen(TOOLS).call("echo", { value: [1] });
  assert.deepEqual(outcome.value.decode(), [1]);
  assert.notEqual(outcome.value.decode(), outcome.value.decode());
  assert.deepEqual([outcome.callId, outcome.workerId, outcome.queueMs], ["fake-1", "fake-1", 0]);
});

Deno.test("FakeDen.execute() returns the chunks of a generator as a list, and null for nothing", async () => {
  const fake = fakeDen({
    ...TOOLS,
    lines: async function* (): AsyncGenerator<string> {
      yield await Promise.resolve("a");
      yield "b";
    },
  });
  assert.deepEqual(await fake.execute("train", { epochs: 2 }), [1, 2]);
  assert.deepEqual(await fake.execute("lines"), ["a", "b"]);
  assert.equal(await fake.execute("nothing"), null);
  assert.equal((await fake.call("nothing")).value.decode(), null);
});

Deno.test("FakeDen.stream() yields the one result of a tool that does not stream", async () => {
  const stream = fakeDen(TOOLS).stream("classify", { text: "" });
  assert.deepEqual(await Array.fromAsync(stream), ["neutral"]);
  assert.equal(await stream.result, "neutral");
});

Deno.test("FakeDen.stream() asks a generator for a chunk only when its reader does", async () => {
  let made = 0;
  let isClosed = false;
  const fake = fakeDen({
    count: function* (): Generator<number> {
      try {
        for (;;) yield ++made;
      } finally {
        isClosed = true;
      }
    },
  });
  const stream = fake.stream<number>("count");
  assert.equal(fake.calls.length, 0);
  for await (const n of stream) {
    assert.equal(n, made);
    if (n === 3) break;
  }
  await microtasks();
  assert.deepEqual([made, isClosed, fake.calls[0]?.state], [3, true, "cancelled"]);
});

Deno.test("a fake tool reports progress, also while it returns no chunk yet", async () => {
  const go = Promise.withResolvers<void>();
  const fake = fakeDen({
    slow: async (_args, call) => {
      call.progress({ fraction: 0.5 });
      await go.promise;
      call.progress({ fraction: 1 });
      return call.id;
    },
  });
  const seen: unknown[] = [];
  for await (const { type, value } of fake.stream("slow").events()) {
    seen.push([type, value.decode()]);
    // It is only let go once its first report has come.
    go.resolve();
  }
  assert.deepEqual(seen, [
    ["progress", { fraction: 0.5 }],
    ["progress", { fraction: 1 }],
    ["done", "fake-1"],
  ]);
});

Deno.test("FakeDen copies values as on their way to Python and back", async () => {
  const fake = fakeDen(TOOLS);
  const value = {
    map: new Map([["a", 1]]),
    date: new Date(0),
    big: 2n ** 70n,
    bytes: new Uint8Array([1, 2]),
    floats: new Float64Array([0.5]),
    table: new NdArray("<i4", [1, 2], new Int32Array([1, 2])),
    none: undefined,
    zero: -0,
  };
  const result = await fake.execute("echo", { value });
  assert.deepEqual(result, {
    map: { a: 1 },
    date: "1970-01-01T00:00:00.000Z",
    big: 2n ** 70n,
    bytes: new Uint8Array([1, 2]),
    floats: new Float64Array([0.5]),
    table: new NdArray("<i4", [1, 2], new Int32Array([1, 2])),
    zero: -0,
  });
  value.bytes[0] = 9;
  assert.deepEqual((fake.calls[0]?.args.value as typeof value).bytes, new Uint8Array([1, 2]));
});

Deno.test("FakeDen passes on input streams, item by item", async () => {
  const fake = fakeDen({
    total: async ({ numbers }: { numbers: AsyncIterable<number> }): Promise<number> => {
      let sum = 0;
      for await (const number of numbers) sum += number;
      return sum;
    },
  });
  async function* numbers(): AsyncGenerator<unknown> {
    yield 1;
    yield* [2, 3];
  }
  function* bad(): Generator<unknown> {
    yield 1;
    yield (): void => {};
  }
  assert.equal(await fake.execute("total", { numbers: numbers() }), 6);
  assert.equal(await fake.execute("total", { numbers: ReadableStream.from([4, 5]) }), 9);
  await assert.rejects(fake.execute("total", { numbers: bad() }), {
    code: "invalid_value",
    message: /Cannot send args\.numbers\[1\]: a function cannot be/,
  });
});

Deno.test("FakeDen refuses values that cannot be sent, in both directions", async () => {
  const fake = fakeDen({
    ...TOOLS,
    bad: (): unknown => ({ run: (): void => {} }),
    chunks: function* (): Generator<symbol> {
      yield Symbol("no");
    },
  });
  for (
    const [tool, args, message] of [
      ["echo", { value: [(): void => {}] }, /Cannot send args\.value\[0\]: a function cannot be/],
      ["echo", { value: Promise.resolve() }, /Cannot send args\.value: a Promise cannot be/],
      ["bad", {}, /Cannot send result\.run: a function cannot be/],
      ["chunks", {}, /Cannot send chunk: a symbol cannot be/],
    ] as const
  ) {
    await assert.rejects(fake.execute(tool, args), { code: "invalid_value", message });
  }
  assert.deepEqual(fake.calls.map(({ state }) => state), ["failed", "failed", "failed", "failed"]);
});

Deno.test("FakeDen fails as a host does for unknown tools, pools and options", async () => {
  const fake = fakeDen(TOOLS);
  await assert.rejects(fake.execute("clasify"), {
    code: "unknown_tool",
    message: 'There is no tool "clasify" of any pool; did you mean "classify"?',
  });
  await assert.rejects(fake.execute("classify", {}, { pool: "defalt" }), { code: "unknown_pool" });
  const options = { timeout: 1, timeoutMs: -1, sessionId: "a b" };
  await assert.rejects(fake.execute("classify", {}, options), (error) => {
    assert.ok(error instanceof InvalidInputError);
    assert.deepEqual(error.issues.map(({ path }) => path), ["timeout", "timeoutMs", "sessionId"]);
    return true;
  });
  await assert.rejects(fake.execute("classify", [] as never), InvalidInputError);
  assert.equal(fake.calls.length, 4);
});

Deno.test("errors of fake tools keep their code, and others are those of Python", async () => {
  const fake = fakeDen({
    busy: () => {
      throw new SnakedenError("server_busy", "too much", { retryable: true });
    },
    wrong: () => Promise.reject(new RangeError("too large")),
    late: function* (): Generator<number> {
      yield 1;
      throw new Error("later");
    },
  });
  await assert.rejects(fake.execute("busy"), { code: "server_busy", retryable: true });
  await assert.rejects(fake.execute("wrong"), (error) => {
    assert.ok(error instanceof PythonError);
    assert.deepEqual(error.python, { type: "RangeError", message: "too large" });
    return error.message === "RangeError: too large";
  });
  const stream = fake.stream("late");
  const chunks: unknown[] = [];
  await assert.rejects(async () => {
    for await (const chunk of stream) chunks.push(chunk);
  }, { code: "python_exception", message: "Error: later" });
  await assert.rejects(stream.result, PythonError);
  assert.deepEqual([chunks, fake.calls[2]?.state], [[1], "failed"]);
});

Deno.test("a signal cancels a fake call, and its tool is told", async () => {
  let told: unknown;
  const fake = fakeDen({
    hang: (_args, { signal }) =>
      new Promise(() => signal.addEventListener("abort", () => told = signal.reason)),
  });
  const aborting = new AbortController();
  const reason = new Error("changed my mind");
  const pending = fake.execute("hang", {}, { signal: aborting.signal });
  await microtasks();
  assert.equal(fake.calls[0]?.state, "running");
  aborting.abort(reason);
  await assert.rejects(pending, reason);
  assert.deepEqual([told, fake.calls[0]?.state, fake.calls[0]?.error], [
    reason,
    "cancelled",
    reason,
  ]);
  const early = fake.execute("hang", {}, { signal: AbortSignal.abort(reason) });
  await assert.rejects(early, reason);
});

Deno.test("the deadline ends a fake call that hangs, and closes a generator", async () => {
  let isClosed = false;
  const fake = fakeDen({
    hang: () => new Promise(() => {}),
    drip: async function* (_args, { signal }): AsyncGenerator<number> {
      try {
        yield 1;
        await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      } finally {
        isClosed = true;
      }
    },
  });
  await assert.rejects(fake.execute("hang", {}, { timeoutMs: 10 }), DeadlineExceededError);
  await assert.rejects(fake.execute("drip", {}, { timeoutMs: 10 }), DeadlineExceededError);
  await microtasks();
  assert.deepEqual([isClosed, fake.calls.map(({ state }) => state)], [true, ["failed", "failed"]]);
});

Deno.test("stallTimeoutMs ends a fake call that shows nothing, and onProgress sees its reports", async () => {
  const fake = fakeDen({
    train: async (_args, call) => {
      call.progress({ fraction: 0.5 });
      await new Promise((_, reject) => {
        call.signal.addEventListener("abort", () => reject(call.signal.reason));
      });
    },
    count: function* (_args, call): Generator<number> {
      call.progress(1);
      yield 1;
    },
  });
  const reports: unknown[] = [];
  const onProgress = (report: unknown): void => void reports.push(report);
  await assert.rejects(fake.execute("train", {}, { stallTimeoutMs: 10, onProgress }), {
    code: "stalled",
  });
  assert.deepEqual(await fake.execute("count", {}, { stallTimeoutMs: 60_000, onProgress }), [1]);
  assert.deepEqual(await Array.fromAsync(fake.stream("count", {}, { onProgress })), [1]);
  assert.deepEqual(reports, [{ fraction: 0.5 }, 1, 1]);
  assert.deepEqual(fake.calls.map(({ state }) => state), ["failed", "done", "done"]);
});

Deno.test("parts without a fake say how to give one", async () => {
  const fake = fakeDen(TOOLS);
  assert.throws(() => fake.sessions.open("a"), {
    code: "not_implemented",
    message:
      "den.sessions.open: a fake den has no sessions; give them: fakeDen(tools, { sessions })",
  });
  assert.equal(await Promise.resolve(fake.pools), fake.pools);
  assert.match(Deno.inspect(fake), /FakeDen/);
  const detect = (): never => {
    throw new Error("no machine");
  };
  assert.throws(() => fakeDen(TOOLS, { hardware: { detect } }).hardware.detect(), /no machine/);
});

Deno.test("fakeDen() refuses what is no function", () => {
  assert.throws(() => fakeDen({ a: 1 as never }), /fakeDen: a: given number; allowed: a function/);
});

Deno.test("FakeDen.map() gives results in order, and executeMany() what came of each item", async () => {
  const fake = fakeDen({ ...TOOLS, half: ({ n }: { n: number }) => evenHalf(n) });
  const items = [{ n: 2 }, { n: 4 }];
  assert.deepEqual(await fake.map<number>("half", items), [1, 2]);
  assert.deepEqual(fake.calls.map(({ via, args }) => [via, args]), [
    ["map", { n: 2 }],
    ["map", { n: 4 }],
  ]);
  const outcomes = await fake.executeMany<number>("half", [{ n: 1 }, { n: 6 }]);
  assert.deepEqual(outcomes.map(({ index, result }) => [index, result]), [[0, undefined], [1, 3]]);
  assert.ok(outcomes[0]?.error instanceof PythonError);
});

Deno.test("FakeDen.map() throws the first error of an item, with its index, and ends its iterable", async () => {
  const fake = fakeDen({ half: ({ n }: { n: number }) => evenHalf(n) });
  let isClosed = false;
  function* numbers(): Generator<{ n: number }> {
    try {
      for (const n of [2, 3, 4]) yield { n };
    } finally {
      isClosed = true;
    }
  }
  const results: number[] = [];
  const read = async (): Promise<void> => {
    for await (const it of fake.map<number>("half", numbers())) results.push(it);
  };
  await assert.rejects(read(), (error) => {
    assert.ok(error instanceof PythonError);
    assert.equal(error.details["index"], 1);
    return true;
  });
  assert.deepEqual([results, isClosed, fake.calls.length], [[1], true, 2]);
});

Deno.test("FakeDen.map() refuses what a den refuses", async () => {
  const fake = fakeDen(TOOLS);
  const refused = (path: string) => (error: unknown): boolean =>
    error instanceof InvalidInputError && error.issues.some((it) => it.path === path);
  assert.throws(() => fake.map("echo", 7 as never), refused("items"));
  assert.throws(() => fake.map("echo", [], { window: 0 }), refused("window"));
  assert.throws(() => fake.map("echo", [], { window: MAX_WINDOW + 1 }), refused("window"));
  assert.throws(
    () => fake.map("echo", [], { batchSize: MAX_BATCH_SIZE + 1 }),
    refused("batchSize"),
  );
  assert.throws(() => fake.map("echo", [], { ordered: 1 as never }), refused("ordered"));
  const onProgress = (): void => {};
  assert.throws(() => fake.map("echo", [], { onProgress } as never), refused("onProgress"));
  assert.throws(() => fake.map("echo", [], { onError: "skip" as never }), refused("onError"));
  assert.throws(() => fake.map("echo", [], { timeoutMs: 0 }), refused("timeoutMs"));
  await assert.rejects(async () => await fake.map("eco", []), { code: "unknown_tool" });
  assert.deepEqual(
    await fake.map("echo", [], { window: MAX_WINDOW, batchSize: MAX_BATCH_SIZE }),
    [],
  );
});

function evenHalf(n: number): number {
  if (n % 2 !== 0) throw new RangeError(`${n} is odd`);
  return n / 2;
}
